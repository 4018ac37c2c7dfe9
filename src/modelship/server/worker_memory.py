"""Limit the memory of a worker, and tune how much freed memory it keeps.

glibc returns freed memory at the end of the heap to the kernel once it is a few times as large as
the largest block so far, and requests it again for the next body: every page is then recreated,
which can take longer than all other work on an array. glibc raises these thresholds itself, as it
sees larger blocks, up to the values that are set here at once (mallopt(3): M_MMAP_THRESHOLD,
M_TRIM_THRESHOLD). It keeps free memory between blocks in use forever, unless it is told to release
it (malloc_trim(3)).
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
_NO_LIMIT = 2**60  # version 1 writes a larger number for no limit
_USABLE = 0.9


class Budget:
    """The memory budget of one of several workers.

    Parameters
    ----------
    limit_bytes : int
        The memory of the service; 0 if unknown, in which case it is that of the machine.
    workers : int
        The number of workers that share it.

    Attributes
    ----------
    total_bytes : int
        This worker's share. A tenth of the total is reserved for the other processes.
    """

    def __init__(self, limit_bytes: int, *, workers: int) -> None:
        limit_bytes = limit_bytes or memory_limit() or _PAGE_BYTES * os.sysconf("SC_PHYS_PAGES")
        self.total_bytes = int(limit_bytes * _USABLE) // workers
        # Each worker only counts its proportional part of the shared model.
        self._shared_bytes = max(0, own_memory() - _proportional_memory())

    @property
    def left_bytes(self) -> int:
        """The remaining bytes, 0 or more."""
        return max(0, self.total_bytes - own_memory() + self._shared_bytes)


def own_memory() -> int:
    """Return the resident bytes that are not shared with a file (proc(5), statm)."""
    if sys.platform != "linux":
        return 0
    _, resident, shared, *_ = map(int, Path("/proc/self/statm").read_bytes().split())
    return (resident - shared) * _PAGE_BYTES


def memory_limit(groups: Path = _GROUPS, process: Path = Path("/proc/self/cgroup")) -> int:
    """Return the memory limit of this control group in bytes; 0 if it has none.

    The limits of its parent groups apply too. In a container the mounted group is its own, whatever
    the path of the process (cgroups(7)).

    Parameters
    ----------
    groups : Path
        The mount point of control groups.
    process : Path
        The file that lists the groups of this process.
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
    except (OSError, ValueError):  # missing, or "max"
        return 0
    return limit if limit < _NO_LIMIT else 0


def _proportional_memory() -> int:
    """Return the resident bytes, divided by the number of processes that share them."""
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
    """Keep up to 64 MiB of freed memory, in this process and those forked from it."""
    if _glibc() is not None:
        _glibc().mallopt(_MMAP_THRESHOLD, LARGE_BYTES)
        _glibc().mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)


def give_back_freed_memory() -> None:
    """Return free memory to the kernel; takes some milliseconds, depending on the amount."""
    if _glibc() is not None:
        _glibc().malloc_trim(0)


@cache
def _glibc() -> Any:
    """Return the C library, or None if it is another one, which keeps no excess memory."""
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    return library if hasattr(library, "malloc_trim") else None
