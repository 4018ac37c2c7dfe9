"""Define RowMemory: the memory in which a scoring process finds rows."""

from __future__ import annotations

import mmap
import os
import tempfile
from typing import TYPE_CHECKING, Any

from modelship.batch.column_blocks import block_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RowMemory"]


class RowMemory:
    """Memory that is shared with a scoring process, and grows with the largest block.

    Attributes
    ----------
    descriptor : int
        The file descriptor of the memory.
    size : int
        Its size in bytes.
    """

    def __init__(self) -> None:
        if hasattr(os, "memfd_create"):
            self.descriptor = os.memfd_create("modelship-rows")
        else:
            with tempfile.TemporaryFile() as file:
                self.descriptor = os.dup(file.fileno())
        self.size = 0
        self._map: mmap.mmap | None = None

    def write(self, table: pa.Table, *, form: str, dtype: str | None = None) -> dict[str, Any]:
        """Write rows, and return their layout; see :func:`block_of`.

        Parameters
        ----------
        table : pyarrow.Table
            The rows.
        form : str
            ``"matrix"`` or ``"columns"``.
        dtype : str, optional
            The dtype of a matrix that run() takes.

        Raises
        ------
        ValueError
            If the rows do not have this form.
        """
        block = block_of(table, form=form, dtype=dtype)
        block.write(self._grown(block.size_bytes))
        return block.layout

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
