"""Find the descendants of a process, and the memory that they use."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import get_native_id
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["descendants", "memory_of_descendants"]


def descendants(pid: int) -> list[psutil.Process]:
    """Return all descendants of a process, from the kernel where it lists children by thread.

    psutil reads the state of every process of the machine for the same answer. Processes that exit
    in the meantime are left out.
    """
    found: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        if not _kernel_lists_children():
            return psutil.Process(pid).children(recursive=True)
    for each in _below(pid):
        with suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(each))
    return found


def memory_of_descendants(pid: int) -> int:
    """Return the resident memory of all descendants of a process, in bytes.

    It is called many times a second: psutil reads several files of each process before it returns
    its memory. Processes that exit in the meantime are left out.
    """
    if not _kernel_lists_children():
        with suppress(psutil.Error, OSError):
            return sum(each.memory_info().rss for each in descendants(pid))
        return 0
    return sum(map(_resident_bytes, _below(pid)))


@cache
def _kernel_lists_children() -> bool:
    """Return False where this is not Linux, or a kernel without CONFIG_PROC_CHILDREN."""
    return Path("/proc/self/task", str(get_native_id()), "children").exists()


def _below(pid: int) -> Iterator[int]:
    folder = f"/proc/{pid}/task"
    for thread in _names_in(folder):
        for child in _words_of(f"{folder}/{thread}/children"):
            yield int(child)
            yield from _below(int(child))


def _resident_bytes(pid: int) -> int:
    pages = _words_of(f"/proc/{pid}/statm")
    return int(pages[1]) * os.sysconf("SC_PAGE_SIZE") if pages else 0


# A thread or process that has exited is left out alone.
def _names_in(folder: str) -> list[str]:
    with suppress(OSError), os.scandir(folder) as found:
        return [each.name for each in found]
    return []


def _words_of(file: str) -> list[bytes]:
    with suppress(OSError):
        return Path(file).read_bytes().split()
    return []
