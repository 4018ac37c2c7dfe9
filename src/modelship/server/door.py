"""Accept the connections of a worker, on a fast path or a careful one."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .health_responder import received
from .listening import BACKLOG, accepted
from .logs import logger
from .processes import open_files
from .scoreboard import Field

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Sequence

    from .address_gate import Gate
    from .listening import Entrance, Listeners
    from .protocol import ScoringProtocol
    from .scoreboard import Slot
    from .worker_service import WorkerService

__all__ = ["Door"]

_NO_ROOM_PAUSE_S = 0.1
_FEWEST_FILES = 4096
_HANDSHAKES_S = 3.0
_TELL_EVERY_S = 10.0


class Door:
    """Accepts connections for one worker; other workers accept from the same sockets.

    Parameters
    ----------
    protocol : callable
        Makes the protocol of a connection.
    service : WorkerService
        Whose connections they are.
    listeners : Listeners
        Where they come from.
    tls : ssl.SSLContext, optional
        With it the connections speak TLS.
    slot : Slot
        Where others see whether it takes what comes to the name's address.
    """

    def __init__(
        self,
        protocol: Callable[[], ScoringProtocol],
        service: WorkerService,
        listeners: Listeners,
        *,
        tls: ssl.SSLContext | None,
        slot: Slot,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._protocol = protocol
        self._service = service
        self._listeners = listeners
        self._gate = listeners.gate
        self._tls: dict[str, Any] = {}
        if tls is not None:
            self._tls = {"ssl": tls, "ssl_handshake_timeout": service.settings.head_s}
        self._slot = slot
        self._fast: list[asyncio.Server] = []  # what the loop listens with itself
        self._of_gate: list[asyncio.Server] = []  # the same at the gate's address
        self._tells_at = 0.0

    async def open(self) -> None:
        """Accept from now on."""
        if self._is_crowded():
            self._listen(self._listeners.sockets)
        else:
            self._fast = [await self._server(each) for each in self._listeners.sockets]
        if self._gate is not None:
            self._loop.add_reader(self._gate.when_open.fileno(), self._gate_opens, self._gate)

    def look(self) -> None:
        """Take connections with care from the moment on in which there are very many."""
        if self._fast and self._is_crowded():
            if self._of_gate and self._gate is not None:
                self._listen([self._gate])
            self._close_fast()
            self._listen(self._listeners.sockets)

    async def close(self) -> None:
        """Accept no more, and let go of the sockets."""
        if self._gate is not None:
            self._loop.remove_reader(self._gate.when_open.fileno())
            self._loop.remove_reader(self._gate.when_closed.fileno())
        self._close_fast()
        await asyncio.sleep(0)  # what is asked for there is asked before the loop forgets it
        for each in self._listeners.entrances:
            self._loop.remove_reader(each.fileno())
        self._listeners.close()

    # The gate

    def _gate_opens(self, gate: Gate) -> None:
        self._loop.remove_reader(gate.when_open.fileno())
        self._service.keep(self._go_through(gate))

    async def _go_through(self, gate: Gate) -> None:
        if self._is_crowded():
            self._listen([gate])
        else:
            self._of_gate.append(await self._server(gate.address))
        self._slot[Field.AT_GATE] = 1
        self._loop.add_reader(gate.when_closed.fileno(), self._gate_closes, gate)

    def _gate_closes(self, gate: Gate) -> None:
        """Accept no more there, and let the clients who came there come again, to others."""
        self._loop.remove_reader(gate.when_closed.fileno())
        self._loop.remove_reader(gate.fileno())
        self._end(self._of_gate)
        self._slot[Field.AT_GATE] = 0
        for each in self._service.connections.open:
            each.moves_on |= _came_to(each, gate.address)
        self._loop.add_reader(gate.when_open.fileno(), self._gate_opens, gate)

    # Connections

    async def _server(self, listener: socket.socket) -> asyncio.Server:
        """Let the loop listen itself; it closes what it listens on, which is this worker's own."""
        return await self._loop.create_server(
            self._protocol, sock=listener.dup(), backlog=BACKLOG, **self._tls
        )

    def take_over(self, handed_over: socket.socket) -> None:
        """Take connections that the supervisor accepted, with what they have sent unread."""
        for connection in received(handed_over):
            connection.setblocking(False)
            self._service.keep(self._adopt(connection))

    def _is_crowded(self) -> bool:
        """Return whether there may soon be no descriptor left for a connection.

        The loop's own way to listen then drops those that it cannot take. It is the fast one.
        """
        most = open_files()
        return most < _FEWEST_FILES or len(self._service.connections.open) > most // 2

    def _close_fast(self) -> None:
        self._end(self._fast)
        self._end(self._of_gate)

    def _end(self, servers: list[asyncio.Server]) -> None:
        for each in servers:
            if self._tls:
                self._service.keep(_connections_of(each))
            self._loop.call_soon(each.close)  # what was asked for comes before it
        servers.clear()

    def _listen(self, entrances: Sequence[Entrance]) -> None:
        for each in entrances:
            self._loop.add_reader(each.fileno(), self._accept, each)

    def _accept(self, entrance: Entrance) -> None:
        """Take one connection; more of them at once would leave other workers idle."""
        try:
            for connection in accepted(entrance, most=1):
                self._service.keep(self._adopt(connection))
        except OSError as error:
            # The kernel keeps them meanwhile. Looking again at once would take all of a processor.
            now = self._loop.time()
            if now > self._tells_at:
                self._tells_at = now + _TELL_EVERY_S
                logger.warning("No more connections for a moment: %s.", error.strerror)
            self._loop.remove_reader(entrance.fileno())
            pause_s = 0 if self._service.connections.make_way() else _NO_ROOM_PAUSE_S
            self._loop.call_later(pause_s, self._listen_again, entrance)

    def _listen_again(self, entrance: Entrance) -> None:
        if entrance in self._listeners.entrances:
            self._listen([entrance])

    async def _adopt(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection, **self._tls)
        except OSError:  # the client has gone, or does not speak TLS
            connection.close()


def _came_to(connection: ScoringProtocol, address: socket.socket) -> bool:
    return bool(connection.transport.get_extra_info("sockname") == address.getsockname())


async def _connections_of(server: asyncio.Server) -> None:
    """Wait for what a server has accepted: during a handshake only the loop knows of it."""
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(server.wait_closed(), _HANDSHAKES_S)
