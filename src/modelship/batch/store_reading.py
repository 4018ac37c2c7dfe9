"""Read objects in ranges: each has a time limit, so a slow read is not ended, and a hung one is."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["RANGE_BYTES", "RangeReader"]

RANGE_BYTES: Final = 4 * 2**20


class RangeReader(io.RawIOBase):
    """The bytes of an object.

    Parameters
    ----------
    read_range : Callable[[int, int], bytes]
        Returns the bytes from a first to an exclusive last one.
    size_bytes : int
        The size of the object in bytes.
    """

    def __init__(self, read_range: Callable[[int, int], bytes], size_bytes: int) -> None:
        super().__init__()
        self._read_range = read_range
        self._size_bytes = size_bytes
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to another position, and return it."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size_bytes}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read at most as many bytes as a range has, and return how many these are."""
        stop = min(self._at + min(len(buffer), RANGE_BYTES), self._size_bytes)
        if stop <= self._at:
            return 0
        found = self._read_range(self._at, stop)
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)

    def readall(self) -> bytes:
        """Read the rest, in whole ranges: that of Python asks for a few kilobytes at a time."""
        parts = []
        while part := self.read(RANGE_BYTES):
            parts.append(part)
        return b"".join(parts)
