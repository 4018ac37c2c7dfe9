"""Kinship: no process of a service outlives the supervisor.

On Linux the kernel kills a child whose parent ends (prctl(2), PR_SET_PDEATHSIG). It does so when
the *thread* ends that forked it, so all forks here are done by the main thread. What is left are
the programs that a script has started: a watchman, which does nothing else, kills the process
groups of the hosts once the supervisor has gone. It also is all that there is on other systems.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .limits import ENOUGH_FILES
from .signals import ENDING

if TYPE_CHECKING:
    from .board import Board

__all__ = ["Watchman", "end_with_parent", "signal_group", "signal_one"]

_PR_SET_PDEATHSIG = 1
_FIRST_OWN = 3
_LOOKS = 10
_LOOK_EVERY_S = 0.05
_libc: Any = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded before any fork


def end_with_parent(parent: int) -> None:
    """Let this process end when `parent` does, and now if it has ended already.

    To be called first thing after a fork by the child, with what os.getpid() was before it.
    """
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def signal_group(pid: int, number: int) -> None:
    """Send a signal to a process and all that it has started; it may have ended."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def signal_one(pid: int, number: int) -> None:
    """Send a signal to a process; it may have ended."""
    with suppress(ProcessLookupError):
        if pid > 0:
            os.kill(pid, number)


class Watchman:
    """A small process that ends the hosts, with all that they started, after the supervisor.

    Parameters
    ----------
    board : Board
        Where the hosts are written down.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._pid = 0
        self._writing = -1

    def look(self) -> None:
        """Start it, if it does not run.

        Raises
        ------
        OSError
            If the system has no room for it.
        """
        if self._pid and not os.waitpid(self._pid, os.WNOHANG)[0]:
            return
        self._pid = 0
        self.leave()
        reading, self._writing = os.pipe()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)  # they are for the supervisor
        try:
            self._pid = os.fork()
            if not self._pid:
                self._watch(reading)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            os.close(reading)

    def leave(self) -> None:
        """Let go of it, as each process does that is not the supervisor."""
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1

    def end(self) -> None:
        """Wait for its end, once there is nothing left to watch."""
        self.leave()
        if self._pid:
            os.waitpid(self._pid, 0)

    def _watch(self, reading: int) -> None:
        """Wait for the end of the supervisor, which holds the other end of the pipe."""
        try:
            os.setpgid(0, 0)
            for number in (*ENDING, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            # No socket may stay open because of it, and not the other end of the pipe.
            os.closerange(_FIRST_OWN, reading)
            os.closerange(reading + 1, ENOUGH_FILES)
            os.read(reading, 1)
            for _ in range(_LOOKS):
                hosts = self._board.hosts()
                for pid in hosts:
                    signal_group(pid, signal.SIGKILL)
                if not hosts:
                    break
                time.sleep(_LOOK_EVERY_S)  # one may have been forked that is not written down yet
        finally:
            os._exit(0)
