"""A worker: one event loop with one run()."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

import uvicorn
import uvloop

from .app import Application
from .board import Field
from .capture import Capture
from .conductor import Conductor
from .limits import open_files
from .listening import accepted
from .logs import logger
from .memory import own_memory
from .protocol import protocol_of
from .relief import received
from .rotation import LogFile
from .scoring import Scorer
from .service import Service
from .tracing import Tracing
from .typed import TypedScorer

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from .board import Board
    from .description import Descriptions
    from .listening import Listeners
    from .script import EntryScript
    from .service import Observer
    from .settings import Settings

__all__ = ["work"]

_ENOUGH_MEMORY = 0.9
_NO_ROOM_PAUSE_S = 0.1
_FEWEST_FILES = 4096
_HANDSHAKES_S = 3.0
_TELL_EVERY_S = 10.0


def work(
    script: EntryScript,
    settings: Settings,
    *,
    parent: int,
    board: Board,
    index: int,
    listeners: Listeners,
    handed_over: socket.socket,
    descriptions: Descriptions,
) -> None:
    """Answer requests until SIGTERM, and then what was accepted.

    Parameters
    ----------
    script : EntryScript
        Whose init() has run.
    settings : Settings
        What the server was told.
    parent : int
        The process whose end is the end of this one.
    board : Board
        The numbers of all workers.
    index : int
        Which slot of the board is this worker's.
    listeners : Listeners
        Where connections come from; other workers listen there too.
    handed_over : socket
        Where the supervisor sends connections that it took while all workers were busy.
    descriptions : Descriptions
        What describes the service.
    """
    worker = _Worker(
        script, settings, parent=parent, board=board, index=index, descriptions=descriptions
    )
    worker.run(listeners, handed_over)


class _Worker:
    def __init__(
        self,
        script: EntryScript,
        settings: Settings,
        *,
        parent: int,
        board: Board,
        index: int,
        descriptions: Descriptions,
    ) -> None:
        self._settings = settings
        self._board = board
        self._slot = board.slot(index)
        self._slot[Field.PID] = os.getpid()
        self._slot[Field.STARTS] += 1
        self._loop = uvloop.new_event_loop()
        self._parent = parent
        self._tells_at = 0.0
        self._most_memory = _share_of_memory(settings)
        self.service = Service(settings, board=board, slot=self._slot)
        self.service.observers = _observers(settings)
        self.service.on_sweep += [
            self._end_with_parent,
            self._retire_when_large,
            LogFile().look,
        ]
        plan = script.plan
        options: Any = {"slot": self._slot, "retire": self._retire}
        scorer = (
            TypedScorer(plan, script, settings, **options)
            if plan
            else Scorer(script, settings, **options)
        )
        self._conductor = Conductor(
            self._loop, scorer, deliver=self.service.deliver, slot=self._slot
        )
        self.service.conductor = self._conductor
        application = Application(self.service, descriptions)
        self._server = _uvicorn(settings, protocol_of(self.service, application))

    def run(self, listeners: Listeners, handed_over: socket.socket) -> None:
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._told_to_end)
        self._loop.create_task(self._serve(listeners, handed_over))
        self._conductor.run()
        self._slot[Field.READY] = 0

    async def _serve(self, listeners: Listeners, handed_over: socket.socket) -> None:
        sweeping = self._loop.create_task(self.service.sweep())
        # A loop closes what it listens on; these are this worker's own.
        fast = [] if self._is_crowded() else [each.dup() for each in listeners.sockets]
        await self._server.startup(fast)
        if not fast:
            self._listen(listeners.sockets)
        self.service.on_sweep.append(lambda: self._mind_room(listeners))
        self._loop.add_reader(handed_over.fileno(), self._take_over, handed_over)
        self._slot[Field.READY] = 1
        logger.info("Worker with pid %d ready for serving traffic", os.getpid())
        await self._server.main_loop()
        self._slot[Field.READY] = 0
        if self._server.config.ssl:
            for server in self._server.servers:
                self.service.keep(_connections_of(server))
            await asyncio.sleep(0)  # they have to be asked for before it is closed
        self._stop_listening(listeners)
        listeners.close()
        if not self._board.ending:  # others serve
            self._loop.remove_reader(handed_over.fileno())
        await self.service.drain(until=lambda: self._has_all(handed_over))
        sweeping.cancel()
        self._conductor.end()

    # Connections

    def _is_crowded(self) -> bool:
        """Return whether there may soon be no descriptor left for a connection.

        The loop's own way to listen then drops those that it cannot take. It is the fast one.
        """
        most = open_files()
        return most < _FEWEST_FILES or len(self.service.connections.open) > most // 2

    def _mind_room(self, listeners: Listeners) -> None:
        """Take connections with care from the moment on in which there are very many."""
        if self._server.servers and self._is_crowded():
            self._stop_listening(listeners)
            self._listen(listeners.sockets)

    def _stop_listening(self, listeners: Listeners) -> None:
        servers, self._server.servers = self._server.servers, []
        for server in servers:
            server.close()
        for each in listeners.sockets:
            self._loop.remove_reader(each.fileno())

    def _listen(self, listeners: Sequence[socket.socket]) -> None:
        for each in listeners:
            self._loop.add_reader(each.fileno(), self._accept, each)

    def _accept(self, listener: socket.socket) -> None:
        """Take one connection; more of them at once would leave other workers idle."""
        try:
            for connection in accepted(listener, most=1):
                self.service.keep(self._adopt(connection))
        except OSError as error:
            # The kernel keeps them meanwhile. Looking again at once would take all of a processor.
            now = self._loop.time()
            if now > self._tells_at:
                self._tells_at = now + _TELL_EVERY_S
                logger.warning("No more connections for a moment: %s.", error.strerror)
            self._loop.remove_reader(listener.fileno())
            pause_s = 0 if self.service.connections.make_way() else _NO_ROOM_PAUSE_S
            self._loop.call_later(pause_s, self._listen_again, listener)

    def _listen_again(self, listener: socket.socket) -> None:
        if listener.fileno() >= 0:
            self._listen([listener])

    def _take_over(self, handed_over: socket.socket) -> None:
        """Take connections that the supervisor accepted, with what they have sent unread."""
        for connection in received(handed_over):
            connection.setblocking(False)
            self.service.keep(self._adopt(connection))

    def _has_all(self, handed_over: socket.socket) -> bool:
        """Return whether no connection is to come from the supervisor."""
        if not self._board.ending or os.getppid() != self._parent:
            return True
        nothing_held = not self._board.held  # looked at first: what is held now is sent later
        before = self.service.tasks
        self._take_over(handed_over)
        return nothing_held and self.service.tasks == before

    async def _adopt(self, connection: socket.socket) -> None:
        config = self._server.config

        def protocol() -> asyncio.Protocol:
            made: Any = config.http_protocol_class
            return made(config=config, server_state=self._server.server_state, app_state={})  # type: ignore[no-any-return]

        try:
            await self._loop.connect_accepted_socket(
                protocol,
                connection,
                ssl=config.ssl,
                ssl_handshake_timeout=self._settings.head_s if config.ssl else None,
            )
        except OSError:  # the client has gone, or does not speak TLS
            connection.close()

    def _told_to_end(self, *_: object) -> None:
        # The handler runs between two steps of anything; the server looks at it at its next tick.
        self._server.should_exit = True

    def _retire(self) -> None:
        """Ask to be replaced: another worker is started then, and this one ended."""
        self._slot[Field.LEAVING] = 1

    def _end_with_parent(self) -> None:
        if os.getppid() != self._parent:
            self._server.should_exit = True

    def _retire_when_large(self) -> None:
        if self._most_memory and own_memory() > self._most_memory:
            if not self._slot[Field.LEAVING]:
                logger.warning("The worker uses %d MiB; it is replaced.", own_memory() // 2**20)
            self._retire()


class _Server(uvicorn.Server):
    """Uvicorn's, but for signals: the worker has its own."""

    def capture_signals(self) -> Any:
        return nullcontext()


def _uvicorn(settings: Settings, protocol: type[asyncio.Protocol]) -> _Server:
    config = uvicorn.Config(
        _no_application,
        http=protocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        backlog=2048,
        ssl_certfile=settings.certificate or None,
        ssl_keyfile=settings.private_key or None,
    )
    config.load()
    server = _Server(config)
    server.lifespan = config.lifespan_class(config)
    return server


async def _no_application(_scope: Any, _receive: Any, _send: Any) -> None:
    """Stand where uvicorn wants one; the protocol asks nobody but the service."""


async def _connections_of(server: asyncio.Server) -> None:
    """Wait for what a server has accepted: during a handshake only the loop knows of it."""
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(server.wait_closed(), _HANDSHAKES_S)


def _observers(settings: Settings) -> tuple[Observer, ...]:
    found = (Capture.from_settings(settings), Tracing.from_environment(os.environ, settings))
    return tuple(each for each in found if each is not None)


def _share_of_memory(settings: Settings) -> int:
    return int(settings.memory_bytes * _ENOUGH_MEMORY / settings.workers)
