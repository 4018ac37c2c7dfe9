"""Define BlockRows: the rows of a block in shared memory, in the forms that scripts take."""

from __future__ import annotations

from typing import Any

from .block_frames import frame_of
from .block_values import column_values, json_values

__all__ = ["BlockRows"]


class BlockRows:
    """Some rows of a block.

    Parameters
    ----------
    layout : dict
        Where the values are: the layout that the host gives with a block.
    memory : memoryview
        The block, as bytes.
    start, stop : int, optional
        The first row, and the one after the last; all rows by default.
    """

    def __init__(
        self, layout: dict[str, Any], memory: memoryview, start: int = 0, stop: int | None = None
    ) -> None:
        self._layout = layout
        self._memory = memory
        self._start = start
        self._stop = layout["rows"] if stop is None else stop

    def __len__(self) -> int:
        return self._stop - self._start

    def slice(self, start: int, stop: int) -> BlockRows:
        """Return the rows `start` to `stop` of these, without a copy."""
        first = self._start
        return BlockRows(self._layout, self._memory, first + start, first + stop)

    @property
    def names(self) -> list[str]:
        """The names of the columns; those of a matrix without names are its numbers from 0 on."""
        if self._is_matrix:
            named = self._layout["names"]
            return named or [str(at) for at in range(self._layout["width"])]
        return [each["name"] for each in self._layout["columns"]]

    def array(self, dtype: Any = None) -> Any:
        """Return an array of shape (n, columns), each row of it contiguous.

        That of a matrix shares the memory, unless it has to be converted to another dtype. A list
        of numbers in one column is a row.

        Raises
        ------
        ValueError
            If a column cannot be converted to numbers.
        """
        import numpy as np

        found = self._matrix() if self._is_matrix else _stacked(self._values())
        return np.ascontiguousarray(found, dtype)

    def columns(self) -> dict[str, Any]:
        """Return the values of each column by name.

        They are an array of numbers or booleans, which shares the memory; :class:`Coded` texts;
        :class:`Times`; or a list, in which None is a missing value.
        """
        if self._is_matrix:
            found = self.array()
            columns = found.reshape(len(found), self._layout["width"]).T
            return dict(zip(self.names, columns, strict=True))
        return dict(zip(self.names, self._values(), strict=True))

    def frame(self) -> Any:
        """Return a pandas.DataFrame, as pandas reads such rows from a file."""
        columns = self.columns()
        if self._is_matrix:
            kinds = ["number"] * len(columns)
        else:
            kinds = [each["kind"] for each in self._layout["columns"]]
        return frame_of(columns, kinds, rows=len(self))

    def lists(self) -> list[list[Any]]:
        """Return the rows as lists of JSON values; NaN is None.

        As for :meth:`array`, a list in the only column is a row.
        """
        if self._is_matrix:
            shape = self._layout["shape"]
            return [_nested(row, shape) for row in self._json_columns()[0]]
        rows = self._listed()
        is_one = len(self._layout["columns"]) == 1
        return [row[0] if is_one and isinstance(row[0], list) else row for row in rows]

    def records(self) -> list[dict[str, Any]]:
        """Return the rows as objects of JSON values by column; NaN is None."""
        names = self.names
        rows = self._json_columns()[0] if self._is_matrix else self._listed()
        return [dict(zip(names, row, strict=True)) for row in rows]

    def json_columns(self) -> dict[str, list[Any]]:
        """Return the JSON values of each column by name; NaN is None."""
        if self._is_matrix:
            rows = self._json_columns()[0]
            return {name: [row[at] for row in rows] for at, name in enumerate(self.names)}
        return dict(zip(self.names, self._json_columns(), strict=True))

    @property
    def _is_matrix(self) -> bool:
        return bool(self._layout["form"] == "matrix")

    def _matrix(self) -> Any:
        found = column_values(self._vectors(), self._memory, self._start, self._stop)
        return found.reshape(len(self), *self._layout["shape"])

    def _vectors(self) -> dict[str, Any]:
        """Return a matrix as one column, whose values are its rows."""
        layout = self._layout
        kind = "boolean" if layout["dtype"] == "|b1" else "number"
        shape = [layout["width"]]
        return {"name": "", "kind": kind, "dtype": layout["dtype"], "at": 0, "shape": shape}

    def _values(self) -> list[Any]:
        place = self._memory, self._start, self._stop
        return [column_values(each, *place) for each in self._layout["columns"]]

    def _listed(self) -> list[list[Any]]:
        if not self._layout["columns"]:
            return [[] for _ in range(len(self))]
        return [list(row) for row in zip(*self._json_columns(), strict=True)]

    def _json_columns(self) -> list[list[Any]]:
        columns = [self._vectors()] if self._is_matrix else self._layout["columns"]
        return [json_values(each, self._memory, self._start, self._stop) for each in columns]


def _stacked(columns: list[Any]) -> Any:
    """Return columns as the array that :meth:`BlockRows.array` describes."""
    import numpy as np

    arrays = [np.asarray(getattr(each, "array", each)) for each in columns]
    if len(arrays) == 1 and arrays[0].ndim > 1:
        return arrays[0]
    gaps = [each.astype(float) if each.dtype == object else each for each in arrays]
    return np.column_stack(gaps)


def _nested(row: list[Any], shape: list[int]) -> list[Any]:
    """Return the values of a row in lists as deep as its shape."""
    if len(shape) == 1:
        return row
    size = len(row) // shape[0] if shape[0] else 0
    parts = (row[at * size : (at + 1) * size] for at in range(shape[0]))
    return [_nested(each, shape[1:]) for each in parts]
