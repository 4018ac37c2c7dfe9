"""ScoringProtocol: from bytes to requests and back, on uvicorn's httptools protocol.

A ``POST /score`` has a lane of its own: it goes to the queue as soon as its body is there, with no
ASGI scope, task or event around it, which would cost several times what the queue costs. All the
rest goes to the ASGI application in uvicorn's own way. Limits are kept for both.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from .contract import Request, problem

if TYPE_CHECKING:
    import asyncio

    from .contract import Answer
    from .service import Service

__all__ = ["protocol_of"]

_LONGEST_LINE = 4094
_LONGEST_FIELD = 8190
_MOST_HEAD = 65536
_LINE_TOO_LONG = "The request line is too long."
_FIELD_TOO_LONG = "A header of the request is too long."
_SCORE = b"/score"


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
        self.expects_since = self.loop.time()
        self.received = 0  # bytes of the request that arrives
        self.arriving = False
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
        self.received += len(data)
        super().data_received(data)

    # What httptools finds

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self.head_bytes = 0
        self.arriving = True
        self.expects_since = self.loop.time()
        self.direct: _Direct | None = None

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > _LONGEST_LINE:
            self.refuse(problem(414, _LINE_TOO_LONG))

    def on_header(self, name: bytes, value: bytes) -> None:
        size = len(name) + len(value)
        self.head_bytes += size
        if size > _LONGEST_FIELD or self.head_bytes > _MOST_HEAD:
            self.refuse(problem(431, _FIELD_TOO_LONG))
        name = name.lower()
        self.headers.append((name, value))
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True

    def on_headers_complete(self) -> None:
        if self.refused:
            return
        if self.url == _SCORE and self.parser.get_method() == b"POST":
            self._begin_direct()
            return
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self.refused:
            return
        if self.direct is None:
            super().on_body(body)
            return
        self.direct.size += len(body)
        if self.direct.size > self.service.settings.body_bytes:
            self.refuse(self.service.too_large())
            return
        self.direct.parts.append(body)

    def on_message_complete(self) -> None:
        self.arriving = False
        self.received = 0
        if self.refused:
            return
        if self.direct is None:
            super().on_message_complete()
            return
        self.direct.whole = True
        if self.cycle is self.direct:
            self.direct.submit()

    # Uvicorn's ways that are other ones here

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """Start what waited behind another request of this connection."""
        if isinstance(cycle, _Direct):
            self.cycle = cycle
            if cycle.whole:
                cycle.submit()
        else:
            super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        self.expects_since = self.loop.time()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self.service.draining and not self.arriving:
            self.service.linger(self)

    def send_400_response(self, msg: str) -> None:
        self.refuse(problem(400, msg))

    def shutdown(self) -> None:
        """End the connection when it has been answered, and is quiet."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
        else:
            self.service.linger(self)

    # Our own

    @property
    def is_quiet(self) -> bool:
        """Whether nothing arrives and nothing is being answered."""
        return not self.arriving and (self.cycle is None or self.cycle.response_complete)

    def refuse(self, answer: Answer) -> None:
        """Answer before the request is there, and end the connection."""
        if self.refused or self.transport.is_closing():
            return
        self.refused = True
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(wire(answer, self.server_state.default_headers, keep_alive=False))
        # What the client still sends would make the kernel reset the connection, and the answer
        # would be lost; so it is read for a while and thrown away.
        self.loop.call_later(0.5, self.transport.close)

    def _begin_direct(self) -> None:
        keep_alive = self.parser.should_keep_alive() and self.parser.get_http_version() != "1.0"
        self.direct = _Direct(self, self.headers, keep_alive=keep_alive)
        if self.expect_100_continue:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        current = self.cycle
        if current is None or current.response_complete:
            self.cycle = self.direct
        else:  # it came behind another one, which is answered first
            self.flow.pause_reading()
            self.pipeline.appendleft((self.direct, self.app))


class _Direct:
    """One ``POST /score``; what uvicorn's protocol asks of a cycle, and no more."""

    __slots__ = (
        "_began_ns", "_headers", "_protocol", "body", "disconnected", "keep_alive",
        "message_event", "parts", "response_complete", "size", "whole",
    )  # fmt: skip

    def __init__(
        self, protocol: ScoringProtocol, headers: list[tuple[bytes, bytes]], *, keep_alive: bool
    ) -> None:
        self._protocol = protocol
        self._headers = headers
        self._began_ns = time.perf_counter_ns()
        self.keep_alive = keep_alive
        self.parts: list[bytes] = []
        self.size = 0
        self.whole = False
        self.disconnected = False
        self.response_complete = False
        self.message_event = _NO_EVENT

    def submit(self) -> None:
        parts = self.parts
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        self.parts = []
        protocol = self._protocol
        protocol.service.submit(
            Request(
                "POST",
                "/score",
                b"",
                self._headers,
                body,
                respond=self.answer,
                began_ns=self._began_ns,
                client=protocol.client,
            )
        )

    def answer(self, answer: Answer) -> None:
        """Send the answer; one in parts is sent as they come."""
        if answer.parts is not None:
            self._protocol.service.keep(self._stream(answer))
            return
        self.response_complete = True
        protocol = self._protocol
        if self.disconnected or protocol.transport.is_closing():
            return
        keep_alive = self.keep_alive and not answer.close and not protocol.service.draining
        protocol.transport.write(
            wire(answer, protocol.server_state.default_headers, keep_alive=keep_alive)
        )
        if not keep_alive:
            protocol.transport.close()
        protocol.on_response_complete()

    async def _stream(self, answer: Answer) -> None:
        protocol = self._protocol
        protocol.transport.write(
            wire(answer, protocol.server_state.default_headers, keep_alive=self.keep_alive)
        )
        complete = True
        try:
            async for part in protocol.service.parts_of(answer):
                if self.disconnected:
                    break
                if part:
                    protocol.transport.write(b"%x\r\n%b\r\n" % (len(part), part))
                await protocol.flow.drain()
        except Exception:  # noqa: BLE001 - the answer cannot be taken back: the client sees it cut
            complete = False
        self.response_complete = True
        if self.disconnected:
            return
        if complete:
            protocol.transport.write(b"0\r\n\r\n")
        if not (complete and self.keep_alive):
            protocol.transport.close()
        protocol.on_response_complete()


class _NoEvent:
    def set(self) -> None:
        """Nobody waits for it."""


_NO_EVENT = _NoEvent()


def wire(answer: Answer, standing: list[tuple[bytes, bytes]], *, keep_alive: bool) -> bytes:
    """Return an answer as HTTP/1.1 writes it (RFC 9112)."""
    has_length = False
    head = [STATUS_LINE[answer.status]]
    for name, value in standing:
        head += (name, b": ", value, b"\r\n")
    for name, value in answer.headers:
        has_length = has_length or name == b"content-length"
        head += (name, b": ", value, b"\r\n")
    if answer.parts is not None:
        head.append(b"transfer-encoding: chunked\r\n")
    elif not has_length:
        head.append(b"content-length: %d\r\n" % len(answer.body))
    head.append(b"\r\n" if keep_alive else b"connection: close\r\n\r\n")
    head.append(answer.body)
    return b"".join(head)
