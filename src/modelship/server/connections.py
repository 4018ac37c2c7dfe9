"""Limit the connections of a worker and the memory of their bodies."""

from __future__ import annotations

import asyncio
import fcntl
import termios
from array import array
from typing import TYPE_CHECKING

from .http_contract import problem
from .scoreboard import Field
from .worker_memory import LARGE_BYTES, Budget, give_back_freed_memory

if TYPE_CHECKING:
    from .connection import Connection
    from .http_contract import HttpAnswer
    from .protocol import ScoringProtocol
    from .scoreboard import Slot
    from .settings import Settings

__all__ = ["Connections"]

_SLOWEST_BYTES_PER_S = 1000
_PART_AT_ONCE = 16
_LOOK_EVERY_BYTES = 1 << 18
_STALLED_S = 5.0
"""A body that has grown by less than 256 KiB in this time is dropped in favor of others."""
_LINGER_S = 0.3
"""How long an idle connection of a draining service may still deliver a request in transit."""
_LAST_WORDS_S = 1.0
_LONGEST_END_S = 10.0
_MIB = 1 << 20
_LARGEST_BODY = 256 * _MIB
_LARGEST_BODIES = 512 * _MIB
# A body is decoded into a text of the same size, and the parsed JSON values are several times as
# large as their text. Only one body at a time is scored; the others are queued.
_ROOM_PER_BODY = 8
_ROOM_PER_BODIES = 4

_FULL = "The service is busy: the bodies that it holds are too large together. Try again."
_NO_MEMORY = "The body is larger than the memory of the service allows."
_CROWDED = "The service is busy: it has too many connections. Try again."


class Connections:
    """The open connections of one worker.

    Parameters
    ----------
    settings : Settings
        Their limits.
    slot : Slot
        The slot that they are counted in.

    Attributes
    ----------
    open : dict of ScoringProtocol to None
        All connections, the oldest first.
    body_bytes : int
        The maximum size of a body.
    bodies_bytes : int
        The maximum size of all bodies together.
    """

    def __init__(self, settings: Settings, *, slot: Slot) -> None:
        self.open: dict[ScoringProtocol, None] = {}
        self._settings = settings
        self._slot = slot
        self._most = settings.connections
        self._budget = Budget(settings.memory_bytes, workers=settings.workers)
        room = self._budget.left_bytes
        self.bodies_bytes = settings.bodies_bytes or min(
            _LARGEST_BODIES, max(room // _ROOM_PER_BODIES, _MIB)
        )
        largest = settings.body_bytes or min(_LARGEST_BODY, max(room // _ROOM_PER_BODY, _MIB))
        self.body_bytes = min(largest, self.bodies_bytes)
        self._unchecked_bytes = 0
        self._had_large = False  # a body whose memory is worth releasing

    # Opening and closing

    def add(self, connection: ScoringProtocol) -> None:
        """Add a new connection; a less important one may be closed for it."""
        self.open[connection] = None
        if len(self.open) > self._most and not self.make_way(connection):
            connection.refuse(problem(503, _CROWDED).add("retry-after", "1"))
        self._slot[Field.CONNECTIONS] = len(self.open)

    def remove(self, connection: ScoringProtocol) -> None:
        """Remove a connection that has ended."""
        self.open.pop(connection, None)
        self._slot[Field.CONNECTIONS] = len(self.open)

    def linger(self, connection: Connection) -> None:
        """Close a connection once it has been quiet for a moment."""
        asyncio.get_running_loop().call_later(_LINGER_S, self._close_if_quiet, connection)

    def _close_if_quiet(self, connection: Connection) -> None:
        """Close a connection that is between two requests, unless the next one is pending."""
        if not connection.is_quiet or connection.transport.is_closing():
            return
        if _unread_bytes(connection.transport):
            self.linger(connection)  # closing it now would reset it
        else:
            connection.transport.close()

    def make_way(self, newcomer: ScoringProtocol | None = None) -> bool:
        """Abort connections that no client waits for, and return whether there were any.

        Those that are closing anyway go first, then those that never scored, then idle ones;
        several of a kind at once, since finding them is more expensive than closing them.
        """
        expendable = [each for each in self.open if _is_expendable(each) and each is not newcomer]
        if not expendable:
            return False
        expendable.sort(key=_worth)
        *worth, _ = _worth(expendable[0])
        for each in expendable[: max(1, self._most // _PART_AT_ONCE)]:
            if _worth(each)[:-1] == tuple(worth):
                self.open.pop(each, None)
                each.transport.abort()
        return True

    # Bodies

    @property
    def held_bytes(self) -> int:
        """The size of all bodies that are received in full or in part, and not answered."""
        return sum(each.held_bytes for each in self.open)

    def takes(self, size: int, *, growing: ScoringProtocol) -> bool:
        """Return whether `size` more bytes of a body may be kept; stalled ones are refused for it.

        This is not checked each time: that is more expensive than receiving a small body.
        """
        self._unchecked_bytes += size
        if self._unchecked_bytes < _LOOK_EVERY_BYTES:
            return True
        self._unchecked_bytes = 0
        return self._makes_room_for(growing)

    def _makes_room_for(self, growing: ScoringProtocol) -> bool:
        size = growing.arrived_bytes
        self._had_large |= size > LARGE_BYTES
        while not self._has_room(size):
            stalled = [each for each in self.open if each is not growing and self._stalls(each)]
            if not stalled:
                return False
            max(stalled, key=lambda each: each.arrived_bytes).refuse(self.no_room())
        return True

    def too_large(self) -> HttpAnswer:
        """Return the response to a body over the maximum size."""
        return problem(413, f"The body is larger than {self.body_bytes // _MIB} MiB.")

    def no_room_for(self, growing: ScoringProtocol) -> HttpAnswer:
        """Return the response to a body that does not fit into memory, with others or at all."""
        if self.held_bytes == growing.held_bytes:
            return problem(413, _NO_MEMORY)
        return self.no_room()

    def no_room(self) -> HttpAnswer:
        """Return the response to a body that is dropped in favor of others."""
        self._slot[Field.REFUSED_BUSY] += 1
        return problem(503, _FULL).add("retry-after", "1")

    def give_back(self) -> None:
        """Return the memory of large bodies to the kernel, once they are freed."""
        if self._had_large and self.held_bytes < LARGE_BYTES:
            self._had_large = False
            give_back_freed_memory()

    def _has_room(self, size: int) -> bool:
        # It is decoded to a text, which takes the same size again.
        return self.held_bytes <= self.bodies_bytes and size <= self._budget.left_bytes

    def _stalls(self, each: ScoringProtocol) -> bool:
        now = asyncio.get_running_loop().time()
        return each.arrived_bytes > 0 and now - each.grew_at > _STALLED_S

    # Timeouts

    def sweep(self) -> None:
        """Close connections that are idle or too slow."""
        now = asyncio.get_running_loop().time()
        for connection in [*self.open]:
            self._judge(connection, now)

    def _judge(self, connection: ScoringProtocol, now: float) -> None:
        for_s, settings = now - connection.since, self._settings
        if connection.transport.get_write_buffer_size():
            self._judge_reading(connection, now)
        elif connection.lingers_since:
            is_silent = now - connection.heard_at > _LAST_WORDS_S
            if is_silent or now - connection.lingers_since > _LONGEST_END_S:
                connection.transport.close()
        elif connection.flow.read_paused:
            return
        elif connection.in_head:
            if for_s > settings.head_s:
                connection.refuse(problem(408, "The head of the request took too long."))
        elif connection.arriving is not None:
            self._judge_body(connection, now)
        elif for_s > settings.keep_alive_s:
            self._close_if_quiet(connection)

    def _judge_reading(self, connection: ScoringProtocol, now: float) -> None:
        """Abort a connection whose client has not read its response for too long."""
        unsent = connection.transport.get_write_buffer_size()
        if unsent != connection.unsent:
            connection.since, connection.unsent = now, unsent
        elif now - connection.since > self._settings.keep_alive_s:
            connection.transport.abort()

    def _judge_body(self, connection: ScoringProtocol, now: float) -> None:
        if now - connection.since <= self._settings.body_s:
            return
        size = connection.arrived_bytes
        if size - connection.size_then < self._settings.body_s * _SLOWEST_BYTES_PER_S:
            connection.refuse(problem(408, "The body of the request came too slowly."))
        connection.since, connection.size_then = now, size


def _is_expendable(connection: ScoringProtocol) -> bool:
    """Return whether no response is pending, or only an untrusted client has one unread."""
    if connection.lingers_since:
        return True
    is_read = not connection.behind and not connection.transport.get_write_buffer_size()
    return connection.is_answered and (is_read or not connection.is_trusted)


def _worth(connection: ScoringProtocol) -> tuple[bool, bool, float]:
    return not connection.lingers_since, connection.is_trusted, connection.since


def _unread_bytes(transport: asyncio.Transport) -> int:
    """Return the unread bytes of a connection in the kernel's buffer (FIONREAD)."""
    number = array("i", [0])
    try:
        fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.FIONREAD, number)
    except OSError:  # the connection has ended
        return 0
    return number[0]
