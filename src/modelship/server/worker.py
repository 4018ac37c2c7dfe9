"""Run a worker: one event loop with one run()."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import uvloop

from .application import Application
from .capture import Capture
from .conductor import Conductor
from .door import Door
from .logs import logger
from .protocol import protocol_of
from .rotation import LogFile
from .scoreboard import Field
from .scorer import Scorer
from .tracing import Tracing
from .typed import TypedScorer
from .worker_memory import own_memory
from .worker_service import WorkerService

if TYPE_CHECKING:
    import socket

    from .description import Descriptions
    from .entry_script import EntryScript
    from .listening import Listeners
    from .scoreboard import Scoreboard
    from .settings import Settings
    from .worker_service import Observer

__all__ = ["work"]

_ENOUGH_MEMORY = 0.9


def work(
    script: EntryScript,
    settings: Settings,
    *,
    parent: int,
    board: Scoreboard,
    index: int,
    listeners: Listeners,
    handed_over: socket.socket,
    descriptions: Descriptions,
) -> None:
    """Serve requests until SIGTERM, and then finish the accepted ones.

    Parameters
    ----------
    script : EntryScript
        The script, whose init() has run.
    settings : Settings
        The settings of the server.
    parent : int
        The id of the parent process; this process ends when the parent does.
    board : Scoreboard
        The scoreboard of all workers.
    index : int
        The index of this worker's slot.
    listeners : Listeners
        The sources of connections, shared with other workers.
    handed_over : socket
        The socket on which the supervisor passes connections accepted while all workers were busy.
    descriptions : Descriptions
        The descriptions of the service.
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
        board: Scoreboard,
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
        self._most_memory = _share_of_memory(settings)
        self.service = WorkerService(settings, board=board, slot=self._slot)
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
        self._protocol = protocol_of(self.service, application)
        self._tls = _tls(settings)
        self._told, self._telling = os.pipe()
        os.set_blocking(self._telling, False)

    def run(self, listeners: Listeners, handed_over: socket.socket) -> None:
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._told_to_end)
        self._loop.create_task(self._serve(listeners, handed_over))
        self._conductor.run()
        self._slot[Field.READY] = 0

    async def _serve(self, listeners: Listeners, handed_over: socket.socket) -> None:
        sweeping = self._loop.create_task(self.service.sweep())
        self._door = door = Door(
            self._protocol, self.service, listeners, tls=self._tls, slot=self._slot
        )
        await door.open()
        self.service.on_sweep.append(door.look)
        self._loop.add_reader(handed_over.fileno(), door.take_over, handed_over)
        self._slot[Field.READY] = 1
        logger.info("Worker with pid %d ready for serving traffic", os.getpid())
        await self._until_told_to_end()
        self._slot[Field.READY] = 0
        await door.close()
        if not self._board.ending:  # others still serve
            self._loop.remove_reader(handed_over.fileno())
        await self.service.drain(until=lambda: self._has_all(handed_over))
        sweeping.cancel()
        self._conductor.end()

    def _has_all(self, handed_over: socket.socket) -> bool:
        """Return whether the supervisor will pass no more connections."""
        if not self._board.ending or os.getppid() != self._parent:
            return True
        nothing_held = not self._board.held  # checked first: connections held now are passed later
        before = self.service.tasks
        self._door.take_over(handed_over)
        return nothing_held and self.service.tasks == before

    async def _until_told_to_end(self) -> None:
        told = asyncio.Event()
        self._loop.add_reader(self._told, told.set)
        await told.wait()
        self._loop.remove_reader(self._told)

    def _told_to_end(self, *_: object) -> None:
        # The handler interrupts arbitrary code, and so it does nothing else.
        with suppress(BlockingIOError):  # the pipe is full of such calls
            os.write(self._telling, b".")

    def _retire(self) -> None:
        """Ask to be replaced: another worker is started then, and this one terminated."""
        self._slot[Field.LEAVING] = 1

    def _end_with_parent(self) -> None:
        if os.getppid() != self._parent:
            self._told_to_end()

    def _retire_when_large(self) -> None:
        if self._most_memory and own_memory() > self._most_memory:
            if not self._slot[Field.LEAVING]:
                logger.warning("The worker uses %d MiB; it is replaced.", own_memory() // 2**20)
            self._retire()


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if not settings.certificate:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.certificate, settings.private_key or None)
    return context


def _observers(settings: Settings) -> tuple[Observer, ...]:
    found = (Capture.from_settings(settings), Tracing.from_environment(os.environ, settings))
    return tuple(each for each in found if each is not None)


def _share_of_memory(settings: Settings) -> int:
    return int(settings.memory_bytes * _ENOUGH_MEMORY / settings.workers)
