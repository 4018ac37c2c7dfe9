"""Answer the requests at a managed online endpoint as Azure's front does.

It waits for a response only until the request timeout, allows a fixed number of requests at a time,
sends copies of some requests to a second deployment, and reports an error of a container as 424.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.accepting import CHUNK_BYTES, in_time
from modelship.testing.offline.routes import (
    HEAD_END,
    VERSION_FIELD,
    QueueTimeoutError,
    Target,
    field_of,
)
from modelship.testing.offline.v2.front_answers import (
    as_model_error,
    bytes_left,
    refused,
    status_of,
)
from modelship.testing.offline.v2.mirrored_requests import RequestCopy, connected, read_all

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from modelship.testing.offline.faults import Faults

    _Keep = Callable[[Coroutine[Any, Any, None]], None]

__all__ = ["ADMITTED_PER_SLOT", "ManagedFront"]

ADMITTED_PER_SLOT: Final = 2
"""How many requests are admitted, running or waiting, for each one that may run at a time."""

_ALL: Final = 100  # percent
_LARGEST_HEAD_BYTES: Final = 1 << 16


@dataclass(eq=False)
class ManagedFront:
    """Answers the requests at one endpoint.

    Parameters
    ----------
    endpoint : str
        The name of the endpoint.
    faults : Faults
        The injected faults.
    mirror : Target, optional
        The deployment that gets copies of requests.
    percent : float
        How many of the requests are copied, in percent.
    down : frozenset[str]
        The deployments without a healthy container.
    has_traffic : bool
        Whether some of the traffic belongs to one of those.
    credit : float
        The part of a copy that is still due, in percent.
    """

    endpoint: str
    faults: Faults
    mirror: Target | None = None
    percent: float = 0.0
    down: frozenset[str] = frozenset()
    has_traffic: bool = False
    credit: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._begun: Counter[Target] = Counter()

    async def answer(
        self, request: bytes, client: socket.socket, target: Target | None, *, keep: _Keep
    ) -> bytes:
        """Forward a request, or return the response of the front itself."""
        if (fault := self.faults.of_front(self.endpoint)) is not None:
            return refused(fault.status)
        if target is None:
            return refused(503 if self._is_down(request) else 404)
        if self._is_full(target):
            return refused(429)
        with self._admitted(target) as admitted:
            try:
                return await self._in_turn(request, client, target, keep, admitted.close)
            except QueueTimeoutError:
                return refused(408)

    def _admitted(self, target: Target) -> ExitStack:
        """Count a request as one that has begun, until this is closed for the first time."""
        self._begun[target] += 1
        admitted = ExitStack()
        admitted.callback(self._begun.subtract, (target,))
        return admitted

    def _is_down(self, request: bytes) -> bool:
        """Return whether a request is for a deployment that has no healthy container."""
        named = field_of(request, VERSION_FIELD)
        return named.decode("latin-1") in self.down if named else self.has_traffic

    def _is_full(self, target: Target) -> bool:
        limits = target.limits
        most = ADMITTED_PER_SLOT * limits.at_once if limits else None
        return most is not None and self._begun[target] >= most

    async def _in_turn(
        self,
        request: bytes,
        client: socket.socket,
        target: Target,
        keep: _Keep,
        on_answer: Callable[[], None],
    ) -> bytes:
        loop = asyncio.get_running_loop()
        end = loop.time() + (target.limits.timeout_s if target.limits else 0)
        async with target.turn():
            copy = self._copy_of(request)
            if copy is not None:
                keep(copy.run())
            exchange = _Exchange(request, client, target, copy, on_answer)
            return await exchange.run(end - loop.time() if target.limits else None, keep)

    def _copy_of(self, request: bytes) -> RequestCopy | None:
        """Return the copy of a request, if one is due; none of a request that names a version."""
        if self.mirror is None or field_of(request, VERSION_FIELD):
            return None
        self.credit += self.percent
        if self.credit < _ALL:
            return None
        self.credit -= _ALL
        return RequestCopy(request, self.mirror)


@dataclass(eq=False)
class _Exchange:
    """One request to a server, and its response.

    Parameters
    ----------
    request : bytes
        What has been read of the request.
    client : socket.socket
        The connection to the client.
    target : Target
        The server.
    copy : RequestCopy or None
        The copy for another server, if one is due.
    on_answer : callable
        Called before the end of a response of known length is sent: a client may send its next
        request before the server has closed the connection.
    """

    request: bytes
    client: socket.socket
    target: Target
    copy: RequestCopy | None
    on_answer: Callable[[], None]

    async def run(self, timeout_s: float | None, keep: _Keep) -> bytes:
        """Forward the request and its response; return the response of the front if there is none.

        After the timeout, the server keeps working on the request.
        """
        try:
            server = await connected(self.target)
        except (OSError, asyncio.TimeoutError):
            return refused(424)
        sending = asyncio.get_running_loop().create_task(self._send(server))
        try:
            head, rest = await in_time(self._final_head(server), timeout_s)
            if not head:
                return refused(424)
            await self._forward(head + rest, server)
        except asyncio.TimeoutError:
            keep(_outlast(server.dup()))
            return refused(408)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            server.close()
            if self.copy is not None:
                self.copy.add(b"")
        return b""

    async def _send(self, server: socket.socket) -> None:
        # A server that responds before it has read everything is still read from.
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            await loop.sock_sendall(server, self.request)
            while chunk := await loop.sock_recv(self.client, CHUNK_BYTES):
                if self.copy is not None:
                    self.copy.add(chunk)
                await loop.sock_sendall(server, chunk)
            server.shutdown(socket.SHUT_WR)

    async def _final_head(self, server: socket.socket) -> tuple[bytes, bytes]:
        """Return the head of the response and what was read after it; interim ones are sent on."""
        read = b""
        while True:
            read = await _read_head(server, read)
            head, end, rest = read.partition(HEAD_END)
            if not end:
                return b"", b""
            if not status_of(head).startswith(b"1"):
                return head + end, rest
            await asyncio.get_running_loop().sock_sendall(self.client, head + end)
            read = rest

    async def _forward(self, response: bytes, server: socket.socket) -> None:
        sent = as_model_error(response)
        sent = sent.replace(
            b"\r\n", b"\r\n%s: %s\r\n" % (VERSION_FIELD, self.target.version.encode()), 1
        )
        loop = asyncio.get_running_loop()
        left = bytes_left(response)
        with suppress(ConnectionResetError):  # closed with unread bytes, after a response
            while sent:
                if left <= 0:
                    self.on_answer()
                await loop.sock_sendall(self.client, sent)
                sent = await loop.sock_recv(server, CHUNK_BYTES)
                left -= len(sent)


async def _read_head(server: socket.socket, read: bytes) -> bytes:
    """Return what has been read until the head of a response is complete, or the server ends."""
    while HEAD_END not in read and len(read) < _LARGEST_HEAD_BYTES:
        try:
            chunk = await asyncio.get_running_loop().sock_recv(server, CHUNK_BYTES)
        except OSError:
            return b""
        if not chunk:
            break
        read += chunk
    return read


async def _outlast(server: socket.socket) -> None:
    """Keep the connection of a request that timed out until the server has answered it.

    No more of the request is sent: a server that still waits for a part of it stops waiting.
    """
    server.setblocking(False)
    with server, suppress(OSError):
        server.shutdown(socket.SHUT_WR)
        await read_all(server)
