"""Convert the columns of an Arrow table to one array of numbers, row by row."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from modelship.batch.block_columns import storage_of

if TYPE_CHECKING:
    Numbers = np.ndarray[Any, np.dtype[Any]]

__all__ = ["Matrix", "NotNumbersError", "matrix_of"]

_FILLED_ROWS = 1024  # at a time: the cache lines of that many stay in a core's cache
_WORD_BYTES = 4


class NotNumbersError(ValueError):
    """The columns of a table are not those of an array of numbers; the text names one."""


@dataclass(frozen=True)
class Matrix:
    """An array of numbers to write.

    Attributes
    ----------
    names : tuple[str, ...]
        The names of its columns; empty if they have none.
    columns : tuple[ndarray, ...]
        The values of each column; or all values, row by row, in one array.
    shape : tuple[int, ...]
        The shape of the array.
    dtype : numpy.dtype
        The dtype of the array.
    """

    names: tuple[str, ...]
    columns: tuple[Numbers, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def size_bytes(self) -> int:
        """The size of the array."""
        return prod(self.shape) * self.dtype.itemsize

    @property
    def layout(self) -> dict[str, Any]:
        """What the reader needs to know, as JSON values."""
        rows, *inner = self.shape
        sizes = {"rows": rows, "width": prod(inner), "shape": inner}
        return {
            "form": "matrix",
            "dtype": self.dtype.str,
            **sizes,
            "names": [*self.names] or None,
        }

    def write(self, buffer: Any) -> None:
        """Write the array to a writable buffer, of at least its size."""
        target: Numbers = np.frombuffer(buffer, self.dtype, prod(self.shape))
        if not self.names:
            for column in self.columns:  # at most one, of all rows
                target[:] = column
            return
        target = target.reshape(self.shape)
        for start in range(0, self.shape[0], _FILLED_ROWS):
            rows = slice(start, start + _FILLED_ROWS)
            part = target[rows]
            for at, column in enumerate(self.columns):
                part[:, at] = column[rows]


def matrix_of(table: Any, *, dtype: Any = None) -> Matrix:
    """Return the array of a pyarrow.Table.

    Parameters
    ----------
    table : pyarrow.Table
        Columns of numbers; or one column of lists of numbers, all of one length.
    dtype : dtype-like, optional
        The dtype that run() takes. It is that of the array if no value can change by it; else, and
        by default, the array has the dtype of the same numbers in JSON: booleans, integers of 64
        bits, or floats of 64 bits, which are also those with nulls.

    Raises
    ------
    NotNumbersError
        If the table has anything else.
    """
    held = [storage_of(each) for each in table.columns]
    if len(held) == 1 and _is_list(held[0].type):
        values, inner = _flat(held[0], name=table.column_names[0])
        made = _array(table.column_names[0], values)
        shape = (table.num_rows, *inner)
        return Matrix((), (made,), shape, _dtype_of([made], dtype))
    pairs = zip(table.column_names, held, strict=True)
    columns = [_array(name, each) for name, each in pairs]
    shape = (table.num_rows, len(columns))
    return Matrix(tuple(table.column_names), tuple(columns), shape, _dtype_of(columns, dtype))


def _array(name: str, held: Any) -> Numbers:
    kind = held.type
    if types.is_null(kind):
        return np.full(len(held), np.nan)
    if not types.is_floating(kind):  # most are: there may be thousands of columns
        if not (types.is_integer(kind) or types.is_boolean(kind)):
            raise NotNumbersError(
                f"run() takes an array of numbers, and the column {name!r} is of the type {kind}"
            )
        if held.null_count:
            held = _floats(held)
    array: Numbers = held.to_numpy()
    return array


def _floats(held: Any) -> Any:
    """Return integers or booleans as floats, rounded to the nearest."""
    is_truth = types.is_boolean(held.type)
    return (held.cast(pa.int8()) if is_truth else held).cast(pa.float64(), safe=False)


def _dtype_of(columns: list[Numbers], wanted: Any) -> np.dtype[Any]:
    """Return the wanted dtype if it holds all values as they are, or JSON's."""
    dtypes = {each.dtype for each in columns} or {np.dtype(np.float64)}
    found: np.dtype[Any] = np.result_type(*dtypes)
    taken: np.dtype[Any] = found if wanted is None else np.dtype(wanted)
    if wanted is not None and _is_exact(found, taken):
        return taken
    if found == np.uint64 or found.kind == "b":
        return found
    return np.dtype(np.int64 if found.kind in "iu" else np.float64)


def _is_exact(found: np.dtype[Any], wanted: np.dtype[Any]) -> bool:
    """Return whether a conversion gives what the server's gives, for any value.

    It converts integers to floats of 64 bits first; a float of 32 bits is rounded once from there.
    """
    if found.kind in "iu" and wanted.kind == "f":
        return wanted == np.float64 or (wanted == np.float32 and found.itemsize <= _WORD_BYTES)
    if found.kind == "f" and wanted.kind == "f":
        return wanted.itemsize >= _WORD_BYTES
    return bool(np.can_cast(found, wanted, "safe"))


def _is_list(kind: Any) -> bool:
    return bool(types.is_fixed_size_list(kind) or types.is_list(kind) or types.is_large_list(kind))


def _flat(held: Any, *, name: str) -> tuple[Any, tuple[int, ...]]:
    """Return the numbers of all lists, and the shape of each list."""
    inner: tuple[int, ...] = ()
    while _is_list(held.type):
        if held.null_count:
            raise NotNumbersError(f"The column {name!r} holds a list that is null")
        inner = (*inner, _length_of(held, name=name))
        held = pc.list_flatten(held)
    return held, inner


def _length_of(held: Any, *, name: str) -> int:
    """Return the length that all lists have."""
    if types.is_fixed_size_list(held.type):
        return int(held.type.list_size)
    if not len(held):
        return 0
    found = pc.min_max(pc.list_value_length(held)).as_py()
    if found["min"] != found["max"]:
        told = f"lists of {found['min']} to {found['max']} values; one length is expected"
        raise NotNumbersError(f"The column {name!r} holds {told}")
    return int(found["min"])
