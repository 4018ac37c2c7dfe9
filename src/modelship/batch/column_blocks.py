"""Write the rows of an Arrow table to shared memory, as the scoring process reads them.

A block has one of two forms. A matrix is one array of numbers. Columns are stored one after the
other, each in the buffers of its kind. Its layout, of JSON values, says where they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from modelship.batch.block_columns import block_column
from modelship.batch.block_matrix import matrix_of
from modelship.tables.arrow_limits import with_periods_as_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.batch.block_columns import BlockColumn

__all__ = ["Block", "block_of"]

_ALIGNED_BYTES = 64


class Block(Protocol):
    """Rows that can be written to a buffer."""

    @property
    def size_bytes(self) -> int:
        """The size of the buffer."""

    @property
    def layout(self) -> dict[str, Any]:
        """Where the values are in it, as JSON values."""

    def write(self, buffer: Any) -> None:
        """Write the rows to a writable buffer, of at least this size."""


def block_of(table: Any, *, form: str, dtype: Any = None) -> Block:
    """Return the rows of a pyarrow.Table, to be written to shared memory.

    Parameters
    ----------
    table : pyarrow.Table
        The rows; only with the columns that run() takes.
    form : str
        ``"matrix"`` or ``"columns"``.
    dtype : dtype-like, optional
        The dtype of a matrix that run() takes; see :func:`matrix_of`.

    Raises
    ------
    ValueError
        If two columns have the same name, or a value has no JSON form.
    NotNumbersError
        If a matrix is wanted, and the columns are not all numbers.
    """
    names = table.column_names
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"two columns are named {twice!r}")
    if form == "matrix":
        return matrix_of(table, dtype=dtype)
    held = with_periods_as_texts(table)
    pairs = zip(names, held.columns, strict=True)
    return _placed([block_column(*each) for each in pairs], rows=table.num_rows)


@dataclass(frozen=True)
class _ColumnsBlock:
    """Columns, and where each of their buffers begins."""

    layout: dict[str, Any]
    size_bytes: int
    places: Sequence[tuple[int, Sequence[Any]]]

    def write(self, buffer: Any) -> None:
        target = np.frombuffer(buffer, np.uint8) if self.size_bytes else np.zeros(0, np.uint8)
        for at, parts in self.places:
            start = at
            for part in parts:
                stop = start + part.nbytes
                target[start:stop].view(part.dtype)[:] = part
                start = stop


def _placed(columns: Sequence[BlockColumn], *, rows: int) -> _ColumnsBlock:
    places: list[tuple[int, Sequence[Any]]] = []
    headers, at = [], 0
    for column in columns:
        header, at = _place(column, at, places)
        headers.append(header)
    return _ColumnsBlock({"form": "columns", "rows": rows, "columns": headers}, at, places)


def _place(
    column: BlockColumn, at: int, places: list[tuple[int, Sequence[Any]]]
) -> tuple[dict[str, Any], int]:
    """Return the header of a column whose buffers begin at a position, and where they end."""
    header = dict(column.header)
    for key, parts in column.buffers.items():
        header[key] = at
        places.append((at, parts))
        size = sum(part.nbytes for part in parts)
        at += -(-size // _ALIGNED_BYTES) * _ALIGNED_BYTES
    if column.values is not None:
        header["values"], at = _place(column.values, at, places)
    return header, at
