"""Copy a request at a managed online endpoint to the deployment that mirrors its traffic."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from modelship.testing.offline.accepting import CHUNK_BYTES

if TYPE_CHECKING:
    from modelship.testing.offline.routes import Target

__all__ = ["RequestCopy", "connected", "read_all"]

_CONNECT_TIMEOUT_S: Final = 10.0


class RequestCopy:
    """A copy of a request, which is sent as it arrives; its response is dropped.

    Parameters
    ----------
    request : bytes
        What has been read of the request.
    target : Target
        The server that gets the copy.
    """

    def __init__(self, request: bytes, target: Target) -> None:
        self._target = target
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self.add(request)

    def add(self, chunk: bytes) -> None:
        """Add the next bytes of the request; none at its end."""
        self._chunks.put_nowait(chunk)

    async def run(self) -> None:
        """Send the copy, and drop the response."""
        loop = asyncio.get_running_loop()
        with suppress(OSError, asyncio.TimeoutError), await connected(self._target) as server:
            reading = loop.create_task(read_all(server))
            try:
                while chunk := await self._chunks.get():
                    await loop.sock_sendall(server, chunk)
                await reading
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)


async def connected(target: Target) -> socket.socket:
    """Return a connection to a server; raise OSError or asyncio.TimeoutError if there is none."""
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    server.setblocking(False)
    try:
        connecting = asyncio.get_running_loop().sock_connect(server, target.address)
        await asyncio.wait_for(connecting, _CONNECT_TIMEOUT_S)
    except BaseException:
        server.close()
        raise
    return server


async def read_all(server: socket.socket) -> None:
    """Read until the server closes its side."""
    while await asyncio.get_running_loop().sock_recv(server, CHUNK_BYTES):
        pass
