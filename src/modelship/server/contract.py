"""What every answer has to say: texts, headers and identities, as Azure ML's server says them."""

from __future__ import annotations

import json
import os
import random
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .settings import Settings

__all__ = ["Answer", "Cors", "Headers", "Identities", "Request", "encode", "error", "problem"]

Headers = list[tuple[bytes, bytes]]

_without = json.JSONEncoder(allow_nan=False).encode

_LONGEST_ID = 100
_ID_HEADERS = frozenset(
    {b"x-request-id", b"x-ms-request-id", b"x-ms-client-request-id", b"traceid"}
)
JSON = (b"content-type", b"application/json")
FAILED = (b"x-ms-run-function-failed", b"True")
NOT_FAILED = (b"x-ms-run-function-failed", b"False")

INTERNAL_ERROR = "An unexpected internal error occurred. Check the logs for more info."
SCRIPT_ERROR = "An unexpected error occurred in scoring script. Check the logs for more info."
NO_METHOD = "The method is not allowed for the requested URL."
NO_PATH = (
    "The requested URL was not found on the server. If you entered the URL manually please check "
    "your spelling and try again."
)


class Request:
    """One request, whole: its body has arrived.

    Attributes
    ----------
    method : str
        As it was sent, such as ``"POST"``.
    path : str
        Decoded, and without the query.
    query : bytes
        As it was sent, without the question mark.
    headers : list of (bytes, bytes)
        Names in lower case, in the order in which they were sent.
    body : bytes
        As it was sent.
    respond : callable
        Takes the :class:`Answer`, in the thread of the event loop, once.
    began_ns : int
        ``time.perf_counter_ns()`` when its head had arrived.
    identities : Identities
        Its ids.
    """

    __slots__ = (
        "began_ns", "body", "client", "headers", "identities", "method", "path", "query", "respond",
    )  # fmt: skip

    def __init__(
        self,
        method: str,
        path: str,
        query: bytes,
        headers: Headers,
        body: bytes,
        *,
        respond: Callable[[Answer], None],
        began_ns: int,
        client: tuple[str, int] | None = None,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.respond = respond
        self.began_ns = began_ns
        self.client = client
        self.identities = Identities.of(headers)

    def header(self, name: bytes) -> bytes | None:
        """Return the value of the first header of this name."""
        for each, value in self.headers:
            if each == name:
                return value
        return None


class Answer:
    """What goes back: a body that is there, or comes in parts.

    Parameters
    ----------
    status : int
        The HTTP status.
    body : bytes
        The body, or its first part.
    headers : Headers
        All but ``content-length``, the date and what belongs to the connection.
    parts : iterable of bytes, optional
        What comes after `body`; its length is not known.
    close : bool
        Whether the connection ends with it.
    """

    __slots__ = ("body", "close", "headers", "parts", "status")

    def __init__(
        self,
        status: int,
        body: bytes = b"",
        headers: Headers | None = None,
        *,
        parts: Iterable[bytes] | None = None,
        close: bool = False,
    ) -> None:
        self.status = status
        self.body = body
        self.headers = [] if headers is None else headers
        self.parts = parts
        self.close = close


class Identities(NamedTuple):
    """The ids of a request, and what to do if one is too long."""

    request_id: str
    headers: Sequence[tuple[bytes, bytes]]
    too_long: str = ""

    @staticmethod
    def of(headers: Headers) -> Identities:
        """Read them from a request's headers; one that is not there is made or taken over."""
        found = {name: value for name, value in headers if name in _ID_HEADERS}
        if not found:
            own = _new_id()
            return Identities(own.decode(), ((b"x-request-id", own), (b"x-ms-request-id", own)))
        return _told(found)


def _told(found: dict[bytes, bytes]) -> Identities:
    request_id = found.get(b"x-request-id")
    if request_id is None:
        request_id = _new_id()
    trace = [(b"TraceId", found[b"traceid"])] if b"traceid" in found else []
    if len(request_id) > _LONGEST_ID:
        problem = f"x-request-id must not exceed {_LONGEST_ID} characters"
        return Identities("", trace, problem)
    legacy = found.get(b"x-ms-request-id", b"")
    client = found.get(b"x-ms-client-request-id", b"")
    if legacy:
        client = client or legacy
    else:
        legacy = client or request_id
    own = [(b"x-request-id", request_id)] if request_id else []
    if len(legacy) > _LONGEST_ID or len(client) > _LONGEST_ID:
        problem = (
            f"x-ms-request-id and x-ms-client-request-id must not exceed {_LONGEST_ID} characters"
        )
        return Identities(request_id.decode("latin-1"), own + trace, problem)
    others = [(b"x-ms-request-id", legacy)] if legacy else []
    others += [(b"x-ms-client-request-id", client)] if client else []
    return Identities(request_id.decode("latin-1"), own + others + trace)


_random = random.Random()  # noqa: S311 - ids are no secrets; each process seeds it anew
os.register_at_fork(after_in_child=_random.seed)


def _new_id() -> bytes:
    """Return a random UUID of version 4 (RFC 9562) as text."""
    bits = _random.getrandbits(128)
    text = b"%032x" % (bits & ~(0xF000C << 60) | 0x40008 << 60)
    return b"%b-%b-%b-%b-%b" % (text[:8], text[8:12], text[12:16], text[16:20], text[20:])


def error(status: int, message: str, *, failed: bool = False) -> Answer:
    """Return an answer that says what is wrong, in the form that all errors have."""
    body = json.dumps({"message": message}).encode()
    return Answer(status, body, [JSON, FAILED if failed else NOT_FAILED])


def problem(status: int, message: str, *headers: tuple[bytes, bytes]) -> Answer:
    """Return an answer of the server itself, after which the connection ends."""
    answer = error(status, message)
    answer.headers += headers
    answer.close = True
    return answer


def encode(value: Any, *, strict: bool) -> bytes:
    """Write what run() returned as JSON, in the reference's way.

    NaN and the infinities are no JSON (RFC 8259, section 6); unless `strict`, they become null.

    Raises
    ------
    TypeError, ValueError, RecursionError
        If it cannot be written.
    """
    if value is None:
        return b"{}"
    if strict:
        return json.dumps(value).encode()
    try:
        return _without(value).encode()
    except ValueError:
        return _without(_nan_to_null(value)).encode()


def _nan_to_null(value: Any) -> Any:
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {key: _nan_to_null(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_nan_to_null(each) for each in value]
    return value


class Cors:
    """Which origins may read the answers (the protocol is Fetch's, with flask-cors's answers)."""

    def __init__(self, settings: Settings) -> None:
        self._origins = frozenset(settings.origins)

    def headers(self, request: Request) -> Headers:
        """Return what to add to the answer."""
        if not self._origins:
            return []
        origin = request.header(b"origin")
        if origin is None or not self._lets_in(origin.decode("latin-1")):
            return []
        added = [(b"access-control-allow-origin", origin)]
        asked = request.header(b"access-control-request-method")
        if request.method == "OPTIONS" and asked in {b"GET", b"POST"}:
            wanted = request.header(b"access-control-request-headers")
            added += [(b"access-control-allow-headers", wanted)] if wanted else []
            added.append((b"access-control-allow-methods", b"GET, POST"))
        return [*added, (b"vary", b"Origin")]

    def _lets_in(self, origin: str) -> bool:
        return "*" in self._origins or origin.lower() in {each.lower() for each in self._origins}
