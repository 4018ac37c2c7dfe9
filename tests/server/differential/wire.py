"""Bytes to a server, and back as answers in which everything that a client can see is kept.

Of what comes back only this is not compared: the reason phrase, which HTTP says to ignore, the case
of header names, and what is new each time: the date, the time that run() took (its format counts)
and the ids that the server makes (that they are uuids, and which of them are equal, counts).
"""

from __future__ import annotations

import http.client
import json
import re
import socket
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from modelship.comparison.answers import ENDED, TOO_SLOW
from modelship.parity import PlaceAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Sent", "ask", "post", "send"]

_TIMEOUT_S = 20.0
_TWICE = " | "  # between the values of a header that comes twice
_EACH_TIME_NEW = {
    "date": re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"),
    "x-ms-run-fn-exec-ms": re.compile(r"\d+\.\d{3}"),
}
_FRAMING = frozenset({"content-length", "transfer-encoding"})
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Sent:
    """What is sent on one connection, and how many answers are read from it.

    Parameters
    ----------
    label : str
        What it is called.
    parts : Sequence[bytes]
        What is sent. Before each part but the first, something that came back is waited for.
    methods : Sequence[str]
        The method of each request in it, in order; one answer is read for each.
    half_closes : bool
        Whether the client says after the last part that no more will come.
    ends : bool
        Whether it may end the server's worker, so that it has to be waited for.
    """

    label: str
    parts: Sequence[bytes]
    methods: Sequence[str] = ("POST",)
    half_closes: bool = False
    ends: bool = False

    @property
    def data(self) -> bytes:
        """All that is sent."""
        return b"".join(self.parts)


def send(
    label: str,
    *,
    method: str = "GET",
    path: str = "/score",
    body: bytes | None = None,
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    ends: bool = False,
) -> Sent:
    """Return a request that is as HTTP/1.1 has it, with a length if it has a body."""
    pairs = [("Host", "localhost"), *(headers.items() if hasattr(headers, "items") else headers)]
    if body is not None:
        pairs.append(("Content-Length", str(len(body))))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in pairs)]
    head = "\r\n".join((*lines, "", "")).encode("latin-1")
    return Sent(label, (head + (body or b""),), (method,), ends=ends)


def post(
    label: str,
    body: object = b"",
    *,
    content_type: str | None = "application/json",
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    path: str = "/score",
    ends: bool = False,
) -> Sent:
    """Return a POST of bytes as they are, or of anything else as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    pairs = list(headers.items() if hasattr(headers, "items") else headers)
    if content_type is not None:
        pairs.append(("Content-Type", content_type))
    return send(label, method="POST", path=path, body=data, headers=pairs, ends=ends)


def ask(port: int, sent: Sent) -> tuple[PlaceAnswer, ...]:
    """Send it, and return what came back; fewer answers than requests if it ended before."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S) as connection:
            stream = _Stream(connection.makefile("rb"))
            connection.sendall(sent.parts[0])
            for part in sent.parts[1:]:
                stream.peek()
                connection.sendall(part)
            if sent.half_closes:
                connection.shutdown(socket.SHUT_WR)
            return tuple(_answers(stream, sent))
    except TimeoutError:
        return (PlaceAnswer(failure=TOO_SLOW),)
    except OSError:
        return (PlaceAnswer(failure=ENDED),)


class _Stream:
    """A file that an answer which has been read does not close."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def makefile(self, _mode: str) -> _Stream:
        return self

    def close(self) -> None:
        """Leave it open: the next answer comes on it."""


class _Response(http.client.HTTPResponse):
    """An answer that also keeps the interim ones before it."""

    def _read_status(self) -> tuple[str, int, str]:
        told = super()._read_status()
        self.statuses = (*getattr(self, "statuses", ()), told[1])
        return told


def _answers(stream: _Stream, sent: Sent) -> Any:
    for method in sent.methods:
        response = _Response(stream, method=method)
        try:
            response.begin()
        except http.client.BadStatusLine:  # nothing came, or nothing of HTTP
            yield PlaceAnswer(failure=ENDED)
            return
        except ConnectionError:
            yield PlaceAnswer(failure=ENDED)
            return
        yield _answer(response)


def _answer(response: _Response) -> PlaceAnswer:
    headers: dict[str, str] = {}
    try:
        body = response.read()
    except (http.client.IncompleteRead, ConnectionError) as error:
        body = getattr(error, "partial", b"")
        headers["(ended early)"] = "yes"
    headers["(framing)"] = _framing(response)
    if len(response.statuses) > 1:
        headers["(interim)"] = ", ".join(map(str, response.statuses[:-1]))
    pairs = response.headers.items()
    base = PlaceAnswer.of(response.status, pairs, body)
    for name, value in pairs:
        key = name.lower()
        if key not in _FRAMING and key != "content-type":
            headers[key] = f"{headers[key]}{_TWICE}{value}" if key in headers else value
    headers |= {name: base.headers[name] for name in ("allow",) if name in base.headers}
    return replace(base, headers=_without_what_is_new(headers))


def _framing(response: _Response) -> str:
    names = {name.lower() for name in response.headers} & _FRAMING
    return " and ".join(sorted(names)) or "none"


def _without_what_is_new(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers with a word in place of what a server generates for each answer."""
    made: dict[str, str] = {}

    def kept(name: str, value: str) -> str:
        pattern = _EACH_TIME_NEW.get(name)
        if pattern and pattern.fullmatch(value):
            return "(as it should be)"
        is_new = _UUID4.fullmatch(value)
        return made.setdefault(value, f"(uuid {len(made) + 1})") if is_new else value

    return {
        name: _TWICE.join(kept(name, each) for each in value.split(_TWICE))
        for name, value in sorted(headers.items())
    }
