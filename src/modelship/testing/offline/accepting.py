"""Serve the connections to listening sockets in one thread, and forward bytes between them.

asyncio's streams are not used: they drop what a server sent before it reset a connection.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from modelship.testing.offline.peers import is_another_users
from modelship.testing.offline.routes import HEAD_END

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import TypeVar

    _Result = TypeVar("_Result")
    _Serve = Callable[[socket.socket], Coroutine[Any, Any, None]]

__all__ = ["CHUNK_BYTES", "Connections", "end", "in_time", "pump", "read_head"]

CHUNK_BYTES = 1 << 16
"""How many bytes are read at once."""

_BACKLOG = 2048
_HEAD_TIMEOUT_S = 30.0
_LINGER_S = 2.0
_PAUSE_S = 0.05
_ENDING_S = 10.0


class Connections:
    """Accepts connections from this user and root, and serves all of them in one thread.

    Its methods may be called from any other thread.

    Parameters
    ----------
    name : str
        The name of the thread.
    """

    def __init__(self, name: str) -> None:
        self._listeners: dict[socket.socket, _Serve] = {}
        self._busy: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def begin(self, listener: socket.socket, serve: _Serve) -> None:
        """Serve the connections to a listening socket; `serve` gets each one, non-blocking."""
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        self._listeners[listener] = serve
        self._call(self._watch, listener)

    def end(self, listener: socket.socket) -> None:
        """Close a listening socket; its connections remain."""
        self._call(self._shut, listener)

    def keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` in the background until the end; called in the thread itself."""
        task = self._loop.create_task(work)
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    def settle(self) -> None:
        """Return once what the thread is doing now has come to its next pause, or to its end."""
        paused = threading.Event()
        with suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(paused.set)
            paused.wait(_ENDING_S)

    def close(self) -> None:
        """Close all sockets and connections, and stop the thread. Safe to call twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_ENDING_S)

    def _call(self, function: Callable[[socket.socket], None], listener: socket.socket) -> None:
        async def call() -> None:
            function(listener)

        asyncio.run_coroutine_threadsafe(call(), self._loop).result(_ENDING_S)

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.run_until_complete(self._end_all())
        self._loop.close()

    async def _end_all(self) -> None:
        for listener in list(self._listeners):
            self._shut(listener)
        for task in self._busy:
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)
        await self._loop.shutdown_default_executor()

    def _shut(self, listener: socket.socket) -> None:
        self._listeners.pop(listener, None)
        self._loop.remove_reader(listener)
        listener.close()

    def _watch(self, listener: socket.socket) -> None:
        if listener in self._listeners:
            self._loop.add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        # Not loop.sock_accept(): cancelled at the wrong moment, it leaves a connection open.
        try:
            client, _ = listener.accept()
        except BlockingIOError:
            return
        except OSError:  # such as too many open files; waiting clients are served later
            self._loop.remove_reader(listener)
            self._loop.call_later(_PAUSE_S, self._watch, listener)
            return
        if is_another_users(client):
            client.close()
            return
        client.setblocking(False)
        task = self._loop.create_task(_served(client, self._listeners[listener]))
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)
        task.add_done_callback(lambda _: client.close())  # also if it was stopped before it started


async def _served(client: socket.socket, serve: _Serve) -> None:
    with suppress(OSError):  # the client disconnected
        await serve(client)


async def in_time(answer: Coroutine[Any, Any, _Result], timeout_s: float | None) -> _Result:
    """Return what comes before the timeout.

    :func:`asyncio.wait_for` also returns what comes later, where this thread is busy until then.

    Parameters
    ----------
    answer : coroutine
        What is waited for.
    timeout_s : float or None
        The timeout in seconds; None waits without one.

    Raises
    ------
    asyncio.TimeoutError
        If it comes later, or not at all.
    """
    loop = asyncio.get_running_loop()
    start_s = loop.time()
    came = await asyncio.wait_for(answer, timeout_s)
    if timeout_s is not None and loop.time() - start_s > timeout_s:
        raise asyncio.TimeoutError
    return came


async def read_head(client: socket.socket, *, most_bytes: int) -> bytes:
    """Return what arrives until the head of a request is complete, or longer than `most_bytes`.

    It is incomplete if the client ends it earlier, and empty if the client takes too long.
    """
    with suppress(asyncio.TimeoutError):
        return await asyncio.wait_for(_read_head(client, most_bytes), _HEAD_TIMEOUT_S)
    return b""


async def _read_head(client: socket.socket, most_bytes: int) -> bytes:
    head = bytearray()
    while len(head) <= most_bytes:
        chunk = await asyncio.get_running_loop().sock_recv(client, CHUNK_BYTES)
        searched = max(0, len(head) - len(HEAD_END))
        head += chunk
        if not chunk or head.find(HEAD_END, searched) >= 0:
            break
    return bytes(head)


async def pump(source: socket.socket, sink: socket.socket) -> None:
    """Forward bytes until the source ends; the sink remains open."""
    loop = asyncio.get_running_loop()
    while chunk := await loop.sock_recv(source, CHUNK_BYTES):
        await loop.sock_sendall(sink, chunk)


async def end(client: socket.socket, answer: bytes) -> None:
    """Send the end of a response, and read on: unread bytes would cause a reset before it."""
    await asyncio.get_running_loop().sock_sendall(client, answer)
    client.shutdown(socket.SHUT_WR)
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(_drain(client), _LINGER_S)


async def _drain(client: socket.socket) -> None:
    while await asyncio.get_running_loop().sock_recv(client, CHUNK_BYTES):
        pass
