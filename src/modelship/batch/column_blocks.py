"""Lay out rows in shared memory, for a scoring process."""

from __future__ import annotations

import json
import mmap
import os
import tempfile
from typing import Any

import numpy as np
import pyarrow as pa

__all__ = ["RowMemory"]


class RowMemory:
    """Memory that is shared with a scoring process, and grows with the largest block."""

    def __init__(self) -> None:
        if hasattr(os, "memfd_create"):
            self.descriptor = os.memfd_create("modelship-rows")
        else:
            with tempfile.TemporaryFile() as file:
                self.descriptor = os.dup(file.fileno())
        self.size = 0
        self._map: mmap.mmap | None = None

    def write(self, table: pa.Table, *, form: str) -> dict[str, Any]:
        """Write rows, and return their layout.

        Parameters
        ----------
        table : pyarrow.Table
            The rows.
        form : str
            ``"matrix"`` or ``"columns"``.
        """
        if form == "matrix":
            return self._matrix(table)
        parts = [_part(table.column(at)) for at in range(table.num_columns)]
        columns, at = [], 0
        for name, (kind, dtype, content) in zip(table.column_names, parts, strict=True):
            size = len(content)
            columns.append({"name": name, "kind": kind, "dtype": dtype, "at": at, "bytes": size})
            at += -(-size // 64) * 64
        memory = self._grown(at)
        for column, (_, _, content) in zip(columns, parts, strict=True):
            memory[column["at"] : column["at"] + column["bytes"]] = content
        return {"form": "columns", "rows": table.num_rows, "columns": columns}

    def _matrix(self, table: pa.Table) -> dict[str, Any]:
        columns = [each.to_numpy() for each in table.columns]
        dtype = np.result_type(*columns)
        shape = table.num_rows, len(columns)
        memory = self._grown(dtype.itemsize * shape[0] * shape[1])
        matrix = np.frombuffer(memory, dtype, shape[0] * shape[1]).reshape(shape)
        for at, each in enumerate(columns):
            matrix[:, at] = each
        return {"form": "matrix", "dtype": dtype.str, "rows": shape[0], "width": shape[1]}

    def _grown(self, size: int) -> memoryview:
        if size > self.size or self._map is None:
            self.size = max(size, mmap.PAGESIZE)
            os.ftruncate(self.descriptor, self.size)
            self._map = mmap.mmap(self.descriptor, self.size)
        return memoryview(self._map)

    def close(self) -> None:
        """Free the memory."""
        self._map = None
        os.close(self.descriptor)


def _part(column: pa.ChunkedArray) -> tuple[str, str, bytes | memoryview]:
    kind = column.type
    if pa.types.is_floating(kind) or (pa.types.is_integer(kind) and not column.null_count):
        values = np.ascontiguousarray(column.to_numpy())
        return "number", values.dtype.str, values.view(np.uint8).data
    return "json", "", json.dumps(column.to_pylist(), default=str).encode()
