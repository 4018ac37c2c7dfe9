"""ScoringProtocol: from bytes to requests and back, on uvicorn's httptools protocol.

A ``POST /score`` has a lane of its own: it goes to the queue as soon as its body is there. All the
rest goes to the ASGI application in uvicorn's own way. Limits are kept for both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .contract import joined, problem
from .direct import DirectRequest, KnownHead
from .heap import LARGE_BYTES
from .wire import wire

if TYPE_CHECKING:
    import asyncio

    from .contract import Answer
    from .service import Service

__all__ = ["protocol_of"]

# Gunicorn's limits, which are those of the reference.
_LONGEST_LINE = 4094
_LONGEST_FIELD = 8190
_MOST_FIELDS = 100
_LARGEST_HEAD = 65536
_SPARE = 64  # for what stands around the parts that are counted

_LINE_TOO_LONG = "The request line is too long."
_FIELD_TOO_LONG = "A header of the request is too long."
_TOO_MANY_FIELDS = "The request has too many headers."
_MALFORMED = "The request is not HTTP."
_SCORE = b"/score"
_READ_ON_S = 0.5
_LOOK_EVERY_BYTES = 1 << 18


def protocol_of(service: Service) -> type[ScoringProtocol]:
    """Return the class whose instances serve one connection each of `service`."""
    return type("ServiceProtocol", (ScoringProtocol,), {"service": service})


class ScoringProtocol(HttpToolsProtocol):
    """One connection."""

    service: Service
    # Uvicorn's cycles, or ours.
    cycle: Any
    pipeline: Any

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.direct: DirectRequest | None = (
            None  # the request that arrives, if it goes to the queue
        )
        self.completed: DirectRequest | None = None  # the last one that what arrives now completes
        self.known: KnownHead | None = None
        self.in_head = False
        self.in_body = False
        self.received = 0  # bytes of the request that arrives
        self.expects_since = self.loop.time()
        self.refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.service.connected(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.service.disconnected(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.refused:
            return
        known = self.known
        if (
            known is not None
            and len(data) == known.size
            and data.startswith(known.head)
            and self.is_quiet
        ):
            self._begin_again(known, data)
            return
        begins, self.completed = not self.received, None
        self.received += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # to nothing: the request is answered as any other
        except httptools.HttpParserError:
            self.refuse(problem(400, _MALFORMED))
        else:
            self.known = KnownHead.of(self.completed, data) if begins and self.completed else None
        if self.in_head and self.received > _LARGEST_HEAD:
            self.refuse(problem(431, _FIELD_TOO_LONG))

    def eof_received(self) -> bool:  # type: ignore[override]
        """Leave the connection open for the answer, if there is one to come."""
        is_answered = self.cycle is None or self.cycle.response_complete
        if is_answered or self.in_head or self.in_body:
            return False
        self.cycle.keep_alive = False
        return True

    # What httptools finds

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self.direct = None
        self.head_bytes = 0
        self.in_head = True
        self.expects_since = self.loop.time()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.head_bytes += len(name) + len(value)
        if b"_" not in name:  # to a script it would be the same as another one with a dash
            self.headers.append((name.lower(), value.rstrip()))

    def on_headers_complete(self) -> None:
        self.in_head = False
        self.in_body = True
        if self.refused:
            return
        headers = self.headers
        is_long = self.head_bytes + len(self.url) > _LONGEST_LINE - _SPARE
        wrong = self._wrong_head() if is_long or len(headers) > _MOST_FIELDS else None
        fields = joined(headers)
        if wrong is None and (len(fields) != len(headers) or b"transfer-encoding" in fields):
            wrong = self._ambiguous_head()
        if wrong is not None:
            self.refuse(wrong)
            return
        if b"expect" in fields:
            self.expect_100_continue = fields[b"expect"].lower() == b"100-continue"
        if self.url == _SCORE and self.parser.get_method() == b"POST":
            self._begin_direct(fields)
        else:
            self._begin_asgi()

    def on_body(self, body: bytes) -> None:
        direct = self.direct
        if direct is not None:
            direct.parts.append(body)
            before, direct.size = direct.size, direct.size + len(body)
            if direct.size > self.service.settings.body_bytes:
                self.refuse(self.service.too_large())
            elif direct.size // _LOOK_EVERY_BYTES != before // _LOOK_EVERY_BYTES:
                self._make_sure_of_room(direct.size)
        elif not self.refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self.in_body = False
        self.received = 0
        if self.refused:
            return
        direct = self.direct
        if direct is None:
            super().on_message_complete()
            return
        direct.whole = True
        self.completed = direct
        if self.cycle is direct:
            direct.submit_parts()

    @property
    def held_bytes(self) -> int:
        """How much of a body is kept until it is answered."""
        direct = self.direct
        return 0 if direct is None or direct.response_complete else direct.size

    def _make_sure_of_room(self, size: int) -> None:
        """Refuse a body that may be large, but not beside all that others have sent."""
        self.service.had_large |= size > LARGE_BYTES
        if self.service.held_bytes > self.service.settings.bodies_bytes:
            self.refuse(self.service.no_room())

    def _wrong_head(self) -> Answer | None:
        line = len(self.parser.get_method()) + len(self.url) + len(b"  HTTP/1.1")
        if line > _LONGEST_LINE:
            return problem(414, _LINE_TOO_LONG)
        longest = max((len(name) + len(value) for name, value in self.headers), default=0)
        if longest + len(b": \r\n") > _LONGEST_FIELD:
            return problem(431, _FIELD_TOO_LONG)
        return problem(431, _TOO_MANY_FIELDS) if len(self.headers) > _MOST_FIELDS else None

    def _ambiguous_head(self) -> Answer | None:
        """Refuse what two servers on the way may read in two ways (RFC 9112, section 11.2)."""
        names = [name for name, _ in self.headers]
        if names.count(b"host") > 1 or (
            b"transfer-encoding" in names and self.parser.get_http_version() == "1.0"
        ):
            return problem(400, _MALFORMED)
        return None

    # Two lanes

    def _begin_direct(self, fields: dict[bytes, bytes]) -> None:
        version, keep_alive = self.parser.get_http_version(), self.parser.should_keep_alive()
        direct = self.direct = DirectRequest(self, fields, version, keep_alive=keep_alive)
        if self.expect_100_continue:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self.cycle is None or self.cycle.response_complete:
            self.cycle = direct
        else:  # it came behind another one, which is answered first
            self.flow.pause_reading()
            self.pipeline.appendleft((direct, self.app))

    def _begin_again(self, known: KnownHead, data: bytes) -> None:
        """Have a request scored whose head says what is known already."""
        direct = self.cycle = self.direct = DirectRequest(
            self, known.fields, "1.1", keep_alive=True
        )
        direct.submit(data[len(known.head) :])

    def _begin_asgi(self) -> None:
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        try:
            super().on_headers_complete()
        except (httptools.HttpParserError, UnicodeDecodeError):  # of the URL
            self.refuse(problem(400, _MALFORMED))

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """Start what waited behind another request of this connection."""
        if isinstance(cycle, DirectRequest):
            self.cycle = cycle
            if cycle.whole:
                cycle.submit_parts()
        else:
            super()._start_asgi_task(cycle, app)

    # The end of answers and connections

    def on_response_complete(self) -> None:
        if self.transport.is_closing():
            return
        if self.flow.read_paused:
            self.flow.resume_reading()
        self.expects_since = self.loop.time()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self.service.draining:
            self.service.linger(self)

    def shutdown(self) -> None:
        """End the connection when it has been answered, and is quiet."""
        if self.is_quiet:
            self.service.linger(self)
        elif self.cycle is not None:
            self.cycle.keep_alive = False

    @property
    def is_quiet(self) -> bool:
        """Whether nothing arrives and nothing is being answered."""
        is_answered = self.cycle is None or self.cycle.response_complete
        return is_answered and not (self.in_head or self.in_body)

    def refuse(self, answer: Answer) -> None:
        """Answer before the request is there, and end the connection."""
        if self.refused or self.transport.is_closing():
            return
        self.refused = True
        if self.cycle is None or self.cycle.response_complete or self.cycle is self.direct:
            self.transport.write(wire(answer, self.server_state.default_headers, keep_alive=False))
        if self.direct is not None:
            self.direct.parts = []
        if self.cycle is self.direct is not None:
            self.direct.response_complete = True
        # What the client still sends would make the kernel reset the connection, and the answer
        # would be lost; so it is read for a while and thrown away.
        self.loop.call_later(_READ_ON_S, self.transport.close)
