"""Define ScoringProtocol: the asyncio protocol of one connection.

Every request is handled in the same way: its head is checked as soon as it is complete, its body is
collected only if run() needs it, and it is answered after the earlier ones of its connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from .connection import Connection, Flow
from .exchange import Exchange, KnownHead
from .http_contract import problem
from .http_parsing import NOTHING, NoMoreError, RequestParser

if TYPE_CHECKING:
    import asyncio

    from .application import Application
    from .http_contract import HttpAnswer
    from .http_parsing import Head
    from .worker_service import WorkerService

__all__ = ["ScoringProtocol", "protocol_of"]

# Allowed overhead around the parts of a chunked body: sizes, extensions, trailers.
_FRAMING_BYTES = 1 << 20
_FRAMING_PER_BYTE = 4
_MOSTLY_FRAMING = "The chunks of the body are too small: send larger ones."
_GROWTH_BYTES = 1 << 18
_MOST_AT_ONCE = 16
"""Requests of one connection that are answered before it is the turn of other connections."""
_SLICE_BYTES = 1 << 13
"""How much is parsed at once if several heads may follow: some hundred of the shortest."""
_SLICE_OF_CHUNKS_BYTES = 1 << 16
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def protocol_of(service: WorkerService, application: Application) -> type[ScoringProtocol]:
    """Return a class whose instances each serve one connection of `service`."""
    members = {"service": service, "application": application}
    return type("ServiceProtocol", (ScoringProtocol,), members)


class ScoringProtocol(Connection):
    """One connection, created in its event loop."""

    def __init__(self) -> None:
        super().__init__()
        self.parser = RequestParser(self)
        self._head = NOTHING  # of the current request
        self._answers_left = 0  # requests that may start before other connections have their turn
        self._piece = b""  # the current data, if it begins with a request
        self._known: KnownHead | None = None
        self._has_ended = False  # the client has sent EOF

    # Transport callbacks

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        self.flow = Flow(transport)
        address = transport.get_extra_info("peername")
        self.client = address[:2] if isinstance(address, tuple) else None
        self.service.connected(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        self.service.connections.remove(self)
        self.is_deaf = True
        for each in (self.current, *self.behind):
            if each is not None:
                each.is_lost = True
        self.behind.clear()
        self.unread = b""
        self.arriving = None
        self.flow.resume_writing()

    def data_received(self, data: bytes) -> None:
        if self.is_deaf:
            self.heard_at = self.loop.time()
            return
        if self.unread:
            self.unread += data
            return
        known = self._known
        if (
            known is not None
            and len(data) == known.size
            and data.startswith(known.head)
            and self.is_quiet
        ):
            self._begin_again(known, data)
            return
        begins = not self.in_head and self.arriving is None
        self._known, self._piece = None, data if begins else b""
        self._feed(data)
        self._piece = b""

    def _feed(self, data: bytes) -> None:
        """Parse received data, but not after queued requests: other connections have their turn."""
        self._answers_left = _MOST_AT_ONCE
        rest = memoryview(data)
        while rest and not self.is_deaf:
            if self.behind:
                self.unread = bytes(rest)
                return
            size = self._slice_bytes
            self.parser.feed(rest[:size])
            rest = rest[size:]
            framing = self.parser.received - _FRAMING_PER_BYTE * self.arrived_bytes
            if framing > _FRAMING_BYTES and self.arriving is not None:
                self.refuse(problem(400, _MOSTLY_FRAMING))

    @property
    def _slice_bytes(self) -> int:
        """The bytes to parse in one turn: all of a body, but few heads."""
        if self.arriving is None:
            return _SLICE_BYTES
        left = self._head.body_bytes - self.arriving.size
        return left if left > 0 else _SLICE_OF_CHUNKS_BYTES  # a chunked body declares no length

    def _read_on(self) -> None:
        """Parse the deferred data."""
        if not self.behind:
            unread, self.unread = self.unread, b""
            self._feed(unread)
            self._pace()

    def eof_received(self) -> bool:
        """Keep the connection open for the responses to complete requests, if there are any."""
        arriving, self.arriving = self.arriving, None
        if arriving is not None and self.behind:  # it is the last of them
            self.behind.pop()
            arriving = None
        last = self.behind[-1] if self.behind else self.current
        if self.lingers_since or arriving is not None or last is None or last.is_answered:
            return False
        self.is_deaf = self._has_ended = True
        last.keep_alive = False
        return True

    def pause_writing(self) -> None:
        self.flow.pause_writing()
        self._pace()

    def resume_writing(self) -> None:
        self.flow.resume_writing()
        self._pace()
        self._go_on()

    def _pace(self) -> None:
        """Pause reading while requests are queued, or the client does not read its responses."""
        if self.transport.is_closing():
            return
        if (self.behind or self.flow.write_paused) and not self.lingers_since:
            self.flow.pause_reading()
        elif self.unread:
            self.loop.call_soon(self._read_on)
        elif self.flow.read_paused:
            self.since, self.size_then = self.loop.time(), self.arrived_bytes
            self.flow.resume_reading()

    # Parser callbacks

    def on_start(self) -> None:
        self.since = self.loop.time()

    def on_head(self, head: Head) -> None:
        exchange = Exchange(self, head)
        exchange.is_admitted = self.application.admits(head)
        if not exchange.is_admitted or (head.has_body and not head.scores):
            # That body is not read: the response closes the connection.
            exchange.keep_alive = exchange.expects = False
            exchange.is_whole = self.is_deaf = True
            self._queue(exchange)
            raise NoMoreError
        if head.body_bytes > self.service.connections.body_bytes:
            self._stop(self.service.connections.too_large())
        self.is_trusted |= head.scores
        self.arriving, self._head = exchange, head
        self.size_then, self.grew_at = 0, self.since
        self._queue(exchange)

    def on_body(self, part: bytes) -> None:
        arriving = self.arriving
        if arriving is None:
            return
        before, size = arriving.size, arriving.add(part)
        if size // _GROWTH_BYTES != before // _GROWTH_BYTES:
            self.grew_at = self.loop.time()
        connections = self.service.connections
        if size > connections.body_bytes:
            self._stop(connections.too_large())
        if not connections.takes(len(part), growing=self):
            self._stop(connections.no_room_for(self))

    def on_end(self) -> None:
        arriving, self.arriving = self.arriving, None
        if arriving is None:
            return
        arriving.complete()
        self._known = KnownHead.of(arriving, self._head, self._piece)
        self.is_deaf = not arriving.keep_alive
        if self.current is arriving:
            self.application.answer(arriving)
        if self.is_deaf:
            raise NoMoreError

    def _stop(self, answer: HttpAnswer) -> NoReturn:
        """Refuse the current request, and leave the parser, which stops reading this connection."""
        self.refuse(answer)
        raise NoMoreError

    # From heads to responses

    def _begin_again(self, known: KnownHead, data: bytes) -> None:
        """Answer a request. Reuse the cached parsed head."""
        exchange = self.current = Exchange(self, known.found)
        exchange.is_admitted = self.application.admits(known.found)
        exchange.body = data[len(known.head) :]
        exchange.size = len(exchange.body)
        exchange.is_whole = True
        if self.service.connections.takes(exchange.size, growing=self):
            self.application.answer(exchange)
        else:
            exchange.refuse(self.service.connections.no_room_for(self))
            self._take_turn(exchange)

    def _queue(self, exchange: Exchange) -> None:
        if self.can_go_on and not self.behind and self._answers_left:
            self._answers_left -= 1
            self._take_turn(exchange)
        else:  # it follows another one, which has to be answered, and read, first
            self.behind.append(exchange)
            self._pace()
            self.loop.call_soon(self._go_on)

    def _take_turn(self, exchange: Exchange) -> None:
        self.current = exchange
        if exchange.verdict is not None:
            exchange.respond(exchange.verdict)
        elif exchange.is_whole:
            self.application.answer(exchange)
        elif exchange.expects:
            self.transport.write(_CONTINUE)

    def refuse(self, answer: HttpAnswer) -> None:
        """Answer an incomplete request when its turn comes, and stop reading."""
        if self.is_deaf or self.transport.is_closing():
            return
        self.is_deaf = True
        exchange, self.arriving = self.arriving, None
        if exchange is None:
            exchange = Exchange(self, NOTHING)
            exchange.refuse(answer)
            self._queue(exchange)
        else:
            exchange.refuse(answer)
            if exchange is self.current:
                self._take_turn(exchange)

    # The end of responses and connections

    def answered(self, exchange: Exchange) -> None:
        """Continue after a response has been passed to the transport."""
        if self.transport.is_closing():
            return
        self.since = self.loop.time()
        if not exchange.keep_alive:
            self._end()
        elif not self.behind:
            if self.service.draining:
                self.service.connections.linger(self)
        else:  # in a turn of its own: avoids recursion and long turns
            self.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        if self.behind and self.can_go_on and not self.transport.is_closing():
            self._next()

    def _next(self) -> None:
        exchange = self.behind.popleft()
        self._take_turn(exchange)
        self._pace()

    def _end(self) -> None:
        """Send EOF, and close the connection once the client has read it.

        The kernel resets a connection that is closed with unread data, and the response would be
        lost. So further data is read and discarded, until the client is done or a timeout expires.
        """
        self.is_deaf = True
        self.behind.clear()
        self.unread = b""
        if self._has_ended:
            self.transport.close()
            return
        self.lingers_since = self.heard_at = self.loop.time()
        self._pace()
        if self.transport.can_write_eof():
            self.transport.write_eof()
