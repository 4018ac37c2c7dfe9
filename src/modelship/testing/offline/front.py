"""What stands before the services: a fixed address for each, and the check of its keys.

A front reads the head of a request, judges its key, and from then on only passes bytes: what the
server behind receives and answers is what it would without a front. One thread serves them all.

That holds for one request a connection, which is what the server behind allows: each of its answers
says ``Connection: close``.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelship.testing.offline.heads import HEAD_END, fields_of, holds
from modelship.testing.offline.pages import is_local, sent_by_page
from modelship.testing.offline.peers import is_another_users
from modelship.testing.offline.server import listen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Fronts"]

_CHUNK_BYTES = 1 << 16
# More than the server behind takes: a hundred fields of 8190 bytes.
_LARGEST_HEAD_BYTES = 1 << 20
_HEAD_TIMEOUT_S = 30.0
_LINGER_S = 2.0
_BACKLOG = 2048
_PAUSE_S = 0.05
_ENDING_S = 10.0
_FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_UNAUTHORIZED = (
    b"HTTP/1.1 401 Unauthorized\r\n"
    b"WWW-Authenticate: Bearer\r\n"
    b"Content-Length: 0\r\n"
    b"Connection: close\r\n"
    b"\r\n"
)


@dataclass
class _Front:
    """One front: where it listens, what is behind it, and the keys that open it."""

    listener: socket.socket
    target: tuple[str, int] | None = None
    keys: tuple[bytes, ...] = ()
    origins: frozenset[str] = frozenset()

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def __repr__(self) -> str:
        return f"_Front(target={self.target})"


class Fronts:
    """The fronts of all services, by name. Its methods may be called from any thread.

    Parameters
    ----------
    key : str
        What is shown to the servers behind, in a header field, so that they serve nobody who goes
        around the fronts; nothing if it is empty.
    """

    def __init__(self, *, key: str = "") -> None:
        self._shown = f"x-modelship-front: {key}\r\n".encode() if key else b""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="fronts", daemon=True)
        self._fronts: dict[str, _Front] = {}
        self._busy: set[asyncio.Task[None]] = set()
        self._lock = threading.Lock()

    def open(self, name: str, *, port: int | None = None) -> int:
        """Listen on 127.0.0.1, on `port` if it is free, and return the port.

        A front that is open already stays where it is. Until :meth:`point` is called, it closes
        connections without an answer.
        """
        with self._lock:
            if name in self._fronts:
                return self._fronts[name].port
            if not self._thread.ident:
                self._thread.start()
            front = self._fronts[name] = _Front(_listen(port))
        asyncio.run_coroutine_threadsafe(self._begin(front), self._loop).result()
        return front.port

    def point(
        self,
        name: str,
        target: tuple[str, int] | None,
        *,
        keys: Sequence[str] = (),
        origins: Iterable[str] = (),
    ) -> None:
        """Set the host and port behind a front, None for nothing, and the keys that open it.

        Without keys it is open to every program of this user, and to web pages of the `origins`,
        such as ``"http://localhost:3000"``; ``"*"`` is any.
        """
        front = self._fronts[name]
        front.keys = tuple(key.encode() for key in keys)
        front.origins = frozenset(origins)
        front.target = target

    def block(self, name: str) -> None:
        """Let a front lead nowhere for now; one that is not there is no error."""
        if front := self._fronts.get(name):
            front.target = None

    def shut(self, name: str) -> None:
        """Stop listening; a front that is not there is no error."""
        with self._lock:
            front = self._fronts.pop(name, None)
        if front is not None:
            asyncio.run_coroutine_threadsafe(self._end(front), self._loop).result(_ENDING_S)

    def close(self) -> None:
        """Shut all fronts, end their connections, and end the thread. Twice is harmless."""
        if self._loop.is_closed():
            return
        for name in list(self._fronts):
            self.shut(name)
        if self._thread.ident:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_ENDING_S)
        if not self._thread.is_alive():
            self._loop.close()

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.run_until_complete(self._end_connections())

    async def _end_connections(self) -> None:
        for task in self._busy:
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)

    async def _begin(self, front: _Front) -> None:
        self._watch(front)

    async def _end(self, front: _Front) -> None:
        self._loop.remove_reader(front.listener)
        front.listener.close()

    def _watch(self, front: _Front) -> None:
        if front.listener.fileno() >= 0:
            self._loop.add_reader(front.listener, self._accept, front)

    def _accept(self, front: _Front) -> None:
        # Not loop.sock_accept(): cancelled at the wrong moment, it loses a connection unclosed.
        try:
            client, _ = front.listener.accept()
        except BlockingIOError:
            return
        except OSError:  # too many open files, for one; those who wait are served later
            self._loop.remove_reader(front.listener)
            self._loop.call_later(_PAUSE_S, self._watch, front)
            return
        if is_another_users(client):
            client.close()
            return
        client.setblocking(False)
        task = self._loop.create_task(_serve(client, front, self._shown))
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)
        task.add_done_callback(lambda _: client.close())  # also if it was ended before it began


def _listen(port: int | None) -> socket.socket:
    listener = listen(port)
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener


async def _serve(client: socket.socket, front: _Front, shown: bytes) -> None:
    with client, suppress(OSError):
        try:
            head = await asyncio.wait_for(_read_head(client), _HEAD_TIMEOUT_S)
        except asyncio.TimeoutError:
            return
        if not head:
            return
        if not _is_meant(head, front):
            await asyncio.get_running_loop().sock_sendall(client, _FORBIDDEN)
        elif front.keys and not holds(head, front.keys, field=b"authorization", kind=b"bearer"):
            await asyncio.get_running_loop().sock_sendall(client, _UNAUTHORIZED)
        elif front.target is not None:
            await _pass_on(head.replace(b"\r\n", b"\r\n" + shown, 1), client, front.target)
        await _part(client)


def _is_meant(head: bytes, front: _Front) -> bool:
    """Return whether a request is meant for this service: no web page got a browser to send it."""
    line, _, _ = head.partition(b" ")
    fields = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in fields_of(head.partition(HEAD_END)[0])
    }
    if not is_local(fields.get("host", "127.0.0.1")):  # HTTP/1.0 and no browser, if there is none
        return False
    # A program may send Origin too, and Azure answers it; a browser adds Sec-Fetch-Site.
    welcome = front.keys or front.origins & {"*", fields.pop("origin", None)}
    return bool(welcome) or not sent_by_page(line.decode("latin-1"), fields)


async def _read_head(client: socket.socket) -> bytes:
    """Read until the head of a request is there, or the client ends, or it is too large."""
    head = bytearray()
    while len(head) <= _LARGEST_HEAD_BYTES:
        chunk = await asyncio.get_running_loop().sock_recv(client, _CHUNK_BYTES)
        searched = max(0, len(head) - len(HEAD_END))
        head += chunk
        if not chunk or head.find(HEAD_END, searched) >= 0:
            break
    return bytes(head)


async def _pass_on(head: bytes, client: socket.socket, target: tuple[str, int]) -> None:
    """Pass the request to the server, and what it answers to the client, both at once."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        server.setblocking(False)
        await loop.sock_connect(server, target)
        sending = loop.create_task(_send(head, client, server))
        try:
            first = await loop.sock_recv(server, _CHUNK_BYTES)
            await loop.sock_sendall(client, first)
            with suppress(ConnectionResetError):  # closed with unread bytes, after an answer
                await _pump(server, client)
        except ConnectionResetError:
            _reset_on_close(client)
            raise
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


async def _send(head: bytes, client: socket.socket, server: socket.socket) -> None:
    # A server that answers before it has read everything is heard all the same.
    with suppress(OSError):
        await asyncio.get_running_loop().sock_sendall(server, head)
        await _pump(client, server)
        server.shutdown(socket.SHUT_WR)


async def _pump(source: socket.socket, sink: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while chunk := await loop.sock_recv(source, _CHUNK_BYTES):
        await loop.sock_sendall(sink, chunk)


def _reset_on_close(client: socket.socket) -> None:
    """Let the client see what happened: a connection that was cut off, not one that ended."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def _part(client: socket.socket) -> None:
    """End our side, and read on a while: unread bytes would become a reset, ahead of the answer."""
    client.shutdown(socket.SHUT_WR)
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(_drain(client), _LINGER_S)


async def _drain(client: socket.socket) -> None:
    while await asyncio.get_running_loop().sock_recv(client, _CHUNK_BYTES):
        pass
