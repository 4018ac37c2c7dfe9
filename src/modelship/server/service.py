"""Service: what all connections of one worker share."""

from __future__ import annotations

import asyncio
import fcntl
import termios
import time
from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING, Any, Protocol

from .board import BUCKETS_S, Field
from .contract import Answer, Cors, error, problem
from .heap import LARGE_BYTES, give_back_freed_memory
from .keys import Keys
from .logs import AccessLog, logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from .board import Board, Slot
    from .conductor import Conductor
    from .contract import Request
    from .protocol import ScoringProtocol
    from .settings import Settings

__all__ = ["Observer", "Service"]

_SWEEP_S = 0.5
_LINGER_S = 0.3
"""How long a quiet connection of a draining service may still bring the request on its way."""
_SLOWEST_BYTES_PER_S = 1000
_BODY_GRACE_S = 10.0
_FLUSH_S = 0.05
_CLASSES = {
    2: Field.ANSWERED_2XX,
    4: Field.ANSWERED_4XX,
    5: Field.ANSWERED_5XX,
}
_NO_KEY = "The request shows no key of this service: send it as Authorization: Bearer <key>."
_BUSY = "The service is busy: {} requests wait. Try again."
_FULL = "The service is busy: the bodies that it holds are too large together. Try again."


class Observer(Protocol):
    """What looks at each request that was answered, such as a tracer."""

    def note(self, request: Request, answer: Answer, duration_s: float) -> None:
        """Take note of an answer that is out; must neither raise nor wait. Called by the loop."""

    def close(self) -> None:
        """Finish what is under way, within seconds. Called once, not by the loop."""


class Service:
    """The requests and the connections of one worker.

    Parameters
    ----------
    settings : Settings
        What the server was told.
    board : Board
        The numbers of all workers.
    slot : Slot
        The numbers of this one.
    """

    conductor: Conductor
    observers: tuple[Observer, ...] = ()

    def __init__(self, settings: Settings, *, board: Board, slot: Slot) -> None:
        self.settings = settings
        self.board = board
        self.draining = False
        self.keeps_alive = not settings.strict
        self.keys = Keys(settings.keys_file)
        self._asks = self.keys.asked_for
        self._most_waiting = settings.queue
        self._slot = slot
        self._cors = Cors(settings) if settings.origins else None
        self._log = AccessLog(as_json=settings.json_logs)
        self._connections: set[ScoringProtocol] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        version = settings.server_version
        self._version = f"x-ms-server-version: {version}\r\n".encode() if version else b""
        self._flush_called = False
        self.had_large = False  # a body whose memory is worth giving back
        self.on_sweep: list[Callable[[], None]] = [self.keys.look_again, self._give_back]

    # Requests

    def submit(self, request: Request) -> None:
        """Have a request scored, or say at once why not."""
        if self._asks and not self.keys.let_in(request.fields.get(b"authorization")):
            self._slot[Field.REFUSED_KEY] += 1
            self.deliver(request, no_key())
        elif len(self.conductor.waiting) >= self._most_waiting:
            self._slot[Field.REFUSED_BUSY] += 1
            self.deliver(request, self._busy())
        else:
            self.conductor.submit(request)

    def deliver(self, request: Request, answer: Answer) -> None:
        """Send the answer of a request, with what every answer says, and take note of it."""
        self.dress(request, answer)
        request.respond(answer)
        duration_s = (time.perf_counter_ns() - request.began_ns) / 1e9
        slot = self._slot
        slot[_CLASSES.get(answer.status // 100, Field.ANSWERED_OTHERS)] += 1
        slot[Field.DURATION_US] += int(duration_s * 1e6)
        slot[Field.BUCKETS + bisect_left(BUCKETS_S, duration_s)] += 1
        self._log.note(request, answer, duration_s)
        for observer in self.observers:
            observer.note(request, answer, duration_s)
        request.body = b""  # else its connection would keep it until the next one
        if not self._flush_called:
            self._flush_called = True
            asyncio.get_running_loop().call_later(_FLUSH_S, self._flush)

    def dress(self, request: Request, answer: Answer) -> None:
        """Add the headers that every answer of a known route has."""
        answer.head += self._version + request.identities.lines
        if self._cors is not None:
            answer.head += self._cors.lines(request)

    def too_large(self) -> Answer:
        """Return the answer to a body that is larger than any may be."""
        most = self.settings.body_bytes // 2**20
        return problem(413, f"The body is larger than {most} MiB.")

    def no_room(self) -> Answer:
        """Return the answer to a body for which there is no room beside those of others."""
        self._slot[Field.REFUSED_BUSY] += 1
        return problem(503, _FULL).add("retry-after", "1")

    def _busy(self) -> Answer:
        return error(503, _BUSY.format(len(self.conductor.waiting))).add("retry-after", "1")

    def _give_back(self) -> None:
        if self.had_large and self.held_bytes < LARGE_BYTES:
            self.had_large = False
            give_back_freed_memory()

    def _flush(self) -> None:
        self._flush_called = False
        self._log.flush()

    # Connections

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._connections)

    @property
    def held_bytes(self) -> int:
        """How much all bodies take that have come, or are coming, and are not answered."""
        return sum(each.held_bytes for each in self._connections)

    def connected(self, connection: ScoringProtocol) -> None:
        """Take note of a new connection."""
        self._connections.add(connection)
        if self.draining:
            self.linger(connection)
        self._slot[Field.CONNECTIONS] = len(self._connections)

    def disconnected(self, connection: ScoringProtocol) -> None:
        """Take note that a connection has ended."""
        self._connections.discard(connection)
        self._slot[Field.CONNECTIONS] = len(self._connections)

    def linger(self, connection: ScoringProtocol) -> None:
        """End a connection once it has been quiet for a moment."""
        asyncio.get_running_loop().call_later(_LINGER_S, self._close_if_quiet, connection)

    def _close_if_quiet(self, connection: ScoringProtocol) -> None:
        """End a connection that is between two requests, unless the next one is there already."""
        if not connection.is_quiet or connection.transport.is_closing():
            return
        if _unread_bytes(connection.transport):
            self.linger(connection)  # closed now, it would be reset
        else:
            connection.transport.close()

    async def sweep(self) -> None:
        """End connections that are idle or too slow, again and again."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            now = asyncio.get_running_loop().time()
            self._slot[Field.WAITING] = len(self.conductor.waiting)
            for connection in [*self._connections]:
                self._judge(connection, now)
            for call in self.on_sweep:
                call()

    def _judge(self, connection: ScoringProtocol, now: float) -> None:
        for_s = now - connection.expects_since
        if not (connection.in_head or connection.in_body):
            if for_s > self.settings.keep_alive_s:
                self._close_if_quiet(connection)
        elif connection.in_head:
            if for_s > self.settings.head_s:
                connection.refuse(problem(408, "The head of the request took too long."))
        elif for_s > _BODY_GRACE_S and connection.received < for_s * _SLOWEST_BYTES_PER_S:
            connection.refuse(problem(408, "The body of the request came too slowly."))

    # Work beside the requests

    def keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` in the loop; a drain waits for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def parts_of(self, answer: Answer) -> AsyncIterator[bytes]:
        """Return the parts of an answer as they come; they are made in another thread."""
        loop = asyncio.get_running_loop()
        parts = iter(answer.parts or ())
        while (part := await loop.run_in_executor(None, next, parts, None)) is not None:
            yield part

    @property
    def tasks(self) -> int:
        """How much work there is beside the requests."""
        return len(self._tasks)

    async def drain(self, *, until: Callable[[], bool]) -> None:
        """Answer what was accepted, and end every connection, within the time that there is.

        More connections come until `until` returns True.
        """
        self.draining = True
        self.keeps_alive = False
        end = asyncio.get_running_loop().time() + self.settings.drain_s
        for connection in [*self._connections]:
            connection.shutdown()
        await asyncio.sleep(_LINGER_S)  # what was accepted last is not here yet
        while not until() or self._connections or self._tasks or not self.conductor.idle:
            if asyncio.get_running_loop().time() > end:
                logger.warning("Some requests were not answered in the time that there was.")
                break
            await asyncio.sleep(0.02)
        self._log.flush()
        for observer in self.observers:
            await asyncio.get_running_loop().run_in_executor(None, observer.close)


def no_key() -> Answer:
    """Return the answer to a request without a key."""
    return error(401, _NO_KEY).add("www-authenticate", "Bearer")


def _unread_bytes(transport: asyncio.Transport) -> int:
    """Return how much the kernel has of a connection that nobody has read yet (FIONREAD)."""
    number = array("i", [0])
    try:
        fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.FIONREAD, number)
    except OSError:  # it has ended
        return 0
    return number[0]
