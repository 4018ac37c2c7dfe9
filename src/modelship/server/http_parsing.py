"""Parse requests with httptools (llhttp): heads, and parts of bodies (RFC 9112).

A head describes a request, and determines whether it is served at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote

import httptools

from .http_contract import joined, problem
from .logs import logger

if TYPE_CHECKING:
    from .http_contract import Headers, HttpAnswer

__all__ = [
    "FIELD_TOO_LONG",
    "LARGEST_HEAD",
    "MALFORMED",
    "NOTHING",
    "Head",
    "HeadError",
    "Incoming",
    "NoMoreError",
    "RequestParser",
    "without_upgrade",
]

# Gunicorn's limits, which are those of the reference.
_LONGEST_LINE = 4094
_LONGEST_FIELD = 8190
_MOST_FIELDS = 100
LARGEST_HEAD = 65536
_SPARE = 64  # for the characters around the counted parts

_LINE_TOO_LONG = "The request line is too long."
FIELD_TOO_LONG = "A header of the request is too long."
_TOO_MANY_FIELDS = "The request has too many headers."
MALFORMED = "The request is not HTTP."
_SCORE = b"/score"
_SCORING = frozenset({"GET", "HEAD", "OPTIONS", "POST"})


class HeadError(Exception):
    """A head that is rejected; `answer` is the response."""

    def __init__(self, answer: HttpAnswer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Head:
    """The parsed head of a request.

    Attributes
    ----------
    method, path, query, version, fields
        As in :class:`~.contract.Request`.
    keep_alive : bool
        Whether the client allows the connection to stay open.
    expects : bool
        Whether the client waits for 100 before it sends the body.
    scores : bool
        Whether it is a scoring request; only these have their bodies read.
    has_body : bool
        Whether a body follows.
    body_bytes : int
        The length of the body, if the head declares it; otherwise 0.
    """

    __slots__ = (
        "body_bytes", "expects", "fields", "has_body", "keep_alive", "method", "path", "query",
        "scores", "version",
    )  # fmt: skip

    def __init__(
        self,
        method: str,
        path: str,
        query: bytes,
        *,
        version: str,
        fields: dict[bytes, bytes],
        keep_alive: bool,
    ) -> None:
        self.method, self.path, self.query = method, path, query
        self.version, self.fields = version, fields
        self.keep_alive = keep_alive and version != "1.0" and method != "CONNECT"
        self.expects = b"expect" in fields and fields[b"expect"].lower() == b"100-continue"
        self.scores = path == "/score" and method in _SCORING
        self.body_bytes = int(fields.get(b"content-length", b"0"))
        self.has_body = self.body_bytes > 0 or b"transfer-encoding" in fields

    @staticmethod
    def of(parser: httptools.HttpRequestParser, url: bytes, headers: Headers, size: int) -> Head:
        """Return a parsed head.

        Parameters
        ----------
        parser : httptools.HttpRequestParser
            The parser of the head.
        url : bytes
            The target, as sent.
        headers : list of (bytes, bytes)
            The lower-case names, and the values.
        size : int
            The size of all names and values in bytes.

        Raises
        ------
        HeadError
            If it is too large or ambiguous.
        """
        method, version = parser.get_method(), parser.get_http_version()
        if size + len(url) > _LONGEST_LINE - _SPARE or len(headers) > _MOST_FIELDS:
            _bound(len(method) + len(url), headers)
        fields = joined(headers)
        if len(fields) != len(headers) or b"transfer-encoding" in fields:
            _refuse_ambiguous(headers, version)
        path, query = ("/score", b"") if url == _SCORE else _target(url)
        keep_alive = parser.should_keep_alive()
        return Head(
            method.decode(), path, query, version=version, fields=fields, keep_alive=keep_alive
        )


NOTHING = Head("GET", "", b"", version="1.1", fields={}, keep_alive=False)
"""For requests that are refused before their head is complete."""


def without_upgrade(parser: httptools.HttpRequestParser, url: bytes, headers: Headers) -> bytes:
    """Serialize a parsed head without its upgrade request."""
    line = b"%b %b HTTP/%b" % (parser.get_method(), url, parser.get_http_version().encode())
    kept = [each for each in headers if each[0] not in {b"connection", b"upgrade"}]
    wishes = b",".join(value for name, value in headers if name == b"connection").split(b",")
    left = [each.strip() for each in wishes if each.strip().lower() in {b"close", b"keep-alive"}]
    if left:
        kept.append((b"connection", b", ".join(left)))
    return b"\r\n".join([line, *(b"%b: %b" % each for each in kept), b"", b""])


def _bound(line_bytes: int, headers: Headers) -> None:
    if line_bytes + len(b"  HTTP/1.1") > _LONGEST_LINE:
        raise HeadError(problem(414, _LINE_TOO_LONG))
    longest = max((len(name) + len(value) for name, value in headers), default=0)
    if longest + len(b": \r\n") > _LONGEST_FIELD:
        raise HeadError(problem(431, FIELD_TOO_LONG))
    if len(headers) > _MOST_FIELDS:
        raise HeadError(problem(431, _TOO_MANY_FIELDS))


def _refuse_ambiguous(headers: Headers, version: str) -> None:
    """Reject a head that two servers may interpret in two ways (RFC 9112, section 11.2)."""
    names = [name for name, _ in headers]
    if names.count(b"host") > 1 or (b"transfer-encoding" in names and version == "1.0"):
        raise HeadError(problem(400, MALFORMED))


def _target(url: bytes) -> tuple[str, bytes]:
    """Return the decoded path, and the query; like the reference, map ``//score`` to ``/score``."""
    try:
        parsed = httptools.parse_url(url)
        path = (parsed.path or b"").decode("ascii")
    except (httptools.HttpParserError, UnicodeDecodeError):
        raise HeadError(problem(400, MALFORMED)) from None
    return "/" + unquote(path).lstrip("/"), parsed.query or b""


class NoMoreError(Exception):
    """Raised by an :class:`Incoming` to stop its parser."""


class Incoming(Protocol):
    """The callbacks of the parser; each method may raise :class:`NoMoreError`."""

    def on_start(self) -> None:
        """Handle the first byte of a request."""

    def on_head(self, head: Head) -> None:
        """Handle a complete head."""

    def on_body(self, part: bytes) -> None:
        """Handle a part of the body."""

    def on_end(self) -> None:
        """Handle the end of a request."""

    def refuse(self, answer: HttpAnswer) -> None:
        """Answer the incomplete request, and stop reading."""


class RequestParser:
    """The parser of one connection.

    An upgrade to another protocol (RFC 9110, section 7.8) is ignored: llhttp stops after such a
    head, as if it had no body, and so the head is parsed again without the upgrade request.

    Parameters
    ----------
    incoming : Incoming
        The receiver of the callbacks.

    Attributes
    ----------
    in_head : bool
        Whether a head has begun and is incomplete.
    received : int
        The received bytes of the current request.
    """

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming
        self.on_body = incoming.on_body
        self.in_head = False
        self.received = 0
        self._url = b""
        self._headers: Headers = []
        self._head_bytes = 0
        self._all_headers: Headers | None = None  # including the upgrade request
        self._wants_upgrade = False
        self._parser = httptools.HttpRequestParser(self)

    def feed(self, data: bytes | memoryview) -> None:
        """Parse received data."""
        self.received += len(data)
        rest = memoryview(data)
        try:
            while rest:
                rest = self._fed(rest)
        except httptools.HttpParserCallbackError as error:
            if not isinstance(error.__context__, NoMoreError):
                logger.error("A request could not be read: %r", error.__context__)
                self._incoming.refuse(problem(400, MALFORMED))
        except httptools.HttpParserError:
            self._incoming.refuse(problem(400, MALFORMED))
        if self.in_head and self.received > LARGEST_HEAD:
            self._incoming.refuse(problem(431, FIELD_TOO_LONG))

    def _fed(self, data: memoryview) -> memoryview:
        """Parse `data`, and return the rest after a head with an upgrade request."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            head = without_upgrade(self._parser, self._url, self._headers)
            self._all_headers, self._wants_upgrade = self._headers, False
            self._parser = httptools.HttpRequestParser(self)
            self._parser.feed_data(head)
            return data[upgrade.args[0] :]
        return data[:0]

    # Callbacks of httptools

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers = []
        self._head_bytes = 0
        self.in_head = True
        self._incoming.on_start()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.in_head:  # a trailer, which is ignored
            return
        self._head_bytes += len(name) + len(value)
        if b"_" not in name:  # a script could not distinguish it from the same name with a dash
            self._headers.append((name.lower(), value.rstrip()))

    def on_headers_complete(self) -> None:
        if self._parser.should_upgrade() and self._parser.get_method() != b"CONNECT":
            self._wants_upgrade = True  # called again without the upgrade
            return
        headers, self._all_headers = self._all_headers or self._headers, None
        try:
            head = Head.of(self._parser, self._url, headers, self._head_bytes)
        except HeadError as wrong:
            self._incoming.refuse(wrong.answer)
            raise NoMoreError from None
        self.in_head = False
        self._incoming.on_head(head)

    def on_message_complete(self) -> None:
        if not self._wants_upgrade:
            self.received = 0
            self._incoming.on_end()
