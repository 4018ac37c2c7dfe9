"""Answers as HTTP/1.1 writes them (RFC 9112)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from .contract import WITHOUT_LENGTH

if TYPE_CHECKING:
    from .contract import Answer

__all__ = ["wire"]


def wire(
    answer: Answer,
    standing: list[tuple[bytes, bytes]],
    *,
    keep_alive: bool,
    has_body: bool = True,
    version: str = "1.1",
) -> bytes:
    """Return an answer as bytes.

    Parameters
    ----------
    answer : Answer
        What to write; of one in parts its head alone.
    standing : list of (bytes, bytes)
        The headers that all answers have.
    keep_alive : bool
        Whether the connection stays open.
    has_body : bool
        Whether the body is sent: an answer to HEAD only says how long it is.
    version : str
        The client's, of HTTP: ``"1.0"`` knows no chunks, and reads to the end of the connection.
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
    lines = _standing_lines(standing)
    head = (STATUS_LINE[answer.status], lines, answer.head, length, end)
    return b"".join((*head, body) if has_body else head)


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
