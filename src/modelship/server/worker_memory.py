"""Limit the memory of a worker, and tune how much of the heap it keeps.

glibc hands freed memory at the end of the heap back to the kernel once there is a few times as much
of it as the largest block so far, and asks for it again with the next body: every page of it is
then created again, which can take longer than all else that is done with an array. It raises those
bounds by itself, as it sees larger blocks, up to what is set here at once (mallopt(3):
M_MMAP_THRESHOLD, M_TRIM_THRESHOLD). What is free between blocks that are in use it keeps for ever,
unless it is told to look (malloc_trim(3)).
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

__all__ = [
    "LARGE_BYTES",
    "Budget",
    "give_back_freed_memory",
    "keep_freed_memory",
    "memory_limit",
    "own_memory",
]

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_GROUPS = Path("/sys/fs/cgroup")
_NO_LIMIT = 2**60  # what version 1 writes for none is beyond that
_USABLE = 0.9


class Budget:
    """What one of several workers may use.

    Parameters
    ----------
    limit_bytes : int
        What the service may use; 0 if that is not known, and then it is what the machine has.
    workers : int
        How many share it.

    Attributes
    ----------
    total_bytes : int
        This worker's share. A tenth of all is left for the processes beside the workers.
    """

    def __init__(self, limit_bytes: int, *, workers: int) -> None:
        limit_bytes = limit_bytes or memory_limit() or _PAGE_BYTES * os.sysconf("SC_PHYS_PAGES")
        self.total_bytes = int(limit_bytes * _USABLE) // workers
        # Of the model that the workers share, each counts its part alone.
        self._shared_bytes = max(0, own_memory() - _proportional_memory())

    @property
    def left_bytes(self) -> int:
        """What may still be used, 0 or more."""
        return max(0, self.total_bytes - own_memory() + self._shared_bytes)


def own_memory() -> int:
    """Return the bytes that are resident and not shared with a file (proc(5), statm)."""
    if sys.platform != "linux":
        return 0
    _, resident, shared, *_ = map(int, Path("/proc/self/statm").read_bytes().split())
    return (resident - shared) * _PAGE_BYTES


def memory_limit(groups: Path = _GROUPS, process: Path = Path("/proc/self/cgroup")) -> int:
    """Return the bytes of memory that this control group may use; 0 if it has no limit.

    A group is bounded by those above it too. In a container the one that is mounted is its own,
    whatever path the process is said to be in (cgroups(7)).

    Parameters
    ----------
    groups : Path
        Where control groups are mounted.
    process : Path
        Which groups this process is in.
    """
    try:
        lines = process.read_text().splitlines()
    except OSError:  # not Linux
        return 0
    limits = []
    for line in lines:
        _, kinds, path = line.split(":", 2)
        if not kinds or "memory" in kinds.split(","):
            file = "memory.limit_in_bytes" if kinds else "memory.max"
            group = groups / "memory" if kinds else groups
            limits.append(_limit(group / file))
            for name in PurePosixPath(path).parts[1:]:
                group /= name
                limits.append(_limit(group / file))
    return min((each for each in limits if each), default=0)


def _limit(file: Path) -> int:
    try:
        limit = int(file.read_text())
    except (OSError, ValueError):  # not there, or "max"
        return 0
    return limit if limit < _NO_LIMIT else 0


def _proportional_memory() -> int:
    """Return the bytes that are resident, divided by the processes that share them."""
    try:
        text = Path("/proc/self/smaps_rollup").read_bytes()
    except OSError:
        return own_memory()
    fields = dict(line.split(b":", 1) for line in text.splitlines()[1:])
    anonymous = fields.get(b"Pss_Anon")  # since Linux 5.4
    return own_memory() if anonymous is None else int(anonymous.split()[0]) << 10


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
