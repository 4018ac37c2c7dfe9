"""Relief: health is answered even while every worker is inside a run() that lets nothing else run.

The supervisor accepts connections then, and looks at what each one asks for without taking it:
health it answers itself, and everything else it hands on, unread, to whichever worker is free
first. Before the first worker is ready, only readiness is answered, with 503.
"""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .board import Board

__all__ = ["Relief"]

_BUSY_S = 0.1
_HEAD = re.compile(rb"(GET|HEAD) (/|/ready) HTTP/1\.[01]\r\n")
_LONGEST_HEAD = 32
_PATIENCE_S = 10.0
_MOST_HELD = 1000


class Relief:
    """Takes connections for workers that cannot.

    Parameters
    ----------
    board : Board
        Where it sees how the workers are.
    listeners : sequence of socket
        Where connections come from.
    handing : socket
        Where connections go that are not for it.
    """

    def __init__(
        self, board: Board, listeners: Sequence[socket.socket], handing: socket.socket
    ) -> None:
        self._board = board
        self._listeners = listeners
        self._handing = handing
        self._selector = selectors.DefaultSelector()
        self._unknown: dict[socket.socket, float] = {}  # and since when
        self._for_workers: deque[socket.socket] = deque()
        self._on_duty = False
        self._ended = False
        for each in (*listeners, handing):
            each.setblocking(False)

    def look(self, timeout_s: float) -> None:
        """Do what there is to do, and wait for something to do, for so long."""
        workers_can = bool(self._board.ready()) and self._board.busy_for_s() < _BUSY_S
        # More than it may hold wait better where they are: the kernel has them, and loses none.
        has_room = len(self._unknown) + len(self._for_workers) < _MOST_HELD
        self._take_duty(wanted=has_room and not workers_can and not self._ended)
        if workers_can:
            self._hand_on()
        if self._selector.get_map():
            for key, _ in self._selector.select(timeout_s):
                self._handle(key.fileobj)
        else:
            time.sleep(timeout_s)
        self._give_up()

    def _take_duty(self, *, wanted: bool) -> None:
        if wanted == self._on_duty:
            return
        self._on_duty = wanted
        for listener in self._listeners:
            if wanted:
                self._selector.register(listener, selectors.EVENT_READ)
            else:
                self._selector.unregister(listener)

    def end(self) -> None:
        """Take no more connections."""
        self._ended = True

    def leave(self) -> None:
        """Forget everything, in a process that was forked."""
        self._selector.close()
        for each in (*self._unknown, *self._for_workers):
            each.close()

    def _handle(self, ready: object) -> None:
        assert isinstance(ready, socket.socket)  # noqa: S101 - nothing else was registered
        if ready in self._unknown:
            self._judge(ready)
            return
        try:
            connection, _ = ready.accept()
        except OSError:  # a worker was faster, or the client has gone
            return
        connection.setblocking(False)
        self._unknown[connection] = time.monotonic()
        self._selector.register(connection, selectors.EVENT_READ)

    def _judge(self, connection: socket.socket) -> None:
        """Look at what a connection asks for, and leave it unread."""
        try:
            head = connection.recv(_LONGEST_HEAD, socket.MSG_PEEK)
        except OSError:
            head = b""
        self._forget(connection)
        asked = _HEAD.match(head)
        if not head:
            connection.close()
        elif asked is None or (asked[2] == b"/" and not self._board.ready()):
            self._for_workers.append(connection)
        else:
            self._answer(connection, asked[2])

    def _answer(self, connection: socket.socket, path: bytes) -> None:
        status, body = b"200 OK", b"Healthy" if path == b"/" else b"Ready"
        if path == b"/ready" and not self._board.ready():
            status, body = b"503 Service Unavailable", b"Loading"
        with connection, suppress(OSError):  # the client may have gone
            connection.recv(65536)
            connection.send(
                b"HTTP/1.1 %b\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: %d\r\n"
                b"connection: close\r\n\r\n%b" % (status, len(body), body)
            )

    def _hand_on(self) -> None:
        """Hand connections to the workers, as many as they take now."""
        while self._for_workers:
            connection = self._for_workers[0]
            try:
                socket.send_fds(self._handing, [b"c"], [connection.fileno()])
            except OSError:  # the rest waits until they have taken these
                return
            self._for_workers.popleft().close()

    def _give_up(self) -> None:
        """Leave what has said nothing to the workers, who know how long to wait for it."""
        now = time.monotonic()
        for connection, since in [*self._unknown.items()]:
            if now - since > _PATIENCE_S:
                self._forget(connection)
                self._for_workers.append(connection)

    def _forget(self, connection: socket.socket) -> None:
        del self._unknown[connection]
        self._selector.unregister(connection)
