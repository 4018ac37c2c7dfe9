"""Measure the memory and CPU time of a service's processes."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["memory_bytes", "processor_s"]


def _family(folder: Path) -> list[psutil.Process]:
    """Return a server process and its children."""
    try:
        server = psutil.Process(int((folder / "pid").read_text()))
        return [server, *server.children(recursive=True)]
    except (OSError, ValueError, psutil.Error):
        return []


def memory_bytes(folder: Path) -> int:
    """Return the memory of a server and its children: the sum of their resident sets."""
    total = 0
    for process in _family(folder):
        with suppress(psutil.Error):
            total += process.memory_info().rss
    return total


def processor_s(folder: Path) -> float:
    """Return the CPU time of a server and its children."""
    total = 0.0
    for process in _family(folder):
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total
