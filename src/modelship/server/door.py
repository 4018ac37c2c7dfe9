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
        Creates the protocol of a connection.
    service : WorkerService
        The service that the connections belong to.
    listeners : Listeners
        The sockets to accept from.
    tls : ssl.SSLContext, optional
        If given, the connections use TLS.
    slot : Slot
        The slot in which the worker publishes whether it accepts from the name's address.
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
        self._fast: list[asyncio.Server] = []  # the loop's own servers
        self._of_gate: list[asyncio.Server] = []  # the same at the gate's address
        self._tells_at = 0.0

    async def open(self) -> None:
        """Start accepting."""
        if self._is_crowded():
            self._listen(self._listeners.sockets)
        else:
            self._fast = [await self._server(each) for each in self._listeners.sockets]
        if self._gate is not None:
            self._loop.add_reader(self._gate.when_open.fileno(), self._gate_opens, self._gate)

    def look(self) -> None:
        """Switch to the careful path once there are very many connections."""
        if self._fast and self._is_crowded():
            if self._of_gate and self._gate is not None:
                self._listen([self._gate])
            self._close_fast()
            self._listen(self._listeners.sockets)

    async def close(self) -> None:
        """Stop accepting, and close the sockets."""
        if self._gate is not None:
            self._loop.remove_reader(self._gate.when_open.fileno())
            self._loop.remove_reader(self._gate.when_closed.fileno())
        self._close_fast()
        await asyncio.sleep(0)  # callbacks scheduled before run first
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
        """Stop accepting from the gate, and have its clients reconnect to other instances."""
        self._loop.remove_reader(gate.when_closed.fileno())
        self._loop.remove_reader(gate.fileno())
        self._end(self._of_gate)
        self._slot[Field.AT_GATE] = 0
        for each in self._service.connections.open:
            each.moves_on |= _came_to(each, gate.address)
        self._loop.add_reader(gate.when_open.fileno(), self._gate_opens, gate)

    # Connections

    async def _server(self, listener: socket.socket) -> asyncio.Server:
        """Create a server of the loop, which closes its own duplicate of the socket."""
        return await self._loop.create_server(
            self._protocol, sock=listener.dup(), backlog=BACKLOG, **self._tls
        )

    def take_over(self, handed_over: socket.socket) -> None:
        """Adopt connections that the supervisor accepted, with their data still unread."""
        for connection in received(handed_over):
            connection.setblocking(False)
            self._service.keep(self._adopt(connection))

    def _is_crowded(self) -> bool:
        """Return whether the descriptors for connections may soon run out.

        The loop's own servers, which are the fast path, then drop connections that they cannot
        accept.
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
            self._loop.call_soon(each.close)  # scheduled callbacks come first
        servers.clear()

    def _listen(self, entrances: Sequence[Entrance]) -> None:
        for each in entrances:
            self._loop.add_reader(each.fileno(), self._accept, each)

    def _accept(self, entrance: Entrance) -> None:
        """Accept one connection; accepting more at once would leave other workers idle."""
        try:
            for connection in accepted(entrance, most=1):
                self._service.keep(self._adopt(connection))
        except OSError as error:
            # The kernel keeps them meanwhile. Retrying at once would take a whole processor.
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
        except OSError:  # the client has gone, or does not use TLS
            connection.close()


def _came_to(connection: ScoringProtocol, address: socket.socket) -> bool:
    return bool(connection.transport.get_extra_info("sockname") == address.getsockname())


async def _connections_of(server: asyncio.Server) -> None:
    """Wait for the connections of a server: only the loop tracks those in a handshake."""
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(server.wait_closed(), _HANDSHAKES_S)
