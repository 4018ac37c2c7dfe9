"""Set up open-file limits, signals and child processes of a service.

On Linux the kernel kills a child whose parent ends (prctl(2), PR_SET_PDEATHSIG). It does so when
the *thread* that forked it ends, so the main thread does all forks here. This leaves the programs
that a script has started: a separate watchman process kills the process groups of the hosts once
the supervisor has ended. On other systems the watchman is the only means.

Where a signal must not end the service, a handler is set instead of SIG_IGN, which programs that a
script starts would inherit.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .scoreboard import Scoreboard

__all__ = [
    "ENDING",
    "ENOUGH_FILES",
    "Watchman",
    "end_with_parent",
    "leave_to_supervisor",
    "open_files",
    "pass_over",
    "raise_open_files",
    "readable_on_signals",
    "signal_group",
    "signal_one",
]

ENOUGH_FILES = 65_536
"""The limit is never raised further."""


def raise_open_files() -> None:
    """Raise the limit of open files (RLIMIT_NOFILE): each connection is one.

    The usual limit is 1,024, kept low for programs that use select(2), which supports no more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH_FILES if hard == resource.RLIM_INFINITY else min(ENOUGH_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def open_files() -> int:
    """Return the maximum number of open files of this process."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
"""The signals on which the supervisor drains the service and ends."""
_PASSED_OVER = ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGIO", "SIGPWR", "SIGVTALRM", "SIGPROF")


def pass_over() -> None:
    """Ignore signals whose default is to terminate the process.

    There is no configuration to reload: a changed script is another deployment, and the log goes to
    standard output. Only closing the terminal that runs the service ends it, as SIGTERM does.
    """
    for name in _PASSED_OVER:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _nothing)
    if signal.getsignal(signal.SIGHUP) is _nothing and os.isatty(0):
        signal.signal(signal.SIGHUP, signal.getsignal(signal.SIGTERM))


def readable_on_signals() -> socket.socket:
    """Return a socket that is readable once a signal was handled, or a child process has ended.

    A handler alone does not end a wait: Python resumes it (PEP 475).
    """
    reading, writing = socket.socketpair()
    for each in (reading, writing):
        each.setblocking(False)
    signal.set_wakeup_fd(writing.detach(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, _nothing)
    return reading


def leave_to_supervisor() -> None:
    """Handle only SIGTERM in a host; it ends the host at once while the script loads."""
    _wake_no_one()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, _nothing)
    for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


def _wake_no_one() -> None:
    """Undo :func:`readable_on_signals`, in a forked process."""
    writing = signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if writing >= 0:
        os.close(writing)


def _nothing(*_: object) -> None:
    pass


_PR_SET_PDEATHSIG = 1
_FIRST_OWN = 3
_LOOKS = 10
_LOOK_EVERY_S = 0.05
_libc: Any = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded before any fork


def end_with_parent(parent: int) -> None:
    """Terminate this process when `parent` ends, or now if it has ended already.

    The child must call this first after a fork, with the result of os.getpid() before it.
    """
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def signal_group(pid: int, number: int) -> None:
    """Send a signal to a process group; it may have ended."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def signal_one(pid: int, number: int) -> None:
    """Send a signal to a process; it may have ended."""
    with suppress(ProcessLookupError):
        if pid > 0:
            os.kill(pid, number)


class Watchman:
    """A small process that kills the process groups of the hosts after the supervisor ended.

    Parameters
    ----------
    board : Scoreboard
        The board that lists the hosts.
    """

    def __init__(self, board: Scoreboard) -> None:
        self._board = board
        self._pid = 0
        self._writing = -1

    def look(self) -> None:
        """Start the watchman, if it does not run.

        Raises
        ------
        OSError
            If the system lacks the resources.
        """
        if self._pid and not os.waitpid(self._pid, os.WNOHANG)[0]:
            return
        self._pid = 0
        self.leave()
        reading, self._writing = os.pipe()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)  # for the supervisor only
        try:
            self._pid = os.fork()
            if not self._pid:
                self._watch(reading)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            os.close(reading)

    def leave(self) -> None:
        """Release the pipe; called in each process other than the supervisor."""
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1

    def end(self) -> None:
        """Wait for the watchman to exit, once there is nothing left to watch."""
        self.leave()
        if self._pid:
            os.waitpid(self._pid, 0)

    def _watch(self, reading: int) -> None:
        """Wait for the end of the supervisor, which holds the other end of the pipe."""
        try:
            os.setpgid(0, 0)
            _wake_no_one()
            for number in (*ENDING, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            # It must not keep any socket open, nor the other end of the pipe.
            os.closerange(_FIRST_OWN, reading)
            os.closerange(reading + 1, ENOUGH_FILES)
            os.read(reading, 1)
            for _ in range(_LOOKS):
                hosts = self._board.hosts()
                for pid in hosts:
                    signal_group(pid, signal.SIGKILL)
                if not hosts:
                    break
                time.sleep(_LOOK_EVERY_S)  # a forked host may not be recorded yet
        finally:
            os._exit(0)
