"""The reverse proxy in front of the services: a fixed address for each, and the key check.

A front reads the head of a request, checks its key, and then only forwards bytes: the server behind
it receives and sends the same as without a front. One thread serves all fronts.

This requires one request per connection, which the server behind enforces: each of its responses
has ``Connection: close``.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from modelship.testing.offline.connections import Connections
from modelship.testing.offline.listeners import Listeners
from modelship.testing.offline.passage import lead_through
from modelship.testing.offline.routes import Route

if TYPE_CHECKING:
    import socket

__all__ = ["Fronts"]


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
        self._connections = Connections("fronts")
        self._fronts: dict[str, _Front] = {}
        self._lock = threading.Lock()

    def open(self, name: str, *, port: int | None = None) -> int:
        """Listen on 127.0.0.1, on `port` if it is free, and return the port.

        A front that is already open keeps its port. Clients wait until :meth:`point` is called.
        """
        with self._lock:
            if name in self._fronts:
                return self._fronts[name].port
            self._fronts[name] = _Front(self._listeners.open(_kept_as(name), port))
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
            self._connections.begin(front.listener, partial(self._lead, front))

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
        await lead_through(client, lambda: front.route or Route(), self._shown)


def _kept_as(name: str) -> str:
    return f"service {name}"
