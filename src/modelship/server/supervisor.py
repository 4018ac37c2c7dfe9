"""Supervise the service: own the port and the signals, and run no user code.

The supervisor outlives any failure of a script: it restarts a host that has died, kills a worker
that is unresponsive, and answers for the workers while all of them are inside a run().
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from .address_gate import GateError
from .health_responder import HealthResponder
from .host import FAILED_TO_START, host
from .listening import Listeners
from .logs import note
from .pool import Pool
from .processes import (
    ENDING,
    Watchman,
    end_with_parent,
    leave_to_supervisor,
    pass_over,
    raise_open_files,
    readable_on_signals,
    signal_group,
    signal_one,
)
from .rotation import LogFile
from .scoreboard import Field, Scoreboard

if TYPE_CHECKING:
    from .settings import Settings

__all__ = ["supervise"]

_LOOK_EVERY_S, _LOOK_WHEN_QUIET_S = 0.05, 0.25
_KILLING_S = 4.0
_CHECK_EVERY_S = 1.0
_FEWEST_LOADING = 2
_LONGEST_PAUSE_S = 30.0
_INTERRUPTED = 128 + signal.SIGINT


def supervise(settings: Settings) -> int:
    """Serve the script until SIGTERM or SIGINT; return the exit code."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)  # until there are handlers
    try:
        listeners = Listeners.open(settings)
    except OSError as error:
        sys.stderr.write(
            f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}. "
            "Choose another port with --port, or another address with MODELSHIP_HOST.\n"
        )
        return 1
    except GateError as error:
        sys.stderr.write(f"The deploying process is gone: {error}.\n")
        return 1
    return _Supervisor(settings, listeners).run()


class _Supervisor:
    def __init__(self, settings: Settings, listeners: Listeners) -> None:
        self._settings = settings
        self._listeners = listeners
        self._board = board = Scoreboard(settings.workers)
        if gate := listeners.gate:
            gate.is_followed = lambda: board.at_gate(on=gate.is_open)
        self._responder = HealthResponder(
            self._board,
            listeners,
            signalled=readable_on_signals(),
            speaks_tls=bool(settings.certificate),
            say=self._say,
        )
        self._watchman = Watchman(self._board)
        self._log_file = LogFile(rotates=True)
        self._pid = os.getpid()
        self._hosts = Pool(longest_pause_s=_LONGEST_PAUSE_S, blocked=ENDING)
        self._are_alone = False  # hosts, each of which is a worker itself
        self._was_ready = False
        self._told_ready = 0
        self._checks_at = 0.0
        self._ending = False
        self._interrupted = False
        self._exit_code = 0

    def run(self) -> int:
        for number in ENDING:
            signal.signal(number, self._told_to_end)
        pass_over()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        raise_open_files()
        while self._hosts.pids or not self._ending:
            is_complete = self._keep()
            self._responder.look(_LOOK_WHEN_QUIET_S if is_complete else _LOOK_EVERY_S)
            self._look_at_gate()
            self._look_at_board()
            self._reap()
            self._kill_the_silent()
            self._log_file.look()
            with suppress(OSError):  # resources may be available the next time
                self._watchman.look()
        signal.setitimer(signal.ITIMER_REAL, 0)  # nobody is left to kill but this process, at exit
        self._responder.finish()
        self._watchman.end()
        for number in ENDING:  # Python removes handlers at exit, and one more signal would kill it
            signal.signal(number, signal.SIG_IGN)
        self._say(f"Shutting down: Master, with exit code {self._exit_code}")  # gunicorn's wording
        return self._exit_code

    # Hosts

    def _keep(self) -> bool:
        """Start missing hosts: one in total, or one per worker if each is a worker itself.

        Return whether nothing is under way: no start, no end, and no run().
        """
        if self._ending:
            return False
        is_complete = self._hosts.keep(
            self._settings.workers if self._start_alone else 1,
            start=self._start,
            asks=lambda pid: self._board.says(pid, Field.LEAVING),
            is_ready=lambda pid: self._board.says(pid, Field.READY) or not self._start_alone,
            most_loading=max(_FEWEST_LOADING, int(self._settings.cores)),
        )
        return is_complete and self._told_ready >= self._settings.workers and not self._board.busy

    @property
    def _start_alone(self) -> bool:
        """Whether each host is known to be a worker itself."""
        return self._are_alone and self._was_ready

    def _start(self) -> bool:
        """Start a host; return whether the board had a free slot and the system allowed it."""
        index = self._board.take() if self._start_alone else None
        if self._start_alone and index is None:
            return False
        place = self._board.place_for_host()
        try:
            self._watchman.look()
            pid = self._hosts.fork(lambda: self._become_host(index, place))
        except OSError as error:
            self._say(f"Cannot start a process ({error.strerror}); retrying soon.", "E")
            if index is not None:
                self._board.clear(self._board.slot(index))
            return False
        self._board.note_host(place, pid)
        with suppress(OSError):  # it has done so itself, or has ended
            os.setpgid(pid, pid)
        if index is not None:
            slot = self._board.slot(index)
            slot[Field.PID], slot[Field.ALONE] = pid, 1
        if self._ending:  # since a moment ago, when this host was not there to be told
            signal_one(pid, signal.SIGTERM)
        return True

    def _become_host(self, index: int | None, place: int) -> int:
        os.setpgid(0, 0)  # so that its whole process group can be killed
        self._board.note_host(place, os.getpid())
        end_with_parent(self._pid)
        leave_to_supervisor()
        self._watchman.leave()
        self._responder.leave()
        self._listeners.leave()
        return host(
            self._settings,
            supervisor=self._pid,
            board=self._board,
            index=index,
            listeners=self._listeners,
            handed_over=self._responder.handed_over,
        )

    def _reap(self) -> None:
        for ended in self._hosts.reap():
            served = self._board.says(ended.pid, Field.READY) or (
                not self._are_alone and self._board.ready() > 0
            )
            self._was_ready |= served  # since the last look at the board
            signal_group(ended.pid, signal.SIGKILL)  # its remaining child processes
            self._release(ended.pid)
            if not (self._ending or ended.was_retired):
                self._lose(ended.pid, ended.code, served=served)

    def _lose(self, pid: int, code: int, *, served: bool) -> None:
        """Restart a host that ended unexpectedly, or shut down.

        The restart pause is reset only after a host that served.
        """
        serves = self._board.ready() > 0
        if not self._was_ready or (code == FAILED_TO_START and not serves):
            self._exit_code = code if code > 0 else FAILED_TO_START
            self._end()
            return
        if served:
            self._hosts.recover()
        again = f"another one starts in {self._hosts.pause():.1f} s"
        self._say(f"The process {pid}, which held the script, has ended with {code}; {again}.", "E")

    def _release(self, pid: int) -> None:
        """Free the slot of a host that is a worker itself, or else of all workers."""
        self._board.forget_host(pid)
        for slot in self._board.slots():
            if slot[Field.PID] and (slot[Field.PID] == pid or not self._are_alone):
                self._board.clear(slot)

    # Workers

    def _look_at_board(self) -> None:
        """Record how many workers serve, and repair invalid values on the board."""
        ready = min(self._board.ready(), self._settings.workers)
        self._was_ready = self._was_ready or ready > 0
        self._are_alone = self._are_alone or any(
            self._board.says(pid, Field.ALONE) for pid in self._hosts.pids
        )
        if ready != self._told_ready and not self._ending and self._settings.workers > 1:
            self._say(f"{ready} of {self._settings.workers} workers are ready.")
        self._told_ready = ready
        now = time.monotonic()
        if now > self._checks_at:
            self._checks_at = now + _CHECK_EVERY_S
            if any(self._board.repair(slot) for slot in self._board.slots()):
                self._say("A shared counter had an invalid value and was reset.", "E")

    def _kill_the_silent(self) -> None:
        """Kill a worker whose current run() exceeds the worker timeout."""
        now = time.monotonic_ns()
        for slot in self._board.slots():
            # In this order: the next worker that has the slot is not busy since then.
            pid, since = slot[Field.PID], slot[Field.BUSY_SINCE_NS]
            if since and now - since > self._settings.worker_timeout_s * 1e9:
                slot[Field.BUSY_SINCE_NS] = 0
                if not self._is_ours(pid):
                    continue
                self._say(
                    f"WORKER TIMEOUT (pid:{pid}): run() took longer than "
                    f"{self._settings.worker_timeout_s:g} s.",
                    "C",
                )
                signal_one(pid, signal.SIGKILL)

    def _is_ours(self, pid: int) -> bool:
        """Return whether a process belongs to a host: scripts can write to the board too."""
        with suppress(OSError):
            return pid > 0 and os.getpgid(pid) in self._hosts.pids
        return False

    # Shutdown

    def _look_at_gate(self) -> None:
        """Handle the gate's commands; end if the starting process ended before any was given."""
        if self._listeners.are_forsaken() and not self._ending:
            self._say("The deploying process exited before the service was needed.", "E")
            self._end()

    def _told_to_end(self, number: int, _: object) -> None:
        self._end()
        if number == signal.SIGINT:
            if self._interrupted:  # a user at a terminal insists
                self._exit_code = _INTERRUPTED
                self._kill_all()
            self._interrupted = True

    def _end(self) -> None:
        if not self._ending:
            self._ending = True
            self._board.end()
            self._responder.end()
            self._hosts.signal(signal.SIGTERM)
            signal.signal(signal.SIGALRM, self._kill_all)
            signal.setitimer(signal.ITIMER_REAL, self._settings.drain_s + _KILLING_S, 1.0)

    def _kill_all(self, *_: object) -> None:
        for pid in self._hosts.pids:
            signal_group(pid, signal.SIGKILL)

    def _say(self, text: str, level: str = "I") -> None:
        note(text, level=level, as_json=self._settings.json_logs)
