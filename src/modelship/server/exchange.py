"""Handle one request of a connection, from its head to its response (RFC 9112)."""

from __future__ import annotations

import io
import time
from email.utils import formatdate
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING

from .http_contract import WITHOUT_LENGTH, Request

if TYPE_CHECKING:
    from .http_contract import HttpAnswer
    from .http_parsing import Head
    from .protocol import ScoringProtocol

__all__ = ["Exchange", "KnownHead", "wire"]


def wire(
    answer: HttpAnswer,
    *,
    keep_alive: bool,
    has_body: bool = True,
    version: str = "1.1",
) -> bytes:
    """Serialize a response to bytes.

    Parameters
    ----------
    answer : HttpAnswer
        The response; only its head if it is streamed.
    keep_alive : bool
        Whether the connection stays open.
    has_body : bool
        Whether the body is sent: a response to HEAD only has its length.
    version : str
        The client's HTTP version: ``"1.0"`` has no chunks, and reads until the connection is
        closed.
    """
    body = answer.body
    if answer.parts is not None:
        is_chunked = has_body and not answer.has_length and version != "1.0"
        length = b"transfer-encoding: chunked\r\n" if is_chunked else b""
    elif answer.status in WITHOUT_LENGTH:
        length = b""
    else:
        length = b"content-length: %d\r\n" % len(body)
    end = b"\r\n" if keep_alive else b"connection: close\r\n\r\n"
    head = (_status_line(answer.status), _date_line(), answer.head, length, end)
    return b"".join((*head, body) if has_body else head)


@cache
def _status_line(status: int) -> bytes:
    """Return the status line of a response; an unknown status has no phrase."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


class _DateLine:
    """The ``date`` header, rebuilt once per second (RFC 9110, section 6.6.1)."""

    def __init__(self) -> None:
        self._second = 0
        self._line = b""

    def __call__(self) -> bytes:
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._line = f"date: {formatdate(second, usegmt=True)}\r\n".encode()
        return self._line


_date_line = _DateLine()


_END_OF_HEAD = b"\r\n\r\n"


class Exchange(Request):
    """A request whose head has arrived.

    Parameters
    ----------
    connection : ScoringProtocol
        The connection that it arrived on, and that its response is sent to.
    head : Head
        Its parsed head.

    Attributes
    ----------
    size : int
        The received bytes of the body.
    is_whole : bool
        Whether the body has been received, as far as it is needed.
    is_answered : bool
        Whether the response has been passed to the transport.
    is_admitted : bool
        Whether it has a valid key, or needs none.
    keep_alive : bool
        Whether the connection stays open after the response.
    verdict : HttpAnswer, optional
        The response, if the request was refused before it was complete.
    """

    __slots__ = (
        "_buffer", "_connection", "expects", "is_admitted", "is_answered", "is_lost", "is_whole",
        "keep_alive", "scores", "size", "verdict",
    )  # fmt: skip

    def __init__(self, connection: ScoringProtocol, head: Head) -> None:
        self.method, self.path, self.query = head.method, head.path, head.query
        self.version, self.fields = head.version, head.fields
        self.keep_alive, self.expects, self.scores = head.keep_alive, head.expects, head.scores
        self.began_ns = time.perf_counter_ns()
        self.client = connection.client
        self.body = b""
        self.size = 0
        self.is_whole = self.is_answered = self.is_lost = False
        self.is_admitted = True
        self.verdict: HttpAnswer | None = None
        self._buffer: io.BytesIO | None = None
        self._connection = connection

    def add(self, part: bytes) -> int:
        """Append a part of the body, and return the size received so far.

        All parts after the first go to one growing buffer.

        Joining the parts at the end would take twice the memory of the body.
        """
        if not self.size:
            self.body = part
        elif self._buffer is None:
            self._buffer = io.BytesIO()
            self._buffer.write(self.body)
            self._buffer.write(part)
            self.body = b""
        else:
            self._buffer.write(part)
        self.size += len(part)
        return self.size

    def complete(self) -> None:
        """Record that the body is complete."""
        self.is_whole = True
        if self._buffer is not None:
            self.body = self._buffer.getvalue()  # without a copy: the buffer is truncated
            self._buffer = None

    def refuse(self, verdict: HttpAnswer) -> None:
        """Answer with `verdict` when its turn comes, and discard the body."""
        self.verdict = verdict
        self.body, self.size, self._buffer = b"", 0, None

    @property
    def held_bytes(self) -> int:
        """The bytes of the body that are kept until it is answered."""
        return 0 if self.is_answered else self.size

    def respond(self, answer: HttpAnswer) -> None:
        """Send the response; a streamed one part by part."""
        connection = self._connection
        has_body = self.method != "HEAD" and answer.status not in WITHOUT_LENGTH
        if answer.parts is not None and has_body:
            connection.service.keep(self._stream(answer))
            return
        self.is_answered = True
        if self.is_lost or connection.transport.is_closing():
            return
        self.keep_alive = self.keep_alive and not answer.close and connection.stays
        connection.transport.write(self._wire(answer, has_body=has_body))
        connection.answered(self)

    def _wire(self, answer: HttpAnswer, *, has_body: bool = True) -> bytes:
        return wire(answer, keep_alive=self.keep_alive, has_body=has_body, version=self.version)

    async def _stream(self, answer: HttpAnswer) -> None:
        connection = self._connection
        in_chunks = not answer.has_length and self.version != "1.0"
        self.keep_alive = self.keep_alive and connection.stays
        connection.transport.write(self._wire(answer))
        try:
            async for part in connection.service.parts_of(answer):
                if self.is_lost:
                    break
                is_chunk = part and in_chunks
                connection.transport.write(
                    b"%x\r\n%b\r\n" % (len(part), part) if is_chunk else part
                )
                await connection.flow.drain()
            connection.transport.write(b"0\r\n\r\n" if in_chunks else b"")
        except Exception:  # noqa: BLE001 - the answer cannot be taken back: the client sees it cut
            self.keep_alive = False
        self.is_answered = True
        connection.answered(self)


class KnownHead:
    """The head of a request that was received in one piece, and its parsed form.

    On one connection a head is often byte for byte the same as the last one. The cached parsed head
    is reused for it.

    Attributes
    ----------
    head : bytes
        The whole head, including the empty line.
    size : int
        The size of the whole request, including its body.
    found : Head
        The parsed head.
    """

    __slots__ = ("found", "head", "size")

    def __init__(self, head: bytes, size: int, found: Head) -> None:
        self.head = head
        self.size = size
        self.found = found

    @staticmethod
    def of(exchange: Exchange, found: Head, data: bytes) -> KnownHead | None:
        """Return the head of a request, if it is all of `data` and its connection stays open."""
        end = data.find(_END_OF_HEAD) + len(_END_OF_HEAD)
        # Only one head, and a body of the declared length: no chunk, no other request.
        if end + exchange.size != len(data) or found.expects or not found.keep_alive:
            return None
        return KnownHead(data[:end], len(data), found)
