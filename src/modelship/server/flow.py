"""Flow control: what a connection does while one of its two sides is slower than the other."""

from __future__ import annotations

import asyncio

__all__ = ["Flow"]


class Flow:
    """Pauses and resumes the two directions of one connection.

    Parameters
    ----------
    transport : asyncio.Transport
        The connection.

    Attributes
    ----------
    read_paused : bool
        Whether nothing is read from the client.
    write_paused : bool
        Whether the client reads less than is sent to it.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self.read_paused = self.write_paused = False
        self._transport = transport
        self._writable: asyncio.Future[None] | None = None

    def pause_reading(self) -> None:
        """Read nothing from now on."""
        if not self.read_paused:
            self.read_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        if self.read_paused:
            self.read_paused = False
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        """Take note that the transport's buffer is full."""
        self.write_paused = True

    def resume_writing(self) -> None:
        """Take note that it has room again, or that nobody will read what is in it."""
        self.write_paused = False
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    async def drain(self) -> None:
        """Wait until the transport's buffer has room; called by one task at a time."""
        if self.write_paused:
            self._writable = asyncio.get_running_loop().create_future()
            await self._writable
