"""Stop a router without losing a request."""

from __future__ import annotations

import asyncio
import fcntl
import termios
from array import array
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import socket

    from aiohttp import web

    from modelship.routing.forwarding import Forwarder

__all__ = ["drain"]

_DRAIN_S: Final = 40.0  # longer than a server's own drain
_QUIET_S: Final = 0.5
_SETTLING_S: Final = 0.1
"""How long the event loop may take to handle a connection that it has just accepted."""
_LOOK_S: Final = 0.02


async def drain(runner: web.AppRunner, forwarder: Forwarder, *, listener: socket.socket) -> None:
    """Stop accepting connections; return once the open ones have been answered.

    The next response on a keep-alive connection closes it. A connection without a request is closed
    once all have been quiet for half a second and none has unread data.
    """
    forwarder.is_draining = True
    loop = asyncio.get_running_loop()
    begun_at = loop.time()
    # Closing a server drops connections that it has accepted and not started to handle.
    loop.remove_reader(listener)
    await asyncio.sleep(_SETTLING_S)
    for site in list(runner.sites):
        await site.stop()
    while loop.time() - begun_at < _DRAIN_S and _open_connections(runner):
        quiet_s = loop.time() - max(forwarder.last_at, begun_at)
        if not forwarder.under_way and quiet_s > _QUIET_S and not _unread(runner):
            break
        await asyncio.sleep(_LOOK_S)
    await runner.cleanup()


def _open_connections(runner: web.AppRunner) -> list[asyncio.Transport]:
    connections = runner.server.connections if runner.server is not None else []
    return [each.transport for each in connections if each.transport is not None]


def _unread(runner: web.AppRunner) -> bool:
    """Return whether a connection has unread data."""
    return any(_unread_bytes(each) for each in _open_connections(runner))


def _unread_bytes(transport: asyncio.Transport) -> int:
    found = transport.get_extra_info("socket")
    if found is None or found.fileno() < 0:
        return 0
    count = array("i", [0])
    fcntl.ioctl(found.fileno(), termios.FIONREAD, count)
    return count[0]
