"""Open, pass on and close listening sockets without losing connections.

When a listening socket is closed, the kernel resets each established connection that has not been
accepted yet. So new ones are blocked first, the pending ones are accepted, and only an empty queue
is closed. A blocked client sends its SYN again after a second, and is refused then.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import socket
import struct
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from .address_gate import Gate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .settings import Settings

__all__ = ["BACKLOG", "NO_ROOM", "Entrance", "Listeners", "accepted"]

NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""The errors of accepting a connection for which this process has no resources."""
_FIRST_PASSED = 3
_OWNED = "modelship"
BACKLOG = 2048
"""How many connections the kernel queues until they are accepted."""
_SO_ATTACH_FILTER = 26
# Classic BPF (bpf(4)): load the byte with TCP's flags; if SYN is set drop the packet, and otherwise
# keep all of it.
_NO_SYN = ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))
_UNACKED_AT = 24  # tcpi_unacked in struct tcp_info (linux/tcp.h)
_TRIES = 100
_PLUGGED_S = 0.05
_MOST_SIGNALS = 4096

Entrance = socket.socket | Gate
"""The sockets from which connections are accepted."""


class Listeners:
    """The sockets that a service listens on.

    Parameters
    ----------
    sockets : Sequence[socket]
        The sockets to accept from.
    are_owned : bool
        Whether no other process holds them. Connections pending at a socket that another process
        holds, such as systemd, are left for the next service.
    gate : Gate, optional
        The address that is shared with other instances.
    """

    def __init__(
        self, sockets: Sequence[socket.socket], *, are_owned: bool, gate: Gate | None
    ) -> None:
        self.sockets = list(sockets)
        self.gate = gate
        self._are_owned = are_owned
        for each in sockets:
            each.setblocking(False)

    @staticmethod
    def open(settings: Settings) -> Listeners:
        """Start listening; a socket passed by the parent (sd_listen_fds(3)) takes precedence.

        Raises
        ------
        OSError
            If the address is not available.
        GateError
            If the process that started the service has ended.
        """
        environ = os.environ
        passed = environ.pop("LISTEN_PID", None) == str(os.getpid())
        count, names = environ.pop("LISTEN_FDS", ""), environ.pop("LISTEN_FDNAMES", "")
        gate = Gate.received(environ)  # first: a connection that comes before would wait for it
        if passed and count:
            found, owned = [socket.socket(fileno=_FIRST_PASSED)], names == _OWNED
            found[0].set_inheritable(False)  # not inherited by programs that a script starts
        else:
            found, owned = [_listen(settings.host, port) for port in _ports(settings)], True
        return Listeners(found, are_owned=owned, gate=gate)

    @property
    def entrances(self) -> list[Entrance]:
        """All sockets and gates that connections are accepted from."""
        return [*self.sockets, self.gate] if self.gate is not None else [*self.sockets]

    def are_forsaken(self) -> bool:
        """Handle the gate's commands, and return whether it can never be opened any more."""
        if self.gate is None:
            return False
        self.gate.look()
        return self.gate.is_forsaken

    def wait(self, timeout_s: float, *, signalled: socket.socket) -> None:
        """Wait at most this long, or until a signal was handled, or the gate receives a command."""
        waiting = select.poll()
        waiting.register(signalled, select.POLLIN)
        if self.gate is not None:
            waiting.register(self.gate.commanded, select.POLLIN)
        waiting.poll(1000 * timeout_s)
        with suppress(BlockingIOError):
            signalled.recv(_MOST_SIGNALS)

    def leave(self) -> None:
        """Leave the gate's commands to the parent process."""
        if self.gate is not None:
            self.gate.leave()

    def keep_out(self) -> None:
        """Block new connections in the kernel, if it allows that.

        Sockets that other instances may listen on too stay open for them.
        """
        for each in self._owned():
            with suppress(OSError):
                _attach_filter(each)

    def close(self) -> None:
        """Close the sockets in this process; pending connections are left to another one."""
        for each in self.entrances:
            each.close()
        self.sockets, self.gate = [], None

    def close_empty(self, take: Callable[[socket.socket], None]) -> None:
        """Close the sockets in the last accepting process; `take` gets pending connections."""
        for each in self._owned():
            _close_empty(each, take)
        self.close()

    def _owned(self) -> list[socket.socket]:
        """Return the sockets that no other process accepts from."""
        of_gate = [self.gate.address] if self.gate is not None and self.gate.is_alone else []
        return [*(self.sockets if self._are_owned else ()), *of_gate]


def accepted(listener: Entrance, *, most: int = 64) -> Iterator[socket.socket]:
    """Accept up to `most` pending connections.

    Raises
    ------
    OSError
        If a resource for one is exhausted (:data:`NO_ROOM`).
    """
    for _ in range(most):
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno in NO_ROOM:
                raise
            continue  # the client has gone
        connection.setblocking(False)
        yield connection


def _ports(settings: Settings) -> Iterator[int]:
    yield settings.port
    if settings.health_port is not None and settings.health_port != settings.port:
        yield settings.health_port


def _listen(host_name: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host_name, port))
    listener.listen(BACKLOG)
    return listener


def _attach_filter(listener: socket.socket) -> None:
    """Drop each SYN, and nothing else: handshakes in progress can still be completed.

    Raises
    ------
    OSError
        If this process may not: newer kernels require CAP_NET_ADMIN.
    """
    if sys.platform != "linux":
        return
    program = b"".join(struct.pack("HBBI", *each) for each in _NO_SYN)
    held = ctypes.create_string_buffer(program)
    told = struct.pack("HL", len(_NO_SYN), ctypes.addressof(held))
    listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, told)


def _close_empty(listener: socket.socket, take: Callable[[socket.socket], None]) -> None:
    """Accept pending connections until no more can come.

    If there is no filter, a connection of our own fills a queue with a capacity of one. Once it is
    the only one there, the queue can be closed.
    """
    with suppress(OSError):
        for _ in range(_TRIES):
            for each in accepted(listener, most=BACKLOG):
                take(each)
            if sys.platform != "linux":
                return
            listener.listen(0)
            with socket.socket(listener.family, socket.SOCK_STREAM) as plug:
                plug.setblocking(False)
                plug.connect_ex(listener.getsockname())
                if not select.select([], [plug], [], _PLUGGED_S)[1]:
                    if _queued(listener):
                        continue  # a client was faster
                    return  # there is a filter: no connection can come
                plug.send(b".")
                if _unacknowledged(plug) == 0 and _queued(listener) == 1:
                    listener.close()
                    return


def _queued(listener: socket.socket) -> int:
    """Return the number of pending connections; see below for a connected socket."""
    told = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _UNACKED_AT + 4)
    return int(struct.unpack_from("I", told, _UNACKED_AT)[0])


_unacknowledged = _queued
"""The number of unacknowledged bytes; 0 once the other side has established the connection."""
