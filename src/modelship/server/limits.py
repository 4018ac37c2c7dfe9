"""Limits of the operating system that hold for a service."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress

__all__ = ["ENOUGH_FILES", "open_files", "raise_open_files"]

ENOUGH_FILES = 65_536
"""No more are asked for."""


def raise_open_files() -> None:
    """Let each process have as many files open as it may: each connection is one (RLIMIT_NOFILE).

    The usual limit is 1,024, kept low for programs that use select(2), which knows no more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH_FILES if hard == resource.RLIM_INFINITY else min(ENOUGH_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def open_files() -> int:
    """Return how many files this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft
