"""Hold the state of one connection: its requests, and its flow control."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .application import Application
    from .exchange import Exchange
    from .http_parsing import RequestParser
    from .worker_service import WorkerService

__all__ = ["Connection", "Flow"]


class Flow:
    """Pauses and resumes the two directions of one connection.

    Parameters
    ----------
    transport : asyncio.Transport
        The connection.

    Attributes
    ----------
    read_paused : bool
        Whether reading from the client is paused.
    write_paused : bool
        Whether the client reads more slowly than is sent to it.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self.read_paused = self.write_paused = False
        self._transport = transport
        self._writable: asyncio.Future[None] | None = None

    def pause_reading(self) -> None:
        """Pause reading."""
        if not self.read_paused:
            self.read_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Resume reading."""
        if self.read_paused:
            self.read_paused = False
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        """Record that the transport's buffer is full."""
        self.write_paused = True

    def resume_writing(self) -> None:
        """Record that the buffer has space again, or that its content is discarded."""
        self.write_paused = False
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    async def drain(self) -> None:
        """Wait until the transport's buffer has space; called by one task at a time."""
        if self.write_paused:
            self._writable = asyncio.get_running_loop().create_future()
            await self._writable


class Connection(asyncio.Protocol):
    """The state of one connection, created in its event loop."""

    service: WorkerService
    application: Application
    transport: asyncio.Transport
    flow: Flow
    parser: RequestParser

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.client: tuple[str, int] | None = None
        self.current: Exchange | None = None  # the one to answer next, or the last answered
        self.arriving: Exchange | None = None  # the one whose body is being received
        self.behind: deque[Exchange] = deque()  # those waiting for earlier responses
        self.unread = b""  # data received after the queued requests
        self.since = self.loop.time()  # the start of the current wait
        self.size_then = 0  # size of the body being received, at `since`
        self.grew_at = self.since
        self.moves_on = False  # its client has to reconnect for the next request
        self.is_trusted = False  # it has sent a scoring request, with a valid key if one is needed
        self.is_deaf = False  # received data is discarded
        self.lingers_since = 0.0
        self.heard_at = 0.0  # while lingering
        self.unsent = 0  # unsent response bytes, at the last look

    @property
    def stays(self) -> bool:
        """Whether the connection may stay open after the current response."""
        return self.service.keeps_alive and not self.moves_on

    @property
    def in_head(self) -> bool:
        """Whether a head has begun to arrive, and is incomplete."""
        return self.parser.in_head and not self.is_deaf

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is being received or answered."""
        arrives = self.arriving is not None or self.in_head or self.unread
        return self.is_answered and not self.behind and not arrives

    @property
    def can_go_on(self) -> bool:
        """Whether the next request may be answered: the last one is, and the client reads."""
        return self.is_answered and not self.flow.write_paused

    @property
    def is_answered(self) -> bool:
        """Whether no response is pending for the data received so far."""
        return self.current is None or self.current.is_answered

    @property
    def arrived_bytes(self) -> int:
        """The received bytes of the body in progress."""
        return self.arriving.size if self.arriving is not None else 0

    @property
    def held_bytes(self) -> int:
        """The bytes of bodies that are kept until they are answered."""
        held = self.current.held_bytes if self.current is not None else 0
        return held + sum(each.held_bytes for each in self.behind) if self.behind else held

    def shutdown(self) -> None:
        """Close the connection once it is answered and quiet."""
        if self.is_quiet:
            self.service.connections.linger(self)
        elif self.current is not None:
            self.current.keep_alive = False
