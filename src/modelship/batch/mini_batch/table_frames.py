"""Make the DataFrame of a mini-batch, in the process of a script and with its own pandas."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

__all__ = ["frame_of"]


def frame_of(pieces: list[dict[str, Any]]) -> Any:
    """Return the rows of pieces of tables as one DataFrame.

    Parameters
    ----------
    pieces : list of dict
        The fields of each :class:`~modelship.batch.mini_batch.mini_batch_splitting.TablePiece`.
    """
    import pandas as pd

    frames = []
    for each in pieces:
        frame = _READERS[each["format"]](pd, each)
        for name, value in each["constants"].items():
            if name not in frame.columns:
                frame[name] = value
        frames.append(frame)
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def _bytes_of(piece: dict[str, Any]) -> io.BytesIO:
    """Return the lines of a piece, after those with the names of the columns."""
    with Path(piece["path"]).open("rb") as file:
        head = file.read(piece["head"])
        file.seek(piece["start"])
        return io.BytesIO(head + file.read(piece["stop"] - piece["start"]))


def _csv(pd: Any, piece: dict[str, Any]) -> Any:
    return pd.read_csv(_bytes_of(piece), sep="\t" if piece["format"] == "tsv" else ",")


def _json_lines(pd: Any, piece: dict[str, Any]) -> Any:
    return pd.read_json(_bytes_of(piece), lines=True)


def _parquet(_pd: Any, piece: dict[str, Any]) -> Any:
    from pyarrow import parquet

    groups = list(range(piece["start"], piece["stop"]))
    return parquet.ParquetFile(piece["path"]).read_row_groups(groups).to_pandas()


_READERS = {"csv": _csv, "tsv": _csv, "jsonl": _json_lines, "parquet": _parquet}
