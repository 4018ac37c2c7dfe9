"""Heads of requests: what one says, and whether it may be answered at all (RFC 9112)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

import httptools

from .contract import joined, problem

if TYPE_CHECKING:
    from .contract import Answer, Headers

__all__ = [
    "FIELD_TOO_LONG", "LARGEST_HEAD", "MALFORMED", "NOTHING", "Head", "HeadError",
    "without_upgrade",
]  # fmt: skip

# Gunicorn's limits, which are those of the reference.
_LONGEST_LINE = 4094
_LONGEST_FIELD = 8190
_MOST_FIELDS = 100
LARGEST_HEAD = 65536
_SPARE = 64  # for what stands around the parts that are counted

_LINE_TOO_LONG = "The request line is too long."
FIELD_TOO_LONG = "A header of the request is too long."
_TOO_MANY_FIELDS = "The request has too many headers."
MALFORMED = "The request is not HTTP."
_SCORE = b"/score"
_SCORING = frozenset({"GET", "HEAD", "OPTIONS", "POST"})


class HeadError(Exception):
    """A head that is not answered; `answer` says why."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Head:
    """What the head of a request says.

    Attributes
    ----------
    method, path, query, version, fields
        As in :class:`~.contract.Request`.
    keep_alive : bool
        Whether the client lets the connection stay open.
    expects : bool
        Whether the client waits for 100 before it sends the body.
    scores : bool
        Whether it is for run(), the only one that reads bodies.
    has_body : bool
        Whether a body follows.
    body_bytes : int
        How long the body is, if the head tells; else 0.
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
        """Return what a parsed head says.

        Parameters
        ----------
        parser : httptools.HttpRequestParser
            What has parsed it.
        url : bytes
            The target, as it was sent.
        headers : list of (bytes, bytes)
            Names in lower case, and values.
        size : int
            The bytes of all names and values.

        Raises
        ------
        HeadError
            If it is too large, or may be read in two ways.
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
"""For what is refused before its head is there."""


def without_upgrade(parser: httptools.HttpRequestParser, url: bytes, headers: Headers) -> bytes:
    """Return a head that was parsed, as it is without the wish for another protocol."""
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
    """Refuse what two servers on the way may read in two ways (RFC 9112, section 11.2)."""
    names = [name for name, _ in headers]
    if names.count(b"host") > 1 or (b"transfer-encoding" in names and version == "1.0"):
        raise HeadError(problem(400, MALFORMED))


def _target(url: bytes) -> tuple[str, bytes]:
    """Return the path, decoded, and the query; to the reference ``//score`` is ``/score``."""
    try:
        parsed = httptools.parse_url(url)
        path = (parsed.path or b"").decode("ascii")
    except (httptools.HttpParserError, UnicodeDecodeError):
        raise HeadError(problem(400, MALFORMED)) from None
    return "/" + unquote(path).lstrip("/"), parsed.query or b""
