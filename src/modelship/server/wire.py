"""Answers as HTTP/1.1 writes them (RFC 9112)."""

from __future__ import annotations

import time
from email.utils import formatdate
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING

from .contract import WITHOUT_LENGTH

if TYPE_CHECKING:
    from .contract import Answer

__all__ = ["wire"]


def wire(
    answer: Answer,
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
    head = (_status_line(answer.status), _date_line(), answer.head, length, end)
    return b"".join((*head, body) if has_body else head)


@cache
def _status_line(status: int) -> bytes:
    """Return the first line of an answer; a status that has no phrase goes without one."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


class _DateLine:
    """The header that tells the time, written anew once in a second (RFC 9110, section 6.6.1)."""

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
