"""RequestParser: from bytes to heads and parts of bodies, on httptools (llhttp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import httptools

from .contract import problem
from .heads import FIELD_TOO_LONG, LARGEST_HEAD, MALFORMED, Head, HeadError, without_upgrade
from .logs import logger

if TYPE_CHECKING:
    from .contract import Answer, Headers

__all__ = ["Incoming", "NoMoreError", "RequestParser"]


class NoMoreError(Exception):
    """Raised by an :class:`Incoming` whose parser is to read no more."""


class Incoming(Protocol):
    """What is told of what the parser finds; each method may raise :class:`NoMoreError`."""

    def on_start(self) -> None:
        """Take note of the first byte of a request."""

    def on_head(self, head: Head) -> None:
        """Take a head."""

    def on_body(self, part: bytes) -> None:
        """Take a part of the body."""

    def on_end(self) -> None:
        """Take note of the end of a request."""

    def refuse(self, answer: Answer) -> None:
        """Answer what arrives, and read no more."""


class RequestParser:
    """The parser of one connection.

    A wish for another protocol (RFC 9110, section 7.8) is not granted: llhttp stops behind such a
    head, as if no body belonged to it, and so the head is parsed once more without that wish.

    Parameters
    ----------
    incoming : Incoming
        What is told.

    Attributes
    ----------
    in_head : bool
        Whether a head has begun and is not complete.
    received : int
        Bytes of the request that arrives.
    """

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming
        self.on_body = incoming.on_body
        self.in_head = False
        self.received = 0
        self._url = b""
        self._headers: Headers = []
        self._head_bytes = 0
        self._all_headers: Headers | None = None  # with the wish
        self._wants_upgrade = False
        self._parser = httptools.HttpRequestParser(self)

    def feed(self, data: bytes | memoryview) -> None:
        """Parse what has arrived."""
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
        """Parse `data`, and return what is left of it behind a head with a wish."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            head = without_upgrade(self._parser, self._url, self._headers)
            self._all_headers, self._wants_upgrade = self._headers, False
            self._parser = httptools.HttpRequestParser(self)
            self._parser.feed_data(head)
            return data[upgrade.args[0] :]
        return data[:0]

    # What httptools finds

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers = []
        self._head_bytes = 0
        self.in_head = True
        self._incoming.on_start()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.in_head:  # a trailer, which nobody reads
            return
        self._head_bytes += len(name) + len(value)
        if b"_" not in name:  # to a script it would be the same as another one with a dash
            self._headers.append((name.lower(), value.rstrip()))

    def on_headers_complete(self) -> None:
        if self._parser.should_upgrade() and self._parser.get_method() != b"CONNECT":
            self._wants_upgrade = True  # it comes here again, without
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
