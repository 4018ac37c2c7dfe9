"""End a process with all that it has started, also in other sessions, and say how one ended."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

from modelship.runtime.descendants import descendants

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["end_tree", "ended_with"]

_MOST_ROUNDS = 10


def end_tree(pid: int, *, is_guard: bool = False) -> None:
    """Kill a process that was not reaped yet, its descendants, and its process group.

    They are stopped first, so that none starts another meanwhile. A guard is not: it kills them if
    this process is killed meanwhile. A descendant whose parent has ended before is only found if it
    is in the group.
    """
    if not is_guard:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGSTOP)
    for each in _stopped(pid):
        with suppress(psutil.Error):
            each.kill()
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)  # it may not have its group yet


def _stopped(pid: int) -> Iterable[psutil.Process]:
    """Stop the descendants of a process that starts no others, and return them."""
    found: set[psutil.Process] = set()
    for _ in range(_MOST_ROUNDS):
        new = {*descendants(pid)} - found
        if not new:
            break
        found |= new
        for each in new:
            with suppress(psutil.Error):
                each.suspend()
    return found


def ended_with(code: int | None) -> str:
    """Return how a process has ended, from its exit code; None if it runs."""
    if code is None:
        return "the process closed its connection"
    if code < 0:
        return f"the process was killed by {_name_of(-code)}"
    return f"the process exited with {code}"


def _name_of(number: int) -> str:
    """Return the name of a signal; those of real time have none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
