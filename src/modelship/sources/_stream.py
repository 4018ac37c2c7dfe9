"""Bytes of a model file, unpacked on the way, never more of them in memory than asked for.

Lengths that a file declares are not believed: what is read is read in bounded
pieces, so that a short file cannot make this process ask for much memory.
"""

from __future__ import annotations

import io
import os
import zlib
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol, cast

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = [
    "ByteStream",
    "EndedEarlyError",
    "MalformedError",
    "UndescribedError",
    "compression_of",
]

CHUNK_BYTES: Final = 256 * 1024
MAX_UNPACKED_BYTES: Final = 16 * 2**30
MAX_LZMA_MEMORY_BYTES: Final = 2**30
# As joblib tells them apart (joblib/compressor.py), in its order.
_MAGIC: Final = {
    "zfile": b"ZF",
    "zlib": b"\x78",
    "gzip": b"\x1f\x8b",
    "bz2": b"BZ",
    "lzma": b"\x5d\x00",
    "xz": b"\xfd7zXZ",
    "lz4": b"\x04\x22\x4d\x18",
}


class EndedEarlyError(Exception):
    """The bytes end where more must follow; carries what was being read."""


class MalformedError(Exception):
    """The bytes cannot be what they claim to be; carries the problem."""


class UndescribedError(Exception):
    """Reading stopped although nothing wrong is known; carries the reason."""


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Zlib:
    """zlib and gzip, with the interface that bz2 and lzma share."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=47)  # 32 + 15: either header, any window

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


def compression_of(first: bytes) -> str | None:
    """Return the compression that a file with these first bytes has for joblib, or None."""
    for name, magic in _MAGIC.items():
        if first.startswith(magic):
            return name
    return None


def _decompressor(compression: str) -> _Decompressor:
    if compression in ("zlib", "gzip"):
        return _Zlib()
    # A Python can be built without bz2 and lzma.
    try:
        if compression == "bz2":
            import bz2

            return bz2.BZ2Decompressor()
        if compression in ("lzma", "xz"):
            import lzma

            return lzma.LZMADecompressor(memlimit=MAX_LZMA_MEMORY_BYTES)
    except ImportError as error:
        raise UndescribedError(str(error)) from error
    raise UndescribedError(f"{compression} compression is not read here")


class _Unpacked(io.RawIOBase):
    """The unpacked content of a compressed file."""

    def __init__(self, file: BinaryIO, compression: str) -> None:
        self._file = file
        self._compression = compression
        self._inner = _decompressor(compression)
        self._left = MAX_UNPACKED_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        data = b""
        while not data:
            if self._inner.eof and not self._next_member():
                return 0
            packed = self._file.read(CHUNK_BYTES) if self._inner.needs_input else b""
            data = self._unpack(packed, len(view))
            if not data and not packed and not self._inner.eof:
                raise EndedEarlyError(f"{self._compression} data")
        self._left -= len(data)
        if self._left < 0:
            raise UndescribedError(f"it unpacks to more than {MAX_UNPACKED_BYTES} bytes")
        view[: len(data)] = data
        return len(data)

    def _unpack(self, packed: bytes, max_length: int) -> bytes:
        try:
            return self._inner.decompress(packed, max_length)
        except Exception as error:  # each library has its own, and lzma may be missing
            raise MalformedError(f"its {self._compression} data is damaged") from error

    def _next_member(self) -> bool:
        """Go on to a further stream in the same file, as bz2 and xz allow."""
        rest = self._inner.unused_data or self._file.read(CHUNK_BYTES)
        if rest and isinstance(self._inner, _Zlib):
            # joblib's reader of zlib and gzip then doubles its memory until there is no more
            # (BinaryZlibFile._fill_buffer, joblib 1.6), so such a file must not be served.
            raise MalformedError(
                f"something follows its {self._compression} data, on which joblib.load hangs"
            )
        if compression_of(rest[:8]) != self._compression:
            return False
        self._file.seek(-len(rest), os.SEEK_CUR)
        self._inner = _decompressor(self._compression)
        return True


class ByteStream:
    """The bytes of a file in order, with exact and bounded reads.

    Parameters
    ----------
    file : BinaryIO
        An open file at its start.
    compression : str or None
        What :func:`compression_of` returned for it.
    """

    def __init__(self, file: BinaryIO, *, compression: str | None) -> None:
        self._size_bytes: int | None = None
        if compression is None:
            self._file = file
            self._size_bytes = os.fstat(file.fileno()).st_size
        else:
            raw = _Unpacked(file, compression)
            self._file = cast("BinaryIO", io.BufferedReader(raw, CHUNK_BYTES))

    def read(self, size_bytes: int) -> bytes:
        """Return exactly `size_bytes` bytes; for small sizes that this package chose."""
        data = self._file.read(size_bytes)
        if len(data) < size_bytes:
            raise EndedEarlyError("a pickle")
        return data

    def unsigned(self, size_bytes: int) -> int:
        """Return the next little-endian unsigned integer."""
        return int.from_bytes(self.read(size_bytes), "little")

    def line(self, max_bytes: int) -> bytes | None:
        """Return the next line without its end, or None for one longer than `max_bytes`."""
        data = self._file.readline(max_bytes + 1)
        if data.endswith(b"\n"):
            return data[:-1]
        while not data.endswith(b"\n"):
            data = self._file.readline(CHUNK_BYTES)
            if not data:
                raise EndedEarlyError("a pickle")
        return None

    def skip(self, size_bytes: int) -> None:
        """Pass over `size_bytes` bytes, which all have to be there."""
        if self._size_bytes is not None:
            target = self._file.tell() + size_bytes
            if target > self._size_bytes:
                raise EndedEarlyError("a pickle")
            self._file.seek(target)
            return
        while size_bytes > 0:
            size_bytes -= len(self.read(min(size_bytes, CHUNK_BYTES)))

    def finish(self, *, alone: bool) -> None:
        """Read compressed data to its end, for its checksum; if `alone`, nothing may follow."""
        if self._size_bytes is not None:
            rest = self._size_bytes - self._file.tell()
        else:
            rest = 0
            while data := self._file.read(CHUNK_BYTES):
                rest += len(data)
        if alone and rest:
            raise MalformedError("something follows it")
