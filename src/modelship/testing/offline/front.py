"""The reverse proxy in front of the services: a fixed address for each, and the key check.

A front reads the head of a request, checks its key, and then only forwards bytes: the server behind
it receives and sends the same as without a front. One thread serves all fronts.

This requires one request per connection, which the server behind enforces: each of its responses
has ``Connection: close``.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelship.testing.offline.listeners import Listeners
from modelship.testing.offline.passage import lead_through
from modelship.testing.offline.peers import is_another_users
from modelship.testing.offline.routes import Route

if TYPE_CHECKING:
    import socket

__all__ = ["Fronts"]

_BACKLOG = 2048
_PAUSE_S = 0.05
_ENDING_S = 10.0


@dataclass
class _Front:
    """One front: where it listens, and its route."""

    listener: socket.socket
    route: Route | None = None

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])


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
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="fronts", daemon=True)
        self._fronts: dict[str, _Front] = {}
        self._busy: set[asyncio.Task[None]] = set()
        self._lock = threading.Lock()

    def open(self, name: str, *, port: int | None = None) -> int:
        """Listen on 127.0.0.1, on `port` if it is free, and return the port.

        A front that is already open keeps its port. Clients wait until :meth:`point` is called.
        """
        with self._lock:
            if name in self._fronts:
                return self._fronts[name].port
            if not self._thread.ident:
                self._thread.start()
            listener = self._listeners.open(_kept_as(name), port)
            listener.listen(_BACKLOG)
            listener.setblocking(False)
            self._fronts[name] = _Front(listener)
            return self._fronts[name].port

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
            asyncio.run_coroutine_threadsafe(self._begin(front), self._loop).result()

    def shut(self, name: str) -> None:
        """Stop listening; does nothing if there is no such front."""
        with self._lock:
            front = self._fronts.pop(name, None)
        if front is not None:
            self._listeners.forget(_kept_as(name))
            asyncio.run_coroutine_threadsafe(self._end(front), self._loop).result(_ENDING_S)

    def close(self) -> None:
        """Close all fronts and their connections, and stop the thread. Safe to call twice."""
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
        # Not loop.sock_accept(): cancelled at the wrong moment, it leaves a connection open.
        try:
            client, _ = front.listener.accept()
        except BlockingIOError:
            return
        except OSError:  # such as too many open files; waiting clients are served later
            self._loop.remove_reader(front.listener)
            self._loop.call_later(_PAUSE_S, self._watch, front)
            return
        if is_another_users(client):
            client.close()
            return
        client.setblocking(False)
        task = self._loop.create_task(
            lead_through(client, lambda: front.route or Route(), self._shown)
        )
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)
        task.add_done_callback(lambda _: client.close())  # also if it was stopped before it started


def _kept_as(name: str) -> str:
    return f"service {name}"
