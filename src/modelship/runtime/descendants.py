"""Find the descendants of a process."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from threading import get_native_id

import psutil

__all__ = ["descendants"]


def descendants(pid: int) -> list[psutil.Process]:
    """Return all descendants of a process, from the kernel where it lists children by thread.

    psutil reads the state of every process of the machine for the same answer. Processes that exit
    in the meantime are left out.
    """
    here = Path("/proc/self/task", str(get_native_id()), "children")
    if not here.exists():  # not Linux, or a kernel without CONFIG_PROC_CHILDREN
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(pid).children(recursive=True)
    found: list[psutil.Process] = []
    for file in Path("/proc", str(pid), "task").glob("*/children"):
        # A thread or child that has exited is left out alone.
        with suppress(OSError):
            found += (
                each for child in file.read_text().split() for each in _with_below(int(child))
            )
    return found


def _with_below(pid: int) -> list[psutil.Process]:
    try:
        return [psutil.Process(pid), *descendants(pid)]
    except psutil.NoSuchProcess:
        return []
