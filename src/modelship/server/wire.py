"""Answers as HTTP/1.1 writes them (RFC 9112)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from .contract import WITHOUT_LENGTH

if TYPE_CHECKING:
    from .contract import Answer

__all__ = ["wire"]


def wire(answer: Answer, standing: list[tuple[bytes, bytes]], *, keep_alive: bool) -> bytes:
    """Return an answer as bytes; `standing` are the headers that all answers have."""
    body = answer.body
    if answer.parts is not None:
        length = b"" if answer.has_length else b"transfer-encoding: chunked\r\n"
    elif answer.status in WITHOUT_LENGTH:
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
