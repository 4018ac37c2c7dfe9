"""Define requests and responses as Azure ML's server does."""

from __future__ import annotations

import json
import os
import random
from functools import cache
from json import encoder
from typing import TYPE_CHECKING, Any

from .logs import logger

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Headers", "HttpAnswer", "Identities", "Request", "encode", "error", "problem"]

Headers = list[tuple[bytes, bytes]]

_LONGEST_ID = 100
JSON = b"content-type: application/json\r\n"
FAILED = b"x-ms-run-function-failed: True\r\n"
NOT_FAILED = b"x-ms-run-function-failed: False\r\n"
WITHOUT_LENGTH = frozenset({204, 304})
"""Statuses whose answers have no body and no length."""

INTERNAL_ERROR = "An unexpected internal error occurred. Check the logs for more info."
SCRIPT_ERROR = "An unexpected error occurred in scoring script. Check the logs for more info."
NO_METHOD = "The method is not allowed for the requested URL."
NO_PATH = (
    "The requested URL was not found on the server. If you entered the URL manually please check "
    "your spelling and try again."
)


class Request:
    """One complete request, including its body.

    Attributes
    ----------
    method : str
        The method as sent, such as ``"POST"``.
    path : str
        The path, decoded, without the query.
    query : bytes
        The query as sent, without the question mark.
    version : str
        The HTTP version: ``"1.0"`` or ``"1.1"``.
    fields : dict of bytes to bytes
        The headers by lower-case name; repeated ones joined by commas.
    body : bytes
        The body as sent.
    began_ns : int
        ``time.perf_counter_ns()`` when its head was complete.
    client : tuple of str and int, optional
        The address of the client.
    """

    __slots__ = (
        "began_ns", "body", "client", "fields", "identities", "method", "path", "query", "version",
    )  # fmt: skip

    method: str
    path: str
    query: bytes
    version: str
    fields: dict[bytes, bytes]
    body: bytes
    began_ns: int
    client: tuple[str, int] | None
    identities: Identities

    def respond(self, answer: HttpAnswer) -> None:
        """Send the response; called once, in the thread of the event loop."""
        raise NotImplementedError


def joined(headers: Headers) -> dict[bytes, bytes]:
    """Return headers by name; repeated values are joined, as RFC 9110, section 5.3 allows."""
    fields = dict(headers)
    if len(fields) != len(headers):
        fields = {}
        for name, value in headers:
            fields[name] = b"%b,%b" % (fields[name], value) if name in fields else value
    return fields


class HttpAnswer:
    """A response: with a complete body, or streamed in parts.

    Parameters
    ----------
    status : int
        The HTTP status.
    body : bytes
        The body.
    head : bytes
        The header lines, each with its line ending; without the length, the date, and the
        connection's own headers.
    parts : iterable of bytes, optional
        The body, if it is streamed.
    has_length : bool
        Whether `head` contains the length of a streamed body.
    close : bool
        Whether the connection is closed after it.

    Attributes
    ----------
    cause : str
        The last line of the traceback, if run() raised; it is never sent.
    """

    __slots__ = ("body", "cause", "close", "has_length", "head", "parts", "status")

    def __init__(
        self,
        status: int,
        body: bytes = b"",
        head: bytes = b"",
        *,
        parts: Iterable[bytes] | None = None,
        has_length: bool = False,
        close: bool = False,
    ) -> None:
        self.status = status
        self.body = body
        self.head = head
        self.parts = parts
        self.has_length = has_length
        self.close = close
        self.cause = ""

    def add(self, name: str, value: str) -> HttpAnswer:
        """Add a header, and return the response."""
        self.head += f"{name}: {value}\r\n".encode("latin-1")
        return self


class Identities:
    """The ids of a request.

    Attributes
    ----------
    request_id : bytes
        The id that was sent, or a generated one.
    lines : bytes
        The response headers with the ids.
    too_long : str
        The error message if an id is too long; empty otherwise.
    """

    __slots__ = ("lines", "request_id", "too_long")

    def __init__(self, fields: dict[bytes, bytes]) -> None:
        self.too_long = ""
        if _ID_HEADERS.isdisjoint(fields):
            own = self.request_id = _new_id()
            self.lines = b"x-request-id: %b\r\nx-ms-request-id: %b\r\n" % (own, own)
        else:
            self._tell(fields)

    def _tell(self, fields: dict[bytes, bytes]) -> None:
        own = fields.get(b"x-request-id")
        own = _new_id() if own is None else own
        legacy = fields.get(b"x-ms-request-id", b"")
        client = fields.get(b"x-ms-client-request-id", b"")
        if legacy:
            _say_deprecated()
            client = client or legacy
        else:
            legacy = client or own
        if len(own) > _LONGEST_ID:
            self.too_long = f"x-request-id must not exceed {_LONGEST_ID} characters"
            own = legacy = client = b""
        elif len(legacy) > _LONGEST_ID or len(client) > _LONGEST_ID:
            names = "x-ms-request-id and x-ms-client-request-id"
            self.too_long = f"{names} must not exceed {_LONGEST_ID} characters"
            legacy = client = b""
        self.request_id = own
        told = {
            b"x-request-id": own,
            b"x-ms-request-id": legacy,
            b"x-ms-client-request-id": client,
        }
        lines = [b"%b: %b\r\n" % item for item in told.items() if item[1]]
        if b"traceid" in fields:
            lines.append(b"TraceId: %b\r\n" % fields[b"traceid"])
        self.lines = b"".join(lines)


@cache
def _say_deprecated() -> None:
    """Log it once per worker; the reference logs it for each request."""
    logger.warning(
        "x-ms-request-id header has been deprecated and will be removed from future versions of "
        "the server. Please use x-ms-client-request-id."
    )


_ID_HEADERS = frozenset(
    {b"x-request-id", b"x-ms-request-id", b"x-ms-client-request-id", b"traceid"}
)
_random = random.Random()  # noqa: S311 - ids are no secrets; each process seeds it
os.register_at_fork(after_in_child=_random.seed)


def _new_id() -> bytes:
    """Return a random UUID of version 4 (RFC 9562) as text."""
    text = b"%032x" % _random.getrandbits(128)
    return b"%b-%b-4%b-a%b-%b" % (text[:8], text[8:12], text[13:16], text[17:20], text[20:])


def error(status: int, message: str, *, failed: bool = False) -> HttpAnswer:
    """Return an error response, in the format of all errors."""
    body = json.dumps({"message": message}).encode()
    return HttpAnswer(status, body, JSON + (FAILED if failed else NOT_FAILED))


def problem(status: int, message: str) -> HttpAnswer:
    """Return an error response of the server itself, which closes the connection."""
    answer = error(status, message)
    answer.close = True
    return answer


def encode(value: Any, *, strict: bool) -> bytes:
    """Serialize the result of run() as JSON, as the reference does.

    NaN and the infinities are not valid JSON (RFC 8259, section 6); unless `strict`, they become
    null.

    Raises
    ------
    TypeError, ValueError, RecursionError
        If it is not serializable.
    """
    if value is None:
        return b"{}"
    if strict:
        return json.dumps(value).encode()
    try:
        return _dumps(value).encode()
    except ValueError:
        return _dumps(_nan_to_null(value)).encode()


def _nan_to_null(value: Any) -> Any:
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {key: _nan_to_null(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_nan_to_null(each) for each in value]
    return value


def _dumps(value: Any) -> str:
    if type(value) is list and _write is not None:
        return "".join(_write(value, 0))
    return _encoder.encode(value)


_encoder = json.JSONEncoder(allow_nan=False)
_make: Any = getattr(encoder, "c_make_encoder", None)
# JSONEncoder creates this for each value. A list that contains itself ends in RecursionError.
_write = _make and _make(
    None, _encoder.default, encoder.encode_basestring_ascii, None, ": ", ", ", False, False, False
)
