"""The heap: keeps the room that one request leaves for the next one.

glibc hands freed memory at the end of the heap back to the kernel once there is a few times as much
of it as the largest block so far, and asks for it again with the next body: every page of it is
then made anew, which can take longer than all else that is done with an array. It raises those
bounds by itself, as it sees larger blocks, up to what is set here at once (mallopt(3):
M_MMAP_THRESHOLD, M_TRIM_THRESHOLD).
"""

from __future__ import annotations

import ctypes
import sys

__all__ = ["keep_freed_memory"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h
_LARGEST_BLOCK_BYTES = 32 << 20  # DEFAULT_MMAP_THRESHOLD_MAX on 64 bits
_KEPT_BYTES = 2 * _LARGEST_BLOCK_BYTES


def keep_freed_memory() -> None:
    """Let this process, and those forked from it, keep up to 64 MiB that they have freed."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:  # musl has none, and needs none
        mallopt(_MMAP_THRESHOLD, _LARGEST_BLOCK_BYTES)
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
