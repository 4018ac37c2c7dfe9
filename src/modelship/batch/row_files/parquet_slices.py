"""Read a slice of a row group that is too large to be read at once."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SliceReader"]

_BATCH_ROWS: Final = 4096
_BUFFER_BYTES: Final = 1 << 20


class SliceReader(threading.local):
    """Reads slices of row groups, each thread its own.

    Parquet has to be decoded from the beginning of a row group. The pieces of a job come in order,
    so that each thread continues where its last slice ended, and decodes a row group once.
    """

    def __init__(self) -> None:
        self._key: Any = None
        self._batches: Any = iter(())
        self._left: Any = None
        self._at = 0

    def read(
        self, file: BinaryIO, group: int, columns: Sequence[str], start: int, stop: int
    ) -> pa.Table:
        """Return the rows `start` to `stop` of a row group."""
        status = _status(file)
        key = (*status, group, *columns)
        if not status or key != self._key or start < self._at:
            self._open(file, group, columns, is_own=bool(status))
            self._key = key if status else None
        found = []
        while self._at < stop:
            batch = self._next()
            first = max(start - self._at, 0)
            count = min(stop - self._at, batch.num_rows)
            if first < count:
                found.append(batch.slice(first, count - first))
            self._left = batch.slice(count)
            self._at += count
        return pa.Table.from_batches(found)

    def _open(self, file: Any, group: int, columns: Sequence[str], *, is_own: bool) -> None:
        source = pa.OSFile(str(file.name)) if is_own else file
        opened = pq.ParquetFile(source, buffer_size=_BUFFER_BYTES, pre_buffer=False)
        self._batches = opened.iter_batches(
            _BATCH_ROWS, row_groups=[group], columns=list(columns), use_threads=False
        )
        self._left, self._at = None, 0

    def _next(self) -> Any:
        if self._left is not None and self._left.num_rows:
            return self._left
        return next(self._batches)


def _status(file: Any) -> tuple[int, ...]:
    """Return what identifies a file of this machine; nothing for another one."""
    try:
        facts = os.fstat(file.fileno())
        os.stat(file.name)  # noqa: PTH116 - a descriptor is no path
    except (AttributeError, OSError, ValueError, TypeError):
        return ()
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns
