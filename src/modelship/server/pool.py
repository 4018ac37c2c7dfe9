"""Manage the forked processes of one process: start, replace and restart them.

The supervisor has a pool of hosts, and a host that forks has one of workers.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from .processes import signal_one

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["Ended", "Pool"]

_FIRST_PAUSE_S = 0.1


@dataclass(frozen=True)
class Ended:
    """A process that has ended.

    Parameters
    ----------
    pid : int
        Its process id.
    code : int
        Its exit code; the negated signal number if a signal terminated it.
    lived_s : float
        The seconds since it was forked.
    was_retired : bool
        Whether it was terminated because others replace it.
    """

    pid: int
    code: int
    lived_s: float
    was_retired: bool


class Pool:
    """Forks processes, and maintains the wanted number of them.

    Parameters
    ----------
    longest_pause_s : float
        The maximum of the pause before a process is started, which doubles with each failure.
    blocked : iterable of int
        Signals that are blocked during a fork, so that the child does not handle them in place of
        its parent; the child unblocks them itself.
    """

    def __init__(self, *, longest_pause_s: float, blocked: Iterable[int]) -> None:
        self._longest_pause_s = longest_pause_s
        self._blocked = tuple(blocked)
        self._started: dict[int, float] = {}  # the time of each fork
        self._retired: set[int] = set()
        self._pause_s = 0.0
        self._starts_at = 0.0

    @property
    def pids(self) -> list[int]:
        """The running processes, the oldest first."""
        return [*self._started]

    @property
    def pause_left_s(self) -> float:
        """The remaining pause in seconds before a process may be started."""
        return max(0.0, self._starts_at - time.monotonic())

    def keep(
        self,
        wanted: int,
        *,
        start: Callable[[], bool],
        asks: Callable[[int], bool],
        is_ready: Callable[[int], bool],
        most_loading: int,
    ) -> bool:
        """Start missing processes, and retire those that ask for it once the others are ready.

        Parameters
        ----------
        wanted : int
            The number of processes, not counting those that ask to be replaced.
        start : callable
            Starts one; returns whether there were resources for it.
        asks, is_ready : callable
            Return whether a process asks to be replaced, and whether it serves.
        most_loading : int
            The maximum number of processes that load at once.

        Returns
        -------
        bool
            Whether all wanted processes serve, and none asks to be replaced.
        """
        here = [pid for pid in self._started if pid not in self._retired]
        asking = {pid for pid in here if asks(pid)}
        staying = [pid for pid in here if pid not in asking]
        loading = sum(not is_ready(pid) for pid in staying)
        for _ in range(min(wanted - len(staying), most_loading - loading)):
            if self.pause_left_s or not start():
                break
        is_complete = len(staying) >= wanted and not loading
        if is_complete:
            for pid in asking:
                self._retired.add(pid)
                signal_one(pid, signal.SIGTERM)
        return is_complete and not asking

    def fork(self, become: Callable[[], int]) -> int:
        """Fork a process that exits with the code that `become` returns; return its id.

        Raises
        ------
        OSError
            If the system lacks the resources; the next attempt follows after a pause.
        """
        _flush()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, self._blocked)
        try:
            pid = os.fork()
            if not pid:
                _end_after(become)
            self._started[pid] = time.monotonic()  # before a signal may be sent to it, too
        except OSError:
            self.pause()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return pid

    def pause(self) -> float:
        """Pause for twice as long as the last time; return the seconds."""
        pause_s = self._pause_s
        self._pause_s = min(2 * pause_s or _FIRST_PAUSE_S, self._longest_pause_s)
        self._starts_at = time.monotonic() + pause_s
        return pause_s

    def recover(self) -> None:
        """Reset the next pause to the shortest."""
        self._pause_s = 0.0

    def reap(self) -> Iterator[Ended]:
        """Yield the processes that have ended since the last call."""
        for pid in self.pids:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                lived_s = time.monotonic() - self._started.pop(pid)
                was_retired = pid in self._retired
                self._retired.discard(pid)
                yield Ended(pid, os.waitstatus_to_exitcode(status), lived_s, was_retired)

    def reap_others(self) -> None:
        """Reap the children that have ended and were not forked by the pool."""
        look = os.WEXITED | os.WNOHANG | os.WNOWAIT
        with suppress(ChildProcessError):  # there are no children
            while (ended := os.waitid(os.P_ALL, 0, look)) and ended.si_pid not in self._started:
                os.waitpid(ended.si_pid, 0)

    def signal(self, number: int) -> None:
        """Send a signal to all of them."""
        for pid in self._started:
            signal_one(pid, number)


def _end_after(become: Callable[[], int]) -> NoReturn:
    """Run `become`, and exit in any case."""
    code = 1
    try:
        code = become()
    finally:
        _flush()
        os._exit(code)


def _flush() -> None:
    with suppress(OSError, ValueError):  # the reader may be gone
        sys.stdout.flush()
        sys.stderr.flush()
