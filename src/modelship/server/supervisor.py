"""The supervisor: owns the port and the signals, and runs no code of a user.

Whatever a script does, the supervisor stays: it starts a host again that has died, ends a worker
that says nothing, and answers for the workers while all of them are inside a run().
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from .board import Board, Field
from .host import FAILED_TO_START, host
from .relief import Relief

if TYPE_CHECKING:
    from .settings import Settings

__all__ = ["supervise"]

_FIRST_PASSED = 3
_LOOK_EVERY_S = 0.05
_KILLING_S = 4.0


def supervise(settings: Settings) -> int:
    """Serve the script until SIGTERM or SIGINT; return the exit code."""
    try:
        listeners = _listeners(settings)
    except OSError as error:
        sys.stderr.write(f"Cannot listen on {settings.host}:{settings.port}: {error}\n")
        return 1
    return _Supervisor(settings, listeners).run()


class _Supervisor:
    def __init__(self, settings: Settings, listeners: list[socket.socket]) -> None:
        self._settings = settings
        self._listeners = listeners
        self._board = Board(settings.workers)
        self._handing, self._handed_over = socket.socketpair()
        self._relief = Relief(self._board, listeners, self._handing)
        self._hosts: dict[int, float] = {}
        self._was_ready = False
        self._ending = False
        self._exit_code = 0

    def run(self) -> int:
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._told_to_end)
        self._start(alone=False)
        while self._hosts:
            self._relief.look(_LOOK_EVERY_S)
            self._was_ready = self._was_ready or self._board.ready() > 0
            self._reap()
            self._complete()
            self._kill_the_silent()
        return self._exit_code

    def _start(self, *, alone: bool) -> None:
        sys.stdout.flush()
        pid = os.fork()
        if pid:
            self._hosts[pid] = time.monotonic()
        else:
            self._become_host(alone=alone)

    def _become_host(self, *, alone: bool) -> NoReturn:
        code = 1
        try:
            os.setpgid(0, 0)  # so that it can be ended with all that it started
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            self._relief.leave()
            code = host(
                self._settings,
                board=self._board,
                alone=alone,
                listeners=self._listeners,
                handed_over=self._handed_over,
            )
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _reap(self) -> None:
        for pid in [*self._hosts]:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended:
                continue
            del self._hosts[pid]
            was_alone = any(
                slot[Field.PID] == pid and slot[Field.ALONE] for slot in self._board.slots()
            )
            _signal_group(pid, signal.SIGKILL)  # what it has left behind
            self._release(pid, alone=was_alone)
            code = os.waitstatus_to_exitcode(status)
            if self._ending:
                continue
            if not self._was_ready or code == FAILED_TO_START:
                self._exit_code = code if code > 0 else FAILED_TO_START
                self._told_to_end()
                continue
            sys.stderr.write(f"The process {pid}, which held the script, has ended with {code}.\n")
            self._start(alone=was_alone)

    def _release(self, pid: int, *, alone: bool) -> None:
        if alone:
            self._board.release(pid)
            return
        for slot in self._board.slots():
            if slot[Field.PID]:
                self._board.release(slot[Field.PID])

    def _complete(self) -> None:
        """Start the other hosts, once the first one has found that it stays alone."""
        is_alone = any(slot[Field.ALONE] for slot in self._board.slots())
        if is_alone and self._was_ready and not self._ending:
            for _ in range(self._settings.workers - len(self._hosts)):
                self._start(alone=True)

    def _kill_the_silent(self) -> None:
        """End a worker that has been in one run() for longer than the script may ever be."""
        now = time.monotonic_ns()
        for slot in self._board.slots():
            since = slot[Field.BUSY_SINCE_NS]
            if since and now - since > self._settings.worker_timeout_s * 1e9:
                sys.stderr.write(
                    f"WORKER TIMEOUT (pid:{slot[Field.PID]}): run() took longer than "
                    f"{self._settings.worker_timeout_s:g} s.\n"
                )
                slot[Field.BUSY_SINCE_NS] = 0
                _signal(slot[Field.PID], signal.SIGKILL)

    def _told_to_end(self, *_: object) -> None:
        if not self._ending:
            self._ending = True
            self._relief.end()
            for pid in self._hosts:
                _signal(pid, signal.SIGTERM)
            signal.signal(signal.SIGALRM, self._kill_all)
            signal.setitimer(signal.ITIMER_REAL, self._settings.drain_s + _KILLING_S, 1.0)

    def _kill_all(self, *_: object) -> None:
        for pid in self._hosts:
            _signal_group(pid, signal.SIGKILL)


def _listeners(settings: Settings) -> list[socket.socket]:
    """Return the sockets to listen on; one that was handed over (sd_listen_fds(3)) comes first."""
    if os.environ.pop("LISTEN_PID", None) == str(os.getpid()) and os.environ.pop("LISTEN_FDS", ""):
        return [socket.socket(fileno=_FIRST_PASSED)]
    ports = [settings.port]
    if settings.health_port is not None and settings.health_port != settings.port:
        ports.append(settings.health_port)
    return [_listen(settings.host, port) for port in ports]


def _listen(host_name: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host_name, port))
    listener.listen(2048)
    return listener


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        if pid > 0:
            os.kill(pid, number)


def _signal_group(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
