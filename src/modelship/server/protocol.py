"""ScoringProtocol: from bytes to requests and back, on uvicorn's httptools protocol.

A ``POST /score`` has a lane of its own: it goes to the queue as soon as its body is there, with no
ASGI scope, task or event around it, which would cost several times what the queue costs. All the
rest goes to the ASGI application in uvicorn's own way. Limits are kept for both.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from .contract import Answer, Identities, Request, joined, problem
from .heap import LARGE_BYTES

if TYPE_CHECKING:
    import asyncio

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
_END_OF_HEAD = b"\r\n\r\n"
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
        self.direct: _Direct | None = None  # the request that arrives, if it goes to the queue
        self.completed: _Direct | None = None  # the last one that what arrives now completes
        self.known: _Known | None = None
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
            self.known = _Known.of(self.completed, data) if begins and self.completed else None
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
        direct = self.direct = _Direct(self, fields, version, keep_alive=keep_alive)
        if self.expect_100_continue:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self.cycle is None or self.cycle.response_complete:
            self.cycle = direct
        else:  # it came behind another one, which is answered first
            self.flow.pause_reading()
            self.pipeline.appendleft((direct, self.app))

    def _begin_again(self, known: _Known, data: bytes) -> None:
        """Have a request scored whose head says what is known already."""
        direct = self.cycle = self.direct = _Direct(self, known.fields, "1.1", keep_alive=True)
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
        if isinstance(cycle, _Direct):
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


class _Direct(Request):
    """A ``POST /score``; beside the request, what uvicorn's protocol asks of a cycle."""

    __slots__ = (
        "_protocol", "disconnected", "keep_alive", "parts", "response_complete", "size", "whole",
    )  # fmt: skip

    method = "POST"
    path = "/score"
    query = b""

    def __init__(
        self,
        protocol: ScoringProtocol,
        fields: dict[bytes, bytes],
        version: str,
        *,
        keep_alive: bool,
    ) -> None:
        self._protocol = protocol
        self.fields = fields
        self.began_ns = time.perf_counter_ns()
        self.client = protocol.client
        self.parts: list[bytes] = []
        self.size = 0
        self.whole = self.disconnected = self.response_complete = False
        self.version = version
        self.keep_alive = keep_alive and version != "1.0"

    @property
    def message_event(self) -> Any:
        """What uvicorn sets when the connection is lost; nobody waits for it."""
        return _NO_EVENT

    def submit_parts(self) -> None:
        """Have it scored, with the body that has come in parts."""
        parts, self.parts = self.parts, []
        self.submit(parts[0] if len(parts) == 1 else b"".join(parts))

    def submit(self, body: bytes) -> None:
        """Have it scored."""
        self.body = body
        self.size = len(body)
        self.identities = Identities(self.fields)
        self._protocol.service.submit(self)

    def respond(self, answer: Answer) -> None:
        """Send the answer; one in parts is sent as they come."""
        protocol = self._protocol
        if answer.parts is not None:
            protocol.service.keep(self._stream(answer))
            return
        self.response_complete = True
        transport = protocol.transport
        if self.disconnected or transport.is_closing():
            return
        keep_alive = self.keep_alive and not answer.close and protocol.service.keeps_alive
        transport.write(wire(answer, protocol.server_state.default_headers, keep_alive=keep_alive))
        if keep_alive:
            protocol.on_response_complete()
        else:
            transport.close()

    async def _stream(self, answer: Answer) -> None:
        protocol = self._protocol
        transport = protocol.transport
        keep_alive = self.keep_alive and protocol.service.keeps_alive
        transport.write(wire(answer, protocol.server_state.default_headers, keep_alive=keep_alive))
        try:
            async for part in protocol.service.parts_of(answer):
                if self.disconnected:
                    break
                is_chunk = part and not answer.has_length
                transport.write(b"%x\r\n%b\r\n" % (len(part), part) if is_chunk else part)
                await protocol.flow.drain()
            transport.write(b"" if answer.has_length else b"0\r\n\r\n")
        except Exception:  # noqa: BLE001 - the answer cannot be taken back: the client sees it cut
            keep_alive = False
        self.response_complete = True
        if keep_alive:
            protocol.on_response_complete()
        else:
            transport.close()


class _Known:
    """The head of a request that came in one piece, and what was found in it.

    Clients repeat themselves: on one connection a head is often the same as the last one, to the
    byte. What was found in that holds for it too, and it need not be parsed again.
    """

    __slots__ = ("fields", "head", "size")

    def __init__(self, head: bytes, size: int, fields: dict[bytes, bytes]) -> None:
        self.head = head
        self.size = size
        self.fields = fields

    @staticmethod
    def of(direct: _Direct, data: bytes) -> _Known | None:
        """Return what is known of a request, if it is all of `data` and its connection stays."""
        end = data.find(_END_OF_HEAD) + len(_END_OF_HEAD)
        # Nothing but one head, and a body of the length that it tells: no chunk, no other request.
        if end + direct.size != len(data) or b"expect" in direct.fields or not direct.keep_alive:
            return None
        return _Known(data[:end], len(data), direct.fields)


class _NoEvent:
    def set(self) -> None:
        """Nobody waits for it."""


_NO_EVENT = _NoEvent()
_WITHOUT_LENGTH = frozenset({204, 304})


def wire(answer: Answer, standing: list[tuple[bytes, bytes]], *, keep_alive: bool) -> bytes:
    """Return an answer as HTTP/1.1 writes it (RFC 9112)."""
    body = answer.body
    if answer.parts is not None:
        length = b"" if answer.has_length else b"transfer-encoding: chunked\r\n"
    elif answer.status in _WITHOUT_LENGTH:
        length = body = b""
    else:
        length = b"content-length: %d\r\n" % len(body)
    end = b"\r\n" if keep_alive else b"connection: close\r\n\r\n"
    lines = _standing_lines(standing)
    return b"".join((STATUS_LINE[answer.status], lines, answer.head, length, end, body))


class _StandingLines:
    """The lines of the headers that uvicorn gives all answers, such as the date."""

    def __init__(self) -> None:
        self._headers: list[tuple[bytes, bytes]] = []
        self._lines = b""

    def __call__(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        if headers is not self._headers:  # it makes a new list each second
            self._headers = headers
            self._lines = b"".join([b"%b: %b\r\n" % each for each in headers])
        return self._lines


_standing_lines = _StandingLines()
