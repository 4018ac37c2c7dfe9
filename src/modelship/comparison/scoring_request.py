"""Define ScoringRequest: one request, as it is sent to each place; and excerpts of bodies."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from modelship.bundle.payload import to_json
from modelship.errors import InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ScoringRequest", "excerpt", "printable"]

_SHOWN: Final = 100  # bytes
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PATH: Final = re.compile(r"/(?!/)([!-\"$&-~]|%[0-9A-Fa-f]{2})*")  # and no fragment
_VALUE: Final = re.compile(r"([!-~\xa0-\xff]([ \t!-~\xa0-\xff]*[!-~\xa0-\xff])?)?")
# Set by the connection: another length or host would be another request.
_OF_CONNECTION: Final = frozenset({"connection", "content-length", "host", "transfer-encoding"})


def _json_headers() -> dict[str, str]:
    return {"Content-Type": "application/json"}


@dataclass(frozen=True)
class ScoringRequest:
    """One request to a service.

    Parameters
    ----------
    label : str
        Its label in a report.
    body : bytes
        The body.
    method : str
        The HTTP method, in capitals.
    path : str
        The path with its query, from ``/`` on; percent-encoded where it is not ASCII.
    headers : Mapping[str, str]
        Its headers; an ``x-request-id`` is added, so that the answers can be compared.

    Raises
    ------
    InvalidOptionError
        If it cannot be sent unchanged everywhere: a path or a header with line breaks, or a header
        that the connection sets itself.
    """

    label: str
    body: bytes = b""
    method: str = "POST"
    path: str = "/score"
    headers: Mapping[str, str] = field(default_factory=_json_headers)

    def __post_init__(self) -> None:
        if not _TOKEN.fullmatch(self.method) or not self.method.isupper():
            raise InvalidOptionError("method", self.method, "one in capitals, such as POST")
        if not _PATH.fullmatch(self.path):
            expected = "one that begins with one / and is percent-encoded, such as /score?x=%C3%A9"
            raise InvalidOptionError("path", self.path, expected)
        for name, value in self.headers.items():
            if not _TOKEN.fullmatch(name) or name.lower() in _OF_CONNECTION:
                expected = "names of headers, and none that the connection sets by itself"
                raise InvalidOptionError("headers", name, expected)
            if not _VALUE.fullmatch(value):
                expected = "text in Latin-1 with no space around it and no line break in it"
                raise InvalidOptionError(f"the header {name}", "(not shown)", expected)

    @classmethod
    def of(cls, payload: object, *, label: str) -> ScoringRequest:
        """Return the request that sends `payload` as JSON."""
        return cls(label, to_json(payload).encode())

    @property
    def summary(self) -> str:
        """A short line that describes it."""
        return f"{self.method} {self.path} {excerpt(self.body, most=_SHOWN)}".rstrip()


def excerpt(body: bytes, *, most: int, begin: int = 0) -> str:
    """Return at most `most` bytes of a body from `begin` on; with its size if truncated."""
    text = printable(body[begin : begin + most].decode(errors="replace"))
    if not begin and len(body) <= most:
        return text
    return f"{'…' if begin else ''}{text}… ({len(body)} bytes)"


def printable(text: str) -> str:
    """Return a text with invisible characters and terminal control codes escaped."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
