"""Define the state that all connections of a worker share."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from typing import TYPE_CHECKING, Any, Protocol

from .connections import Connections
from .cors import Cors
from .http_contract import HttpAnswer, error, problem
from .key_check import Keys
from .logs import AccessLog, logger
from .scoreboard import BUCKETS_S, Field

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from .conductor import Conductor
    from .http_contract import Request
    from .protocol import ScoringProtocol
    from .scoreboard import Scoreboard, Slot
    from .settings import Settings

__all__ = ["Observer", "WorkerService"]

_SWEEP_S = 0.5
_ARRIVING_S = 0.3
"""How long a request may take from the kernel to here while a service drains."""
_FLUSH_S = 0.05
_CLASSES = {
    2: Field.ANSWERED_2XX,
    4: Field.ANSWERED_4XX,
    5: Field.ANSWERED_5XX,
}
_NO_KEY = "The request has no valid key of this service: send it as Authorization: Bearer <key>."
_BUSY = "The service is busy: {} requests wait. Try again."


class Observer(Protocol):
    """An object that is called for each answered request, such as a tracer."""

    def note(self, request: Request, answer: HttpAnswer, duration_s: float) -> None:
        """Record a sent response; must neither raise nor block. Called by the loop."""

    def close(self) -> None:
        """Finish pending work, within seconds. Called once, not by the loop."""


class WorkerService:
    """The requests and the connections of one worker.

    Parameters
    ----------
    settings : Settings
        The settings of the server.
    board : Scoreboard
        The scoreboard of all workers.
    slot : Slot
        The slot of this worker.
    """

    conductor: Conductor
    observers: tuple[Observer, ...] = ()

    def __init__(self, settings: Settings, *, board: Scoreboard, slot: Slot) -> None:
        self.settings = settings
        self.board = board
        self.draining = False
        self.keeps_alive = not settings.strict
        self.keys = Keys(settings.keys_file)
        self.asks = self.keys.asked_for
        self._most_waiting = settings.queue
        self._slot = slot
        self._cors = Cors(settings) if settings.origins else None
        self._log = AccessLog(as_json=settings.json_logs)
        self.connections = Connections(settings, slot=slot)
        self._tasks: set[asyncio.Task[None]] = set()
        version = settings.server_version
        self._version = f"x-ms-server-version: {version}\r\n".encode() if version else b""
        self._flush_called = False
        self.on_sweep: list[Callable[[], None]] = [
            self.keys.look_again,
            self.connections.give_back,
        ]

    # Requests

    def submit(self, request: Request) -> None:
        """Enqueue a request for scoring, or reject it at once."""
        if len(self.conductor.waiting) >= self._most_waiting:
            self._slot[Field.REFUSED_BUSY] += 1
            self.deliver(request, self._busy())
        else:
            self.conductor.submit(request)

    def admits(self, fields: dict[bytes, bytes]) -> bool:
        """Return whether a request with these headers has a valid key of the service."""
        is_let_in = self.keys.let_in(fields.get(b"authorization"))
        self._slot[Field.REFUSED_KEY] += not is_let_in
        return is_let_in

    def deliver(self, request: Request, answer: HttpAnswer) -> None:
        """Send the response of a request, with the common headers, and record it."""
        self.add_common_headers(request, answer)
        request.respond(answer)
        duration_s = (time.perf_counter_ns() - request.began_ns) / 1e9
        slot = self._slot
        slot[_CLASSES.get(answer.status // 100, Field.ANSWERED_OTHERS)] += 1
        slot[Field.DURATION_US] += int(duration_s * 1e6)
        slot[Field.BUCKETS + bisect_left(BUCKETS_S, duration_s)] += 1
        self._log.note(request, answer, duration_s)
        for observer in self.observers:
            observer.note(request, answer, duration_s)
        request.body = b""  # otherwise its connection would keep it until the next request
        if not self._flush_called:
            self._flush_called = True
            asyncio.get_running_loop().call_later(_FLUSH_S, self._flush)

    def add_common_headers(self, request: Request, answer: HttpAnswer) -> None:
        """Add the headers that every response of a known route has."""
        answer.head += self._version + request.identities.lines
        if self._cors is not None:
            answer.head += self._cors.lines(request)

    def _busy(self) -> HttpAnswer:
        return error(503, _BUSY.format(len(self.conductor.waiting))).add("retry-after", "1")

    def _flush(self) -> None:
        self._flush_called = False
        self._log.flush()

    # Connections

    def connected(self, connection: ScoringProtocol) -> None:
        """Register a new connection."""
        self.connections.add(connection)
        if self.draining:
            self.connections.linger(connection)

    async def sweep(self) -> None:
        """Close connections that are idle or too slow, periodically."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            await asyncio.sleep(0)  # what has come while the loop was held up is read first
            self._slot[Field.WAITING] = len(self.conductor.waiting)
            self.connections.sweep()
            for call in self.on_sweep:
                call()

    # Background tasks

    def keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` as a task in the loop; a drain waits for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def parts_of(self, answer: HttpAnswer) -> AsyncIterator[bytes]:
        """Yield the parts of a streamed response; another thread produces them."""
        loop = asyncio.get_running_loop()
        parts = iter(answer.parts or ())
        while (part := await loop.run_in_executor(None, next, parts, None)) is not None:
            yield part

    @property
    def tasks(self) -> int:
        """The number of background tasks."""
        return len(self._tasks)

    async def drain(self, *, until: Callable[[], bool]) -> None:
        """Answer the accepted requests, and close every connection, within the timeout.

        More connections may come until `until` returns True.
        """
        self.draining = True
        self.keeps_alive = False
        end = asyncio.get_running_loop().time() + self.settings.drain_s
        for connection in [*self.connections.open]:
            connection.shutdown()
        await asyncio.sleep(_ARRIVING_S)  # the last accepted connections are not here yet
        while not until() or self.connections.open or self._tasks or not self.conductor.idle:
            if asyncio.get_running_loop().time() > end:
                logger.warning("Some requests were not answered in time.")
                break
            await asyncio.sleep(0.02)
        self._log.flush()
        for observer in self.observers:
            await asyncio.get_running_loop().run_in_executor(None, observer.close)


def no_key() -> HttpAnswer:
    """Return the response to a request without a key; it closes the connection."""
    return problem(401, _NO_KEY).add("www-authenticate", "Bearer")
