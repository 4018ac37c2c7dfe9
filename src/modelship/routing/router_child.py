"""Run the router: a process in front of two releases while a new one is tried.

It gets the numbers of three descriptors: the listening socket of the name's address and two
connections to the controlling process. Each command is a line of JSON with a number, and so is each
reply: the number of its command, and the figures of the releases so far. If the controlling process
dies, all requests go to the old release, the address is returned to it, and the router ends once
everything is answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
import sys
import termios
from array import array
from typing import Any, Final

from aiohttp import web

from modelship.routing.forwarding import (
    LINE_BYTES,
    NEW,
    OLD,
    Forwarder,
    leave_headers_alone,
    session,
)
from modelship.routing.request_copies import Copies

_DRAIN_S: Final = 40.0  # longer than a server's own drain
_QUIET_S: Final = 0.5
_SETTLING_S: Final = 0.1
"""How long the event loop may take to handle a connection that it has just accepted."""
_LOOK_S: Final = 0.02


async def _drain(runner: web.AppRunner, forwarder: Forwarder, *, listener: socket.socket) -> None:
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
        is_quiet = not forwarder.under_way and quiet_s > _QUIET_S
        if is_quiet and not any(map(_unread_bytes, _open_connections(runner))):
            break
        await asyncio.sleep(_LOOK_S)
    await runner.cleanup()


def _open_connections(runner: web.AppRunner) -> list[asyncio.Transport]:
    connections = runner.server.connections if runner.server is not None else []
    return [each.transport for each in connections if each.transport is not None]


def _unread_bytes(transport: asyncio.Transport) -> int:
    found = transport.get_extra_info("socket")
    if found is None or found.fileno() < 0:
        return 0
    count = array("i", [0])
    fcntl.ioctl(found.fileno(), termios.FIONREAD, count)
    return count[0]


_BACKLOG: Final = 2048  # that of the address: listen(2) is called on it again
_MOST_LINE_BYTES: Final = 1 << 20
_ALL: Final = 100
_KEEP_ALIVE_S: Final = 3600.0


class _Router:
    """The listener, the forwarder, and the copies.

    Attributes
    ----------
    number : int
        The number of the last command.
    """

    def __init__(
        self,
        forwarder: Forwarder,
        copies: Copies,
        runner: web.AppRunner,
        *,
        listener: socket.socket,
        handover: socket.socket,
    ) -> None:
        self.number = 0
        self._held: list[int] = []
        self._listener = listener
        self._handover = handover
        self._forwarder = forwarder
        self._copies = copies
        self._runner = runner

    async def obey(self, command: dict[str, Any]) -> None:
        """Execute one command."""
        if "hold" in command:  # it was sent before the command
            _, held, _, _ = socket.recv_fds(self._handover, 1, 1)
            self._held += held
        if "weight" in command:
            self._forwarder.turns.weight = command["weight"]
        if command.get("copy"):
            await self._copies.begin(command["copy"])
        elif "copy" in command:
            await self._copies.end()

    async def end(self, *, winner: str) -> None:
        """Stop accepting connections, and return once `winner` has answered all requests."""
        for descriptor in self._held:  # the old release may accept at the address again
            os.close(descriptor)
        self._forwarder.turns.weight = _ALL if winner == NEW else 0
        await self._copies.end()
        await _drain(self._runner, self._forwarder, listener=self._listener)

    def told(self) -> dict[str, Any]:
        """Return the figures of the releases so far."""
        return {
            "number": self.number,
            **{name: tally.to_document() for name, tally in self._forwarder.tallies.items()},
            "copies": self._copies.tally.to_document(),
            "copying_has_ended": self._copies.has_ended,
        }


async def _listen(listener: socket.socket, forwarder: Forwarder) -> web.AppRunner:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", forwarder.handle)
    app.on_response_prepare.append(leave_headers_alone)
    runner = web.AppRunner(
        app,
        access_log=None,
        keepalive_timeout=_KEEP_ALIVE_S,
        auto_decompress=False,
        max_line_size=LINE_BYTES,
        max_field_size=LINE_BYTES,
    )
    await runner.setup()
    await web.SockSite(runner, listener, backlog=_BACKLOG).start()
    return runner


async def _control(
    router: _Router, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> str:
    """Execute commands until the end command or the controlling process ends; return the winner."""
    while line := await _line(reader):
        command = json.loads(line)
        router.number = command["number"]
        if "end" in command:
            return str(command["end"])
        await router.obey(command)
        _tell(router, writer)
    return ""


async def _line(reader: asyncio.StreamReader) -> bytes:
    """Return the next command, or nothing if the controlling process has ended."""
    try:
        line = await reader.readline()
    except OSError:  # it was killed before it had read a reply
        return b""
    return line if line.endswith(b"\n") else b""


def _tell(router: _Router, writer: asyncio.StreamWriter) -> None:
    writer.write(json.dumps(router.told()).encode() + b"\n")


async def _main(listener: socket.socket, control: socket.socket, handover: socket.socket) -> None:
    reader, writer = await asyncio.open_connection(sock=control, limit=_MOST_LINE_BYTES)
    origins = json.loads(await reader.readline())
    async with session() as client:
        copies = Copies()
        forwarder = Forwarder(origins, client=client, copies=copies)
        runner = await _listen(listener, forwarder)
        router = _Router(forwarder, copies, runner, listener=listener, handover=handover)
        router.number = origins["number"]
        _tell(router, writer)
        winner = await _control(router, reader, writer)
        await router.end(winner=winner or OLD)
        _tell(router, writer)
        with contextlib.suppress(OSError):
            await writer.drain()


if __name__ == "__main__":
    # Ctrl-C in a terminal is for the controlling process, which ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(_main(*(socket.socket(fileno=int(each)) for each in sys.argv[1:])))
