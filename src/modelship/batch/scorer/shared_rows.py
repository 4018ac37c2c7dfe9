"""Define SharedRows: some rows of a block in shared memory, in the forms that scripts take."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["SharedRows"]


class SharedRows:
    """The rows `start` to `stop` of a block.

    Parameters
    ----------
    layout : dict
        Where the columns are.
    memory : memoryview
        The block.
    start, stop : int
        The rows.
    """

    def __init__(self, layout: dict[str, Any], memory: memoryview, start: int, stop: int) -> None:
        self._layout = layout
        self._memory = memory
        self._rows = slice(start, stop)

    def array(self) -> Any:
        """Return the rows as an array of shape (n, columns), which shares the memory."""
        import numpy as np

        layout = self._layout
        shape = layout["rows"], layout["width"]
        whole = np.frombuffer(self._memory, layout["dtype"], shape[0] * shape[1]).reshape(shape)
        return whole[self._rows]

    def columns(self) -> dict[str, Any]:
        """Return the values of each column: an array of numbers, or a list."""
        return {each["name"]: self._values(each) for each in self._layout["columns"]}

    def lists(self) -> list[list[Any]]:
        """Return the rows as lists of JSON values."""
        if self._layout["form"] == "matrix":
            found: list[list[Any]] = self.array().tolist()
            return found
        columns = [_listed(each) for each in self.columns().values()]
        return [list(row) for row in zip(*columns, strict=True)]

    def records(self) -> list[dict[str, Any]]:
        """Return the rows as objects by column."""
        names = [each["name"] for each in self._layout["columns"]]
        return [dict(zip(names, row, strict=True)) for row in self.lists()]

    def _values(self, column: dict[str, Any]) -> Any:
        content = self._memory[column["at"] : column["at"] + column["bytes"]]
        if column["kind"] == "number":
            import numpy as np

            return np.frombuffer(content, column["dtype"])[self._rows]
        return json.loads(bytes(content))[self._rows]


def _listed(values: Any) -> list[Any]:
    return values if isinstance(values, list) else values.tolist()
