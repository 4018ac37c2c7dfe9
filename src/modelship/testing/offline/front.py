"""The reverse proxy in front of the services: a fixed address for each, and the key check.

A front reads the head of a request, checks its key, and then only forwards bytes: the server behind
it receives and sends the same as without a front. One thread serves all fronts.

This requires one request per connection, which the server behind enforces: each of its responses
has ``Connection: close``.
"""

from __future__ import annotations

import asyncio
import math
import socket
import struct
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from modelship.testing.offline.accepting import (
    CHUNK_BYTES,
    Connections,
    end,
    in_time,
    pump,
    read_head,
)
from modelship.testing.offline.hosts import is_local, sent_by_page
from modelship.testing.offline.listeners import Listeners
from modelship.testing.offline.routes import (
    HEAD_END,
    VERSION_FIELD,
    QueueTimeoutError,
    Route,
    fields_of,
    without_prefix,
)
from modelship.testing.offline.v2.front_answers import bytes_left, status_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelship.testing.offline.routes import Target

__all__ = ["Fronts"]

# More than the server behind accepts: a hundred fields of 8190 bytes.
_LARGEST_HEAD_BYTES: Final = 1 << 20
_DRAIN_S: Final = 5.0
_PERIOD_S: Final = 0.02
_END: Final = b"Content-Length: 0\r\nConnection: close\r\n\r\n"
_FORBIDDEN: Final = b"HTTP/1.1 403 Forbidden\r\n" + _END
_UNAUTHORIZED: Final = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\n" + _END
_UNAVAILABLE: Final = b"HTTP/1.1 503 Service Unavailable\r\n" + _END
_TIMED_OUT: Final = b"HTTP/1.1 504 Gateway Timeout\r\n" + _END


@dataclass
class _Front:
    """One front: where it listens, and its route."""

    listener: socket.socket
    route: Route | None = None


class Fronts:
    """The fronts of all services, by name. Its methods may be called from any thread.

    Parameters
    ----------
    key : str
        The value of a header field sent to the servers behind, so that they reject requests that
        bypass the fronts; none if it is empty.
    listeners : Listeners, optional
        Opens the sockets.
    """

    def __init__(self, *, key: str = "", listeners: Listeners | None = None) -> None:
        self._listeners = listeners or Listeners()
        self._shown = f"x-modelship-front: {key}\r\n".encode() if key else b""
        self._connections = Connections("fronts")
        self._fronts: dict[str, _Front] = {}
        self._lock = threading.Lock()
        self._busy: Counter[tuple[str, int]] = Counter()  # changed by the thread of the fronts only

    def open(self, name: str, *, port: int | None = None) -> int:
        """Listen on 127.0.0.1, on `port` if it is free, and return the port.

        A front that is already open keeps its port. Clients wait until :meth:`point` is called.
        """
        with self._lock:
            if name not in self._fronts:
                self._fronts[name] = _Front(self._listeners.open(_kept_as(name), port))
            return int(self._fronts[name].listener.getsockname()[1])

    def is_open(self, name: str) -> bool:
        """Return whether there is a front of this name."""
        return name in self._fronts

    def point(self, name: str, route: Route) -> None:
        """Set the route of a front, and the keys for it.

        Without keys, it is open to every program of this user, and to the web pages that the route
        names.
        """
        with self._lock:
            front = self._fronts[name]
            begins, front.route = front.route is None, route
        if begins:
            self._connections.begin(front.listener, partial(self._lead, front))

    def drain(self, address: tuple[str, int]) -> None:
        """Wait until a server that no front routes to any more has answered, at most some seconds.

        Parameters
        ----------
        address : tuple[str, int]
            The host and port of the server.
        """
        end_s = time.monotonic() + _DRAIN_S
        self._connections.settle()  # a request that was routed just before is counted now
        while self._busy[address] and time.monotonic() < end_s:
            time.sleep(_PERIOD_S)

    def shut(self, name: str) -> None:
        """Stop listening; does nothing if there is no such front."""
        with self._lock:
            front = self._fronts.pop(name, None)
        if front is not None:
            self._listeners.forget(_kept_as(name))
            self._connections.end(front.listener)

    def close(self) -> None:
        """Close all fronts and their connections, and stop the thread. Safe to call twice."""
        for name in list(self._fronts):
            self.shut(name)
        self._connections.close()

    async def _lead(self, front: _Front, client: socket.socket) -> None:
        """Serve one connection: check the head of its request, and forward bytes."""
        if head := await read_head(client, most_bytes=_LARGEST_HEAD_BYTES):
            await end(client, await self._answer(head, client, front.route or Route()))

    async def _answer(self, head: bytes, client: socket.socket, route: Route) -> bytes:
        """Forward a request when it is its turn, or return an error response instead."""
        if not _is_meant(head, route):
            return _FORBIDDEN
        if not route.admits(head):
            return _UNAUTHORIZED
        target = route.choose(head)
        if target is None:
            return await self._forward(head, client, route, None)
        self._busy[target.address] += 1
        try:
            return await self._forward(head, client, route, target)
        finally:
            self._busy[target.address] -= 1

    async def _forward(
        self, head: bytes, client: socket.socket, route: Route, target: Target | None
    ) -> bytes:
        request = without_prefix(head, route.prefix).replace(b"\r\n", b"\r\n" + self._shown, 1)
        if route.policy is not None:
            keep = self._connections.keep
            return await route.policy.answer(request, client, target, keep=keep)
        if target is None:
            return _UNAVAILABLE if route.is_router else b""
        try:
            async with target.turn() as on_answer:
                return await _pass_on(request, client, target, on_answer)
        except QueueTimeoutError:
            return _UNAVAILABLE


def _kept_as(name: str) -> str:
    return f"service {name}"


def _is_meant(head: bytes, route: Route) -> bool:
    """Return whether a request is for this service and not caused by a web page in a browser."""
    line, _, _ = head.partition(b" ")
    fields = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in fields_of(head.partition(HEAD_END)[0])
    }
    if not is_local(fields.get("host", "127.0.0.1")):  # HTTP/1.0 and no browser, if there is none
        return False
    # A program may send Origin too, and Azure answers it; a browser adds Sec-Fetch-Site.
    welcome = route.is_locked or route.origins & {"*", fields.pop("origin", None)}
    return bool(welcome) or not sent_by_page(line.decode("latin-1"), fields)


async def _pass_on(
    head: bytes, client: socket.socket, target: Target, on_answer: Callable[[], None]
) -> bytes:
    """Forward the request to the server and its response to the client, concurrently.

    `on_answer` is called before the end of a response of known length is sent: a client may send
    its next request before the server has closed the connection.
    """
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        server.setblocking(False)
        await loop.sock_connect(server, target.address)
        sending = loop.create_task(_send(head, client, server))
        try:
            first = await _first_bytes(server, target)
            if first is None:
                return _TIMED_OUT
            left = _bytes_left(first)
            if left <= 0:
                on_answer()
            await loop.sock_sendall(client, _versioned(first, target))
            with suppress(ConnectionResetError):  # closed with unread bytes, after a response
                while chunk := await loop.sock_recv(server, CHUNK_BYTES):
                    left -= len(chunk)
                    if left <= 0:
                        on_answer()
                    await loop.sock_sendall(client, chunk)
        except ConnectionResetError:  # the client sees one too, instead of a normal end
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
    return b""


async def _first_bytes(server: socket.socket, target: Target) -> bytes | None:
    """Return the start of a response; None after a timeout."""
    receiving = asyncio.get_running_loop().sock_recv(server, CHUNK_BYTES)
    timeout_s = target.limits.timeout_s if target.limits else None
    try:
        return await in_time(receiving, timeout_s)
    except asyncio.TimeoutError:
        return None


def _bytes_left(first: bytes) -> float:
    """Return how many bytes of a response follow its first ones; infinity if that is unknown."""
    is_final = HEAD_END in first and not status_of(first).startswith(b"1")
    return bytes_left(first) if is_final else math.inf


def _versioned(first: bytes, target: Target) -> bytes:
    """Return the start of a response with the version added, if there is one."""
    if not target.version:
        return first
    return first.replace(b"\r\n", b"\r\n%s: %s\r\n" % (VERSION_FIELD, target.version.encode()), 1)


async def _send(head: bytes, client: socket.socket, server: socket.socket) -> None:
    # A server that responds before it has read everything is still read from.
    with suppress(OSError):
        await asyncio.get_running_loop().sock_sendall(server, head)
        await pump(client, server)
        server.shutdown(socket.SHUT_WR)
