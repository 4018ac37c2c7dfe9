"""One connection through a front: its head is checked, then bytes are forwarded unchanged."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from modelship.testing.offline.connections import CHUNK_BYTES, end, pump, read_head
from modelship.testing.offline.heads import HEAD_END, fields_of, without_prefix
from modelship.testing.offline.hosts import is_local, sent_by_page
from modelship.testing.offline.routes import VERSION_FIELD, QueueTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelship.testing.offline.routes import Route, Target

__all__ = ["lead_through"]

# More than the server behind accepts: a hundred fields of 8190 bytes.
_LARGEST_HEAD_BYTES: Final = 1 << 20
_END: Final = b"Content-Length: 0\r\nConnection: close\r\n\r\n"
_FORBIDDEN: Final = b"HTTP/1.1 403 Forbidden\r\n" + _END
_UNAUTHORIZED: Final = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\n" + _END
_UNAVAILABLE: Final = b"HTTP/1.1 503 Service Unavailable\r\n" + _END
_TIMED_OUT: Final = b"HTTP/1.1 504 Gateway Timeout\r\n" + _END


async def lead_through(client: socket.socket, route: Callable[[], Route], shown: bytes) -> None:
    """Serve one connection.

    Parameters
    ----------
    client : socket.socket
        A non-blocking socket.
    route : Callable
        Returns the current route; called once the head of the request has arrived.
    shown : bytes
        A header field for the server behind, with its end of line.
    """
    if head := await read_head(client, most_bytes=_LARGEST_HEAD_BYTES):
        await end(client, await _answer(head, client, route(), shown))


async def _answer(head: bytes, client: socket.socket, route: Route, shown: bytes) -> bytes:
    """Forward a request, or return the response to it instead."""
    if not _is_meant(head, route):
        return _FORBIDDEN
    if not route.admits(head):
        return _UNAUTHORIZED
    if target := route.choose(head):
        request = without_prefix(head, route.prefix).replace(b"\r\n", b"\r\n" + shown, 1)
        return await _in_turn(request, client, target)
    return _UNAVAILABLE if route.is_router else b""


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


async def _in_turn(request: bytes, client: socket.socket, target: Target) -> bytes:
    """Forward a request when it is its turn; return an error response instead, if any."""
    try:
        async with target.turn():
            return await _pass_on(request, client, target)
    except QueueTimeoutError:
        return _UNAVAILABLE


async def _pass_on(head: bytes, client: socket.socket, target: Target) -> bytes:
    """Forward the request to the server and its response to the client, concurrently."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        server.setblocking(False)
        await loop.sock_connect(server, target.address)
        sending = loop.create_task(_send(head, client, server))
        try:
            first = await _first_bytes(server, target)
            if first is None:
                return _TIMED_OUT
            await loop.sock_sendall(client, first)
            with suppress(ConnectionResetError):  # closed with unread bytes, after a response
                await pump(server, client)
        except ConnectionResetError:
            _reset_on_close(client)
            raise
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
    return b""


async def _first_bytes(server: socket.socket, target: Target) -> bytes | None:
    """Return the start of a response with the version added; None after a timeout."""
    receiving = asyncio.get_running_loop().sock_recv(server, CHUNK_BYTES)
    timeout_s = target.limits.timeout_s if target.limits else None
    try:
        first = await asyncio.wait_for(receiving, timeout_s)
    except asyncio.TimeoutError:
        return None
    if not target.version:
        return first
    return first.replace(b"\r\n", b"\r\n%s: %s\r\n" % (VERSION_FIELD, target.version.encode()), 1)


async def _send(head: bytes, client: socket.socket, server: socket.socket) -> None:
    # A server that responds before it has read everything is still read from.
    with suppress(OSError):
        await asyncio.get_running_loop().sock_sendall(server, head)
        await pump(client, server)


def _reset_on_close(client: socket.socket) -> None:
    """Make the client see a reset connection instead of a normal end."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
