"""Define RowFormat, the interface of the formats, and the table of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Cut", "RowFormat", "format_of", "formats"]

_MODULES = {"csv": "csv_rows", "parquet": "parquet_rows"}


@dataclass(frozen=True)
class Cut:
    """A part of a file; the fields are those of :class:`~modelship.batch.batch_plan.Piece`."""

    start: int
    stop: int
    first_row: int
    rows: int


class RowFormat(Protocol):
    """How the rows of one format are read and written.

    Attributes
    ----------
    name : str
        Its name, such as ``"csv"``.
    suffixes : tuple[str, ...]
        How the names of its files end, the usual one first.
    """

    name: str
    suffixes: tuple[str, ...]

    def cuts(self, file: BinaryIO, *, piece_bytes: int) -> Sequence[Cut]:
        """Return the pieces of a file, in order, which together are all of its rows."""
        ...

    def read(self, file: BinaryIO, cut: Cut) -> Any:
        """Return the rows of a piece, a pyarrow.Table."""
        ...

    def write(self, table: Any, file: BinaryIO) -> None:
        """Write rows, a pyarrow.Table, as a complete file."""
        ...


@cache
def formats() -> Mapping[str, RowFormat]:
    """Return the formats by name."""
    return {
        name: import_module(f"modelship.batch.row_files.{module}").FORMAT
        for name, module in _MODULES.items()
    }


def format_of(name: str) -> RowFormat | None:
    """Return the format of a file with this name; None if it is not known."""
    for each in formats().values():
        if name.lower().endswith(each.suffixes):
            return each
    return None
