"""Read columns of the files that a job has written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa
from pyarrow import csv, json, parquet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from modelship.batch.manifest import Entry

__all__ = ["answer_columns_in", "answer_tables"]

_ANSWERS: Final = ("prediction", "probability_")


def answer_columns_in(names: Sequence[str]) -> list[str]:
    """Return which columns of an output are answers: by their names, or else the last one."""
    return [each for each in names if each.startswith(_ANSWERS)] or list(names[-1:])


def answer_tables(
    output: Path,
    entries: Sequence[Entry],
    *,
    columns: Callable[[Sequence[str]], Sequence[str]] = answer_columns_in,
) -> Iterator[pa.Table]:
    """Yield the answers of each piece that has some, in the order of the pieces.

    Parameters
    ----------
    output : Path
        The folder of the output.
    entries : Sequence[Entry]
        The pieces.
    columns : Callable
        Returns the columns to read of those that a file has.
    """
    for each in entries:
        if each.output:
            yield _read(output / each.output, columns)


def _read(path: Path, columns: Callable[[Sequence[str]], Sequence[str]]) -> pa.Table:
    if path.suffix == ".parquet":
        file = parquet.ParquetFile(path)
        return file.read(list(columns(file.schema_arrow.names)))
    if path.suffix in (".csv", ".tsv"):
        form = csv.ParseOptions(
            delimiter="\t" if path.suffix == ".tsv" else ",", newlines_in_values=True
        )
        table = csv.read_csv(path, parse_options=form)
    elif path.suffix in (".jsonl", ".ndjson", ".json"):
        table = json.read_json(path)
    else:
        return pa.table({})
    return table.select(list(columns(table.column_names)))
