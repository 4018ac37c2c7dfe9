"""Define RowFormat, the interface of the formats, and the table of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import accumulate
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelship.batch.row_files.row_texts import RowTexts

__all__ = [
    "Cut",
    "CutByRows",
    "ReadRows",
    "RefusedRow",
    "RowFormat",
    "format_of",
    "formats",
    "stem_of",
    "suffix_of",
]

_MODULES = {
    "csv": "csv_rows:CSV",
    "tsv": "csv_rows:TSV",
    "csv;": "csv_rows:SEMICOLONS",
    "csv|": "csv_rows:BARS",
    "parquet": "parquet_rows:FORMAT",
    "jsonl": "json_rows:FORMAT",
    "npy": "numpy_rows:NPY",
    "npz": "numpy_rows:NPZ",
}
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".lz4": "lz4"}
"""How the names of compressed files of text end, and what pyarrow calls the compression."""


@dataclass(frozen=True)
class Cut:
    """A part of a file; the fields are those of :class:`~modelship.batch.batch_plan.Piece`."""

    start: int
    stop: int
    first_row: int
    rows: int

    def slices(self, counts: Sequence[int]) -> list[Cut]:
        """Return its parts with these numbers of rows, where rows are the unit of the format."""
        return self.parts(counts, [self.start + at for at in accumulate(counts)])

    def parts(self, counts: Sequence[int], stops: Sequence[int]) -> list[Cut]:
        """Return its parts with these numbers of rows, which end at these positions."""
        starts = (self.start, *stops[:-1])
        rows = accumulate(counts, initial=self.first_row)
        return [Cut(*each) for each in zip(starts, stops, rows, counts, strict=False)]


class CutByRows:
    """What formats share whose positions are numbers of rows."""

    def parts(
        self,
        file: BinaryIO,  # noqa: ARG002 - it need not be read
        cut: Cut,
        counts: Sequence[int],
    ) -> list[Cut]:
        """Return the parts of a piece with these numbers of rows, which together are all of it."""
        return cut.slices(counts)


@dataclass(frozen=True)
class RefusedRow:
    """A row that cannot be read.

    Parameters
    ----------
    row : int
        Its position in the piece, from 0.
    reason : str
        Why, in one line.
    values : object
        What is there.
    """

    row: int
    reason: str
    values: Any


@dataclass(frozen=True)
class ReadRows:
    """The rows of a piece.

    Parameters
    ----------
    table : pyarrow.Table
        The rows, except for those that are refused.
    refused : tuple[RefusedRow, ...]
        The rows that cannot be read, in order.
    texts : RowTexts, optional
        The rows as they are in the file, to be written so; as many as the table has.
    """

    table: Any
    refused: tuple[RefusedRow, ...] = ()
    texts: RowTexts | None = None


class RowFormat(Protocol):
    """How the rows of one format are read and written.

    Attributes
    ----------
    name : str
        Its name, such as ``"csv"``.
    suffixes : tuple[str, ...]
        How the names of its files end, the usual one first; compressed ones have another suffix.
    keeps_text : bool
        Whether its rows are written as they were read, with the answers after them.
    """

    name: str
    suffixes: tuple[str, ...]
    keeps_text: bool

    def schema(self, file: BinaryIO) -> Any:
        """Return the columns of a file, a pyarrow.Schema: of the type null where it is not told.

        Raises
        ------
        ValueError, pyarrow.ArrowException
            If it is not a file of this format; the text is a clause.
        """
        ...

    def cuts(self, file: BinaryIO, *, piece_bytes: int) -> Sequence[Cut]:
        """Return the pieces of a file, in order, which together are all of its rows.

        Raises
        ------
        ValueError, pyarrow.ArrowException
            As for :meth:`schema`.
        """
        ...

    def parts(self, file: BinaryIO, cut: Cut, counts: Sequence[int]) -> list[Cut]:
        """Return the parts of a piece with these numbers of rows, which together are all of it."""
        ...

    def types(self, file: BinaryIO, cut: Cut, names: Sequence[str]) -> Any:
        """Return the narrowest types of columns that hold the values of a piece: a Schema."""
        ...

    def read(self, file: BinaryIO, cut: Cut, schema: Any, *, keep_text: bool = False) -> ReadRows:
        """Return the rows of a piece.

        Parameters
        ----------
        file : BinaryIO
            The file, seekable.
        cut : Cut
            The piece.
        schema : pyarrow.Schema
            The columns to read, in this order, with their types; one that the file lacks is null.
        keep_text : bool
            Whether the rows are returned as they are in the file, too.
        """
        ...

    def write(self, table: Any, file: BinaryIO) -> None:
        """Write the rows of a pyarrow.Table as a complete file."""
        ...


@cache
def formats() -> Mapping[str, RowFormat]:
    """Return the formats by name."""
    found = {}
    for name, place in _MODULES.items():
        module, _, attribute = place.partition(":")
        found[name] = getattr(import_module(f"modelship.batch.row_files.{module}"), attribute)
    return found


def format_of(name: str) -> RowFormat | None:
    """Return the format of a file with this name; None if it is not known."""
    plain = _uncompressed(name.lower())
    for each in formats().values():
        if plain.endswith(each.suffixes):
            return each
    return None


def suffix_of(name: str) -> str:
    """Return how the names of new files of a format end."""
    return {"csv;": ".csv", "csv|": ".csv", "npy": ".npz"}.get(name, "") or formats()[
        name
    ].suffixes[0]


def stem_of(name: str) -> str:
    """Return the name of a file without the suffixes of its format and compression."""
    kind = format_of(name)
    if kind is None:
        return name
    plain = name[: len(_uncompressed(name.lower()))]
    suffix = next(each for each in kind.suffixes if plain.lower().endswith(each))
    return plain[: -len(suffix)]


def _uncompressed(name: str) -> str:
    for suffix in COMPRESSIONS:
        name = name.removesuffix(suffix)
    return name
