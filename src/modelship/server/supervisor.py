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
        self._hosts: set[int] = set()
        self._are_alone = False  # hosts, each of which is a worker itself
        self._leaving: set[int] = set()  # hosts that were told to end since others serve
        self._was_ready = False
        self._ending = False
        self._exit_code = 0

    def run(self) -> int:
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._told_to_end)
        self._start(None)
        while self._hosts:
            self._relief.look(_LOOK_EVERY_S)
            self._was_ready = self._was_ready or self._board.ready() > 0
            self._are_alone = self._are_alone or any(map(self._is_alone, self._hosts))
            self._reap()
            if self._are_alone and self._was_ready and not self._ending:
                self._complete()
            self._kill_the_silent()
        return self._exit_code

    def _start(self, index: int | None) -> None:
        """Start a host; `index` is its slot where it will be a worker itself."""
        sys.stdout.flush()
        pid = os.fork()
        if not pid:
            self._become_host(index)
        self._hosts.add(pid)
        if index is not None:
            slot = self._board.slot(index)
            slot[Field.PID], slot[Field.ALONE] = pid, 1

    def _become_host(self, index: int | None) -> NoReturn:
        code = 1
        try:
            os.setpgid(0, 0)  # so that it can be ended with all that it started
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            self._relief.leave()
            code = host(
                self._settings,
                board=self._board,
                index=index,
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
            self._hosts.remove(pid)
            _signal_group(pid, signal.SIGKILL)  # what it has left behind
            self._release(pid)
            was_told = self._ending or pid in self._leaving
            self._leaving.discard(pid)
            if was_told:
                continue
            code = os.waitstatus_to_exitcode(status)
            if not self._was_ready or code == FAILED_TO_START:
                self._exit_code = code if code > 0 else FAILED_TO_START
                self._told_to_end()
                continue
            sys.stderr.write(f"The process {pid}, which held the script, has ended with {code}.\n")
            if not self._are_alone:
                self._start(None)

    def _release(self, pid: int) -> None:
        """Free the slot of a host that is alone, or of all workers of the one that is not."""
        for slot in self._board.slots():
            if slot[Field.PID] and (slot[Field.PID] == pid or not self._are_alone):
                self._board.release(slot[Field.PID])

    def _complete(self) -> None:
        """Start hosts until there are enough; those that ask to be replaced do not count.

        These are told to end once the others serve.
        """
        asking = {pid for pid in self._hosts - self._leaving if self._says(pid, Field.LEAVING)}
        staying = self._hosts - self._leaving - asking
        if len(staying) < self._settings.workers:
            index = self._board.take()
            if index is not None:
                self._start(index)
        elif all(self._says(pid, Field.READY) for pid in staying):
            self._leaving |= asking
            for pid in asking:
                _signal(pid, signal.SIGTERM)

    def _is_alone(self, pid: int) -> bool:
        return self._says(pid, Field.ALONE)

    def _says(self, pid: int, field: int) -> bool:
        slot = self._board.of(pid)
        return slot is not None and bool(slot[field])

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
