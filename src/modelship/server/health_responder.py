"""Answer health checks while every worker is inside run() (fallback health responder).

The supervisor then accepts connections, and peeks at their requests without reading them: it
answers health checks itself, and passes all others, unread, to the first free worker. Before the
first worker is ready, it only answers readiness checks, with 503.

At shutdown only the supervisor accepts, until no new connection can come. All of them are passed to
the workers, which wait for them; if no worker is left, the response is 503.
"""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from .listening import Entrance, accepted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .listening import Listeners
    from .scoreboard import Scoreboard

__all__ = ["HealthResponder", "received"]

_BUSY_S = 0.1
_HEAD = re.compile(rb"(GET|HEAD) (/|/ready) HTTP/1\.[01]\r\n")
_LONGEST_HEAD = 32
_PATIENCE_S = 10.0
_MOST_HELD = 1000
_TELL_EVERY_S = 10.0
_NO_ROOM_PAUSE_S = 0.1
_LINGER_S = 0.3
"""How long a half-open connection may take to be established: more than a round trip."""
_PARTING_S = 1.0
_SOON_S = 0.02
_ENDED = (b"503 Service Unavailable", b"The service has ended.")


class HealthResponder:
    """Accepts connections while the workers cannot.

    Parameters
    ----------
    board : Scoreboard
        The state of the workers.
    listeners : Listeners
        The sockets to accept from.
    signalled : socket
        Readable once a signal was handled.
    speaks_tls : bool
        Whether each response needs a TLS handshake.
    say : callable
        Writes a line to the log.
    """

    def __init__(
        self,
        board: Scoreboard,
        listeners: Listeners,
        *,
        signalled: socket.socket,
        speaks_tls: bool,
        say: Callable[[str], None],
    ) -> None:
        self._signalled = signalled
        self._board = board
        self._say = say
        self._speaks_tls = speaks_tls
        self._parting = b"" if speaks_tls else _closing(*_ENDED, b"retry-after: 1")
        self._listeners = listeners
        self._handing, self.handed_over = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._unknown: dict[socket.socket, float] = {}  # and the time it was accepted
        self._for_workers: deque[socket.socket] = deque()
        self._on_duty = False
        self._rests_until = 0.0  # after a lack of descriptors
        self._closes_at = 0.0  # during shutdown
        for each in (self._handing, self.handed_over):
            each.setblocking(False)

    def look(self, timeout_s: float) -> None:
        """Do the pending work, and wait at most this long for more."""
        workers_can = bool(self._board.ready()) and self._board.busy_for_s() < _BUSY_S
        # More than it may hold are better left pending: the kernel keeps them, and loses none.
        has_room = len(self._unknown) + len(self._for_workers) < _MOST_HELD
        can_accept = has_room and time.monotonic() > self._rests_until
        self._take_duty(wanted=can_accept and (not workers_can or bool(self._closes_at)))
        if workers_can or self._closes_at:
            self._hand_on()
        if self._selector.get_map():
            for key, _ in self._selector.select(timeout_s):
                self._handle(key.fileobj)
        else:
            self._listeners.wait(timeout_s, signalled=self._signalled)
        self._give_up()
        if self._closes_at:
            self._go_on_ending()

    def _take_duty(self, *, wanted: bool) -> None:
        if wanted == self._on_duty:
            return
        self._on_duty = wanted
        for entrance in self._listeners.entrances:
            if wanted:
                self._selector.register(entrance, selectors.EVENT_READ)
            else:
                self._selector.unregister(entrance)

    def leave(self) -> None:
        """Discard all state, in a forked process."""
        self._selector.close()
        self._signalled.close()
        for each in (*self._unknown, *self._for_workers):
            each.close()

    # Shutdown

    def end(self) -> None:
        """Block new connections, accept the pending ones, and pass them all on."""
        self._board.held = 1
        self._listeners.keep_out()
        self._closes_at = time.monotonic() + _LINGER_S

    def finish(self) -> None:
        """Answer the remaining connections that the service has ended."""
        end_s = time.monotonic() + _LINGER_S + _PARTING_S
        while self._listeners.sockets and time.monotonic() < end_s:
            self.look(_SOON_S)
        self._for_workers.extend(received(self.handed_over))
        self._part(end_s)

    def _go_on_ending(self) -> None:
        if self._listeners.sockets and time.monotonic() > max(self._closes_at, self._rests_until):
            self._take_duty(wanted=False)
            self._listeners.close_empty(self._for_workers.append)
        self._board.held = len(self._for_workers) + len(self._listeners.sockets)

    def _part(self, end_s: float) -> None:
        """Answer the remaining connections, and wait until the responses are received."""
        for each in self._for_workers:
            each.setblocking(False)
            with suppress(OSError):  # the client may have gone
                each.send(self._parting)
                each.shutdown(socket.SHUT_WR)
        for each in self._for_workers:
            each.settimeout(max(end_s - time.monotonic(), _SOON_S))
            with each, suppress(OSError):
                while time.monotonic() < end_s and each.recv(65536):
                    pass

    # Connections

    def _handle(self, ready: object) -> None:
        assert isinstance(ready, Entrance)  # noqa: S101 - nothing else was registered
        if isinstance(ready, socket.socket) and ready in self._unknown:
            self._judge(ready)
            return
        now = time.monotonic()
        try:
            for connection in accepted(ready):
                self._unknown[connection] = now
                self._selector.register(connection, selectors.EVENT_READ)
        except OSError as error:
            if now - self._rests_until > _TELL_EVERY_S:
                self._say(f"No more connections for a moment: {error.strerror}.")
            self._rests_until = now + _NO_ROOM_PAUSE_S

    def _judge(self, connection: socket.socket) -> None:
        """Peek at the request of a connection.

        With TLS only a worker can answer, and nothing is answered in plain text.
        """
        try:
            head = connection.recv(_LONGEST_HEAD, socket.MSG_PEEK)
        except OSError:
            head = b""
        self._forget(connection)
        asked = None if self._speaks_tls else _HEAD.match(head)
        if not head:
            connection.close()
        elif asked is None or (asked[2] == b"/" and not self._board.ready()):
            self._for_workers.append(connection)
        else:
            self._answer(connection, asked[2])

    def _answer(self, connection: socket.socket, path: bytes) -> None:
        status, body = b"200 OK", b"Healthy"
        if path == b"/ready":
            status, body = self._readiness()
        with connection, suppress(OSError):  # the client may have gone
            connection.recv(65536)
            connection.send(_closing(status, body))

    def _readiness(self) -> tuple[bytes, bytes]:
        if self._closes_at:
            return b"503 Service Unavailable", b"Draining"
        status = b"200 OK" if self._board.ready() else b"503 Service Unavailable"
        return status, self._board.readiness().encode()

    def _hand_on(self) -> None:
        """Pass connections to the workers, as many as they accept now."""
        while self._for_workers:
            connection = self._for_workers[0]
            try:
                socket.send_fds(self._handing, [b"c"], [connection.fileno()])
            except OSError:  # the rest waits until there is space
                return
            self._for_workers.popleft().close()

    def _give_up(self) -> None:
        """Pass silent connections to the workers, which know their timeout."""
        now = time.monotonic()
        patience_s = 0.0 if self._closes_at else _PATIENCE_S
        for connection, since in [*self._unknown.items()]:
            if now - since >= patience_s:
                self._forget(connection)
                self._for_workers.append(connection)

    def _forget(self, connection: socket.socket) -> None:
        del self._unknown[connection]
        self._selector.unregister(connection)


def received(handed_over: socket.socket) -> Iterator[socket.socket]:
    """Yield the connections that the supervisor passed on, and no worker has received yet."""
    with suppress(BlockingIOError):
        while True:
            _, descriptors, _, _ = socket.recv_fds(handed_over, 1, 1)
            if not descriptors:
                return
            yield from (socket.socket(fileno=each) for each in descriptors)


def _closing(status: bytes, body: bytes, *lines: bytes) -> bytes:
    head = (
        b"HTTP/1.1 " + status, b"content-type: text/html; charset=utf-8",
        b"content-length: %d" % len(body), b"connection: close", *lines,
    )  # fmt: skip
    return b"\r\n".join((*head, b"", body))
