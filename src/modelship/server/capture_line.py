"""Format a failed request as a JSON line for ``modelship replay``.

``{"request": {...}, "captured": {...}}``: the request in the form of a requests file, and next to
it the response and the list of omitted parts. Whatever may be a secret by its name is omitted.
"""

from __future__ import annotations

import base64
import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_to_bytes

from . import VERSION

if TYPE_CHECKING:
    from .http_contract import HttpAnswer, Request

__all__ = ["FailedRequest", "may_be_secret", "stamp"]

_FORMAT = 1
_ANSWER_BYTES = 4096
_SECRET = re.compile(
    "auth|cookie|key|token|secret|passw|pwd|signature|credential|session|assertion|jwt",
    re.IGNORECASE,
)
_SECRET_PARAMETERS = frozenset({"sig", "code"})  # in shared access signatures, and in OAuth
_OF_CONNECTION = frozenset({
    "connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te",
    "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"([!-~\xa0-\xff]([ \t!-~\xa0-\xff]*[!-~\xa0-\xff])?)?")
_RUN_MS = re.compile(rb"^x-ms-run-fn-exec-ms: ([\d.]+)", re.IGNORECASE | re.MULTILINE)


def may_be_secret(name: str) -> bool:
    """Return whether a header or a query parameter of this name may contain a secret."""
    return _SECRET.search(name) is not None or name.lower() in {"referer", *_SECRET_PARAMETERS}


def stamp(at_ns: int) -> str:
    """Format a time (nanoseconds since 1970) in UTC to the microsecond, sortable as text."""
    seconds, rest_ns = divmod(at_ns, 10**9)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest_ns // 1000:06d}Z"


@dataclass(frozen=True)
class FailedRequest:
    """The data of a request and its response that is kept until it is written.

    Parameters
    ----------
    at_ns : int
        When it was answered, in nanoseconds since 1970.
    duration_s : float
        The duration until the response.
    method, path, query, fields
        Those of the request, as in :class:`~.contract.Request`.
    body : bytes
        The body, truncated to the limit.
    body_size_bytes : int
        The size of the whole body.
    request_id : str
        The request's id in the log.
    status : int
        The status of the response.
    head : bytes
        The response's headers.
    answer : bytes
        The response's body, truncated to the limit.
    answer_size_bytes : int, optional
        The size of the whole body; None if it was streamed, in which case it is not kept.
    cause : str
        The last line of the traceback; empty without one.
    """

    at_ns: int
    duration_s: float
    method: str
    path: str
    query: bytes
    fields: dict[bytes, bytes]
    body: bytes
    body_size_bytes: int
    request_id: str
    status: int
    head: bytes
    answer: bytes
    answer_size_bytes: int | None
    cause: str

    @classmethod
    def of(
        cls, request: Request, answer: HttpAnswer, duration_s: float, *, most_bytes: int
    ) -> FailedRequest:
        """Copy the data to keep, so that the rest can be freed while this waits to be written."""
        return cls(
            at_ns=time.time_ns(),
            duration_s=duration_s,
            method=request.method,
            path=request.path,
            query=request.query,
            fields=request.fields,
            body=request.body[:most_bytes],
            body_size_bytes=len(request.body),
            request_id=request.identities.request_id.decode("latin-1"),
            status=answer.status,
            head=answer.head,
            answer=bytes(answer.body[:_ANSWER_BYTES]),
            answer_size_bytes=len(answer.body) if answer.parts is None else None,
            cause=answer.cause,
        )

    def line(self) -> bytes:
        """Return it as one line of JSON, in ASCII."""
        headers, left_headers = _headers(self.fields)
        query, left_parameters = _query(self.query)
        request = {
            "label": f"{self.method} {self.path} {self.request_id}",
            "method": self.method,
            "path": _quoted(self.path) + (f"?{query}" if query else ""),
            "headers": headers,
            **_text_or_base64("body", self.body),
        }
        captured = {
            "format": _FORMAT,
            "time": stamp(self.at_ns),
            "request_id": self.request_id,
            "body_size_bytes": self.body_size_bytes,
            "body_cut": len(self.body) < self.body_size_bytes,
            "left_out": {"headers": left_headers, "query": left_parameters},
            **self._answered(),
            "server": f"modelship/{VERSION}",
        }
        return json.dumps({"request": request, "captured": captured}).encode() + b"\n"

    def _answered(self) -> dict[str, Any]:
        run_ms = _RUN_MS.search(self.head)
        size = self.answer_size_bytes
        return {
            "status": self.status,
            **_text_or_base64("answer", self.answer),
            "answer_size_bytes": size,
            "cause": self.cause,
            "duration_ms": round(self.duration_s * 1000, 3),
            "run_ms": float(run_ms[1]) if run_ms else None,
        }


def _text_or_base64(name: str, content: bytes) -> dict[str, str]:
    try:
        return {name: content.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(content).decode()}


def _headers(fields: dict[bytes, bytes]) -> tuple[dict[str, str], list[str]]:
    """Return the headers to keep, and the names of the omitted ones."""
    kept: dict[str, str] = {}
    left_out: list[str] = []
    for raw_name, raw_value in fields.items():
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1").strip()
        if name in _OF_CONNECTION:
            continue
        if may_be_secret(name) or not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
            left_out.append(name)
        else:
            kept[name] = value
    return kept, left_out


def _query(query: bytes) -> tuple[str, list[str]]:
    """Return a query without possible secrets, and the names of the omitted parameters."""
    kept: list[str] = []
    left_out: list[str] = []
    for part in query.decode("latin-1").split("&"):
        name = unquote_to_bytes(part.partition("=")[0].replace("+", " ")).decode(errors="replace")
        if may_be_secret(name.strip()):
            left_out.append(name)
        else:
            kept.append(part)
    text = quote("&".join(kept), safe="!\"$%&'()*+,-./:;<=>?@[\\]^_`{|}~", encoding="latin-1")
    return re.sub("%(?![0-9A-Fa-f]{2})", "%25", text), left_out


def _quoted(path: str) -> str:
    return quote(path, safe="/!$&'()*+,;=:@~", errors="surrogateescape")
