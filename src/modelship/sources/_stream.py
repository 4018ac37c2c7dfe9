"""Stream the decompressed bytes of a model file, with bounded memory.

Lengths that a file declares are not trusted: all reads are bounded, so that a short file cannot
make this process allocate much memory.
"""

from __future__ import annotations

import io
import os
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from modelship.sources._unpacking import Zlib, compression_of, decompressor_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from _typeshed import WriteableBuffer

    from modelship.sources._budget import Budget

__all__ = [
    "ByteStream",
    "EndedEarlyError",
    "MalformedError",
    "ReadingError",
    "UndescribedError",
    "compression_of",
]

CHUNK_BYTES: Final = 64 * 1024
# The longest instruction that is not skipped: a text of 255 bytes, and its length.
LONGEST_SHORT_BYTES: Final = 272


class ReadingError(Exception):
    """A file was not read as a whole model."""


class EndedEarlyError(ReadingError):
    """The data is truncated; the argument is what was being read."""


class MalformedError(ReadingError):
    """The data is not in the declared format; the argument is the problem."""


class UndescribedError(ReadingError):
    """Reading stopped without a known problem in the file; the argument is the reason."""


class _Bounded(io.RawIOBase):
    """Unpacked content within a budget; `read` returns the next bytes, at most so many."""

    def __init__(self, read: Callable[[int], bytes], budget: Budget) -> None:
        self._read = read
        self._budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        data = self._read(len(view))
        self._budget.take_bytes(len(data))
        view[: len(data)] = data
        return len(data)


class _Unpacked:
    """The unpacked content of a compressed file."""

    def __init__(self, file: BinaryIO, compression: str) -> None:
        self._file = file
        self._compression = compression
        try:
            self._inner = decompressor_of(compression)
        except ImportError as error:
            raise UndescribedError(str(error)) from None

    def read(self, most: int) -> bytes:
        """Return the next bytes, at most `most`; none at the end."""
        data = b""
        while not data:
            if self._inner.eof and not self._next_member():
                break
            packed = self._file.read(CHUNK_BYTES) if self._inner.needs_input else b""
            data = self._unpack(packed, most)
            if not data and not packed and not self._inner.eof:
                raise EndedEarlyError(f"{self._compression} data")
        return data

    def _unpack(self, packed: bytes, max_length: int) -> bytes:
        try:
            return self._inner.decompress(packed, max_length)
        except Exception as error:  # each library has its own exceptions, and lzma may be missing
            raise MalformedError(f"its {self._compression} data is damaged") from error

    def _next_member(self) -> bool:
        """Continue with another stream in the same file, as bz2 and xz allow."""
        rest = self._inner.unused_data or self._file.read(CHUNK_BYTES)
        if rest and isinstance(self._inner, Zlib):
            # joblib's reader of zlib and gzip then doubles its memory until it is exhausted
            # (BinaryZlibFile._fill_buffer, joblib 1.6), so such a file must not be served.
            raise MalformedError(
                f"extra data follows its {self._compression} data, on which joblib.load hangs"
            )
        if compression_of(rest[:8]) != self._compression:
            return False
        self._file.seek(-len(rest), os.SEEK_CUR)
        self._inner = decompressor_of(self._compression)
        return True


def _read_entry(file: BinaryIO, most: int) -> bytes:
    """Return the next bytes of an entry of a zip archive."""
    try:
        return file.read(min(most, CHUNK_BYTES))
    except EOFError:
        raise EndedEarlyError("an entry of an archive") from None
    except Exception as error:  # of zlib, of bz2, or of a checksum
        raise MalformedError("an entry of the archive is damaged") from error


class ByteStream:
    """The bytes of a file in order, with exact and bounded reads.

    The available bytes are the window ``data[at:]``. Code that reads from it directly advances
    `at`, and stays below `safe`, where the longest short instruction is still within the window.

    Parameters
    ----------
    file : BinaryIO
        An open file at its start.
    budget : Budget
        The budget for unpacking.
    compression : str or None
        The result of :func:`compression_of` for the file, or ``"zip"`` for an entry of an archive.
    """

    data: bytes
    at: int
    safe: int

    def __init__(self, file: BinaryIO, *, budget: Budget, compression: str | None) -> None:
        self._size_bytes: int | None = None
        self._end = 0  # the end of the window in the whole content
        self.skipped_bytes = 0
        self.budget = budget
        if compression is None:
            self._file = file
            self._size_bytes = os.fstat(file.fileno()).st_size
        else:
            is_entry = compression == "zip"
            read = partial(_read_entry, file) if is_entry else _Unpacked(file, compression).read
            self._file = cast("BinaryIO", io.BufferedReader(_Bounded(read, budget), CHUNK_BYTES))
        self._hold(b"")

    def _hold(self, data: bytes) -> None:
        self.data, self.at, self.safe = data, 0, len(data) - LONGEST_SHORT_BYTES

    def _more(self) -> bool:
        """Move the start of the window to `at`, and extend it; False at the end of the bytes."""
        more = self._file.read(CHUNK_BYTES)
        self._end += len(more)
        self._hold(self.data[self.at :] + more)
        return bool(more)

    @property
    def position_bytes(self) -> int:
        """The number of bytes that were read or skipped."""
        return self._end - len(self.data) + self.at

    def read(self, size_bytes: int) -> bytes:
        """Return exactly `size_bytes` bytes; only for small sizes that do not come from a file."""
        while len(self.data) - self.at < size_bytes:
            if not self._more():
                raise EndedEarlyError("a pickle")
        self.at += size_bytes
        return self.data[self.at - size_bytes : self.at]

    def peek(self, size_bytes: int) -> bytes:
        """Return the next bytes, fewer at the end, without consuming them."""
        while len(self.data) - self.at < size_bytes and self._more():
            pass
        return self.data[self.at : self.at + size_bytes]

    def chunks(self) -> Iterator[bytes]:
        """Yield all remaining bytes, in chunks."""
        while self.has_more:
            yield self.data[self.at :]
            self.at = len(self.data)

    def unsigned(self, size_bytes: int) -> int:
        """Return the next little-endian unsigned integer."""
        return int.from_bytes(self.read(size_bytes), "little")

    def line(self, max_bytes: int) -> bytes | None:
        """Return the next line without its end, or None for one longer than `max_bytes`."""
        found = self.data.find(b"\n", self.at, self.at + max_bytes + 1)
        if found >= 0:
            begin, self.at = self.at, found + 1
            return self.data[begin:found]
        begin = self.position_bytes
        while (found := self.data.find(b"\n", self.at)) < 0:
            if len(self.data) - self.at > max_bytes:
                self.at = len(self.data)
            if not self._more():
                raise EndedEarlyError("a pickle")
        line = self.data[self.at : found]
        self.at = found + 1
        return line if self.position_bytes - begin - 1 <= max_bytes else None

    def skip(self, size_bytes: int) -> None:
        """Skip `size_bytes` bytes, and raise EndedEarlyError if there are fewer."""
        self.skipped_bytes += size_bytes
        left = size_bytes - (len(self.data) - self.at)
        if left <= 0:
            self.at += size_bytes
            return
        self._hold(b"")
        if self._size_bytes is None:
            self._unpack_over(left)
            return
        if self._end + left > self._size_bytes:
            raise EndedEarlyError("a pickle")
        self._end += left
        self._file.seek(self._end)

    def _unpack_over(self, size_bytes: int) -> None:
        while size_bytes > 0:
            passed = len(self._file.read(min(size_bytes, CHUNK_BYTES)))
            if not passed:
                raise EndedEarlyError("a pickle")
            self._end += passed
            size_bytes -= passed

    @property
    def has_more(self) -> bool:
        """Whether there are more bytes."""
        return self.at < len(self.data) or self._more()

    def finish(self) -> int:
        """Read compressed data to its end, to verify its checksum; return the total size."""
        if self._size_bytes is not None:
            return self._size_bytes
        while data := self._file.read(CHUNK_BYTES):
            self._end += len(data)
        return self._end
