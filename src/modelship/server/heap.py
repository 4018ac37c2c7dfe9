"""The heap: keeps what a request leaves for the next one, and gives back what a large one left.

glibc hands freed memory at the end of the heap back to the kernel once there is a few times as much
of it as the largest block so far, and asks for it again with the next body: every page of it is
then made anew, which can take longer than all else that is done with an array. It raises those
bounds by itself, as it sees larger blocks, up to what is set here at once (mallopt(3):
M_MMAP_THRESHOLD, M_TRIM_THRESHOLD). What is free between blocks that are in use it keeps for ever,
unless it is told to look (malloc_trim(3)).
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any

__all__ = ["LARGE_BYTES", "give_back_freed_memory", "keep_freed_memory"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h
LARGE_BYTES = 32 << 20
"""glibc's own largest threshold on 64 bits (DEFAULT_MMAP_THRESHOLD_MAX)."""
_KEPT_BYTES = 2 * LARGE_BYTES


def keep_freed_memory() -> None:
    """Let this process, and those forked from it, keep up to 64 MiB that they have freed."""
    if _glibc() is not None:
        _glibc().mallopt(_MMAP_THRESHOLD, LARGE_BYTES)
        _glibc().mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)


def give_back_freed_memory() -> None:
    """Let the kernel have what is free; takes some milliseconds, the more is free the more."""
    if _glibc() is not None:
        _glibc().malloc_trim(0)


@cache
def _glibc() -> Any:
    """Return the C library, or None: another one keeps no more than it should."""
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    return library if hasattr(library, "malloc_trim") else None
