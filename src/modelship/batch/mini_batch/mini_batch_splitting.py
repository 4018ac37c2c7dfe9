"""Split the input of a job into mini-batches: of files, or of rows of tables.

A file of a file input is never split. A table is split where a row ends: CSV where a line ends
outside of quotes, JSON lines at each line, Parquet at its row groups (which needs pyarrow).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from modelship.batch.mini_batch.mini_batch_settings import BatchSettings

__all__ = ["MiniBatch", "SplitError", "TablePiece", "mini_batches_of"]

FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
"""The formats of tables, by the ends of the names of their files."""

_WHOLE = 1 << 62  # bytes: more than a file has
_HIDDEN = (".", "_")  # such as _SUCCESS, as readers of data sets skip them


class SplitError(Exception):
    """The input cannot be split; the message says why."""


@dataclass(frozen=True)
class TablePiece:
    """Some rows of a file.

    Parameters
    ----------
    path : str
        The file.
    format : {"csv", "tsv", "jsonl", "parquet"}
        Its format.
    rows : int
        How many rows there are.
    start, stop : int
        Where they begin and end: a position in bytes; in Parquet, the number of a row group.
    head : int
        The size of the line with the names of the columns, in bytes.
    constants : Mapping[str, str]
        The values of columns that the names of the folders have.
    """

    path: str
    format: str
    rows: int
    start: int
    stop: int
    head: int = 0
    constants: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MiniBatch:
    """What one call of ``run()`` gets: the paths of files, or pieces of tables."""

    files: tuple[str, ...] = ()
    pieces: tuple[TablePiece, ...] = ()

    @property
    def items(self) -> int:
        """How many files, or rows, it has."""
        return len(self.files) + sum(each.rows for each in self.pieces)

    @property
    def question(self) -> dict[str, Any]:
        """What a worker is asked."""
        if self.pieces:
            return {"pieces": [asdict(each) for each in self.pieces]}
        return {"items": list(self.files)}


def mini_batches_of(settings: BatchSettings) -> list[MiniBatch]:
    """Return the mini-batches of a job.

    Raises
    ------
    SplitError
        If a file is no table, or not in folders named by the partition keys.
    """
    place = Path(settings.input)
    files = [str(place)] if place.is_file() else _files_below(place)
    is_tables = settings.kind == "tables"
    if is_tables and not place.is_file():
        files = [each for each in files if not _is_hidden(PurePath(each).relative_to(place))]
    if settings.partition_keys:
        groups = _grouped(files, place, settings.partition_keys)
        if not is_tables:
            return [MiniBatch(tuple(paths)) for paths in groups]
        found = [MiniBatch(pieces=tuple(_pieces(paths, place, _WHOLE))) for paths in groups]
        return [each for each in found if each.items]
    if is_tables:
        return _of_pieces(_pieces(files, place, settings.size), settings.size)
    size = settings.size
    return [MiniBatch(tuple(files[at : at + size])) for at in range(0, len(files), size)]


def _files_below(place: Path) -> list[str]:
    return sorted(str(each) for each in place.rglob("*") if each.is_file())


def _is_hidden(path: PurePath) -> bool:
    return any(part.startswith(_HIDDEN) for part in path.parts)


def _grouped(files: Iterable[str], place: Path, keys: Sequence[str]) -> list[list[str]]:
    """Return the files whose folders have the same values of the keys."""
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for each in files:
        found = _folder_values(each, place)
        missing = [key for key in keys if key not in found]
        if missing:
            raise SplitError(
                f"{each} is not in a folder {missing[0]}=VALUE, and partition_keys names "
                f"{missing[0]}: its folders have {', '.join(found) or 'no key'}."
            )
        groups[tuple(found[key] for key in keys)].append(each)
    return [groups[each] for each in sorted(groups)]


def _folder_values(path: str, place: Path) -> dict[str, str]:
    """Return the keys and values in the names of the folders, as in ``year=2026/month=1``."""
    if not place.is_dir():
        return {}
    parts = PurePath(path).relative_to(place).parts[:-1]
    pairs = [part.partition("=") for part in parts]
    return {key: value for key, mark, value in pairs if mark and key}


def _of_pieces(pieces: Iterable[TablePiece], size: int) -> list[MiniBatch]:
    """Put small pieces together, up to about `size` bytes."""
    found: list[MiniBatch] = []
    waiting: list[TablePiece] = []
    weight = 0
    for each in pieces:
        own = _weight(each)
        if waiting and weight + own > size:
            found.append(MiniBatch(pieces=tuple(waiting)))
            waiting, weight = [], 0
        waiting.append(each)
        weight += own
    return [*found, MiniBatch(pieces=tuple(waiting))] if waiting else found


def _weight(piece: TablePiece) -> int:
    if piece.format != "parquet":
        return piece.stop - piece.start
    from pyarrow import parquet

    meta = parquet.read_metadata(piece.path)
    groups = [meta.row_group(number) for number in range(piece.start, piece.stop)]
    return sum(each.total_byte_size for each in groups)


def _pieces(files: Iterable[str], place: Path, size: int) -> Iterator[TablePiece]:
    for path in files:
        kind = FORMATS.get(PurePath(path).suffix.lower())
        if kind is None:
            raise SplitError(f"{path} is no table; expected one of {', '.join(FORMATS)}.")
        split = _row_groups if kind == "parquet" else _lines
        for start, stop, head, rows in split(path, kind, size):
            yield TablePiece(path, kind, rows, start, stop, head, _folder_values(path, place))


def _lines(path: str, kind: str, size: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield start, stop, the size of the head, and the number of rows."""
    with Path(path).open("rb") as file:
        rows = _records(file, quoted=kind != "jsonl")
        head = 0 if kind == "jsonl" else next(rows, (0, False))[0]
        start = stop = head
        count = 0
        for length, is_row in rows:
            stop += length
            count += is_row
            if stop - start >= size and count:
                yield start, stop, head, count
                start, count = stop, 0
        if count:
            yield start, stop, head, count


def _records(lines: Iterable[bytes], *, quoted: bool) -> Iterator[tuple[int, bool]]:
    """Yield the size of each row in bytes, and whether it is one: empty lines are none."""
    length, is_open, is_row = 0, False, False
    for line in lines:
        length += len(line)
        is_row = is_row or bool(line.strip())
        is_open ^= quoted and line.count(b'"') % 2 == 1
        if not is_open:
            yield length, is_row
            length, is_row = 0, False
    if length:
        yield length, is_row


def _row_groups(path: str, _kind: str, size: int) -> Iterator[tuple[int, int, int, int]]:
    try:
        from pyarrow import parquet
    except ImportError:
        raise SplitError(
            f"{path} is a Parquet file, and pyarrow is not installed: add it to the environment."
        ) from None
    meta = parquet.read_metadata(path)
    start = rows = weight = 0
    for number in range(meta.num_row_groups):
        group = meta.row_group(number)
        rows, weight = rows + group.num_rows, weight + group.total_byte_size
        if rows and (weight >= size or number == meta.num_row_groups - 1):
            yield start, number + 1, 0, rows
            start, rows, weight = number + 1, 0, 0
