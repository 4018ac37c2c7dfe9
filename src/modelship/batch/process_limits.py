"""Limit what a scoring process may use: memory, the threads of numeric libraries, its log."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

__all__ = ["CappedLog", "cores", "own_memory_bytes", "thread_limits"]

_THREADS: Final = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
_MOST_LOG_BYTES = 1 << 20
_TAIL_BYTES = 1 << 14


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # not Linux


def thread_limits(workers: int) -> dict[str, str]:
    """Return variables that share the cores among workers, as the scoring server does.

    Without them, each worker would have a thread for each core. Limits that the user has set stay.
    """
    if any(name in os.environ for name in _THREADS):
        return {name: os.environ[name] for name in _THREADS if name in os.environ}
    return {"MODELSHIP_BATCH_THREADS": str(max(1, cores() // workers))}


def own_memory_bytes(pid: int) -> int:
    """Return how much memory a process has that is not of files or shared; 0 if it has ended."""
    try:
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text().split()
    except (OSError, ValueError):  # it has ended, or this is not Linux
        return 0
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")


class CappedLog:
    """What a process prints, in a file that is emptied whenever it becomes too large.

    Parameters
    ----------
    path : Path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before = b""

    def open(self) -> BinaryIO:
        """Empty the log, and open it for a process; it always writes to the end."""
        self._before = b""
        self._path.unlink(missing_ok=True)
        return self._path.open("ab")

    def cap(self) -> None:
        """Keep only the end of the log, if it has become too large."""
        with suppress(FileNotFoundError):
            if self._path.stat().st_size > _MOST_LOG_BYTES:
                self._before = self._end()
                os.truncate(self._path, 0)

    def tail(self) -> str:
        """Return the end of the log."""
        return (self._before + self._end())[-_TAIL_BYTES:].decode(errors="replace")

    def _end(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
                return file.read(_TAIL_BYTES)
        except FileNotFoundError:  # the script has removed it
            return b""
