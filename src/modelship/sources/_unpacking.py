"""Decompress joblib's formats through one interface."""

from __future__ import annotations

import zlib
from typing import Final, Protocol

__all__ = ["Decompressor", "Zlib", "compression_of", "decompressor_of"]

MAX_LZMA_MEMORY_BYTES: Final = 2**30
# As joblib detects them (joblib/compressor.py), in its order.
_MAGIC: Final = {
    "zfile": b"ZF",
    "zlib": b"\x78",
    "gzip": b"\x1f\x8b",
    "bz2": b"BZ",
    "lzma": b"\x5d\x00",
    "xz": b"\xfd7zXZ",
    "lz4": b"\x04\x22\x4d\x18",
}


def compression_of(first: bytes) -> str | None:
    """Return the compression that joblib detects from these first bytes, or None."""
    for name, magic in _MAGIC.items():
        if first.startswith(magic):
            return name
    return None


class Decompressor(Protocol):
    """The common interface of Python's decompressors."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class Zlib:
    """zlib and gzip, with the interface of bz2 and lzma."""

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


def decompressor_of(compression: str) -> Decompressor:
    """Return an incremental decompressor for such data.

    Raises
    ------
    ImportError
        If this Python does not have one.
    """
    if compression in ("zlib", "gzip"):
        return Zlib()
    # Python can be built without bz2 and lzma.
    if compression == "bz2":
        import bz2

        return bz2.BZ2Decompressor()
    if compression in ("lzma", "xz"):
        import lzma

        return lzma.LZMADecompressor(memlimit=MAX_LZMA_MEMORY_BYTES)
    raise ImportError(f"{compression} compression is not read here")
