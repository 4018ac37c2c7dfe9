"""Define the response of one place to one request, reduced to what can be compared."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["ENDED", "MOST_BYTES", "TOO_LARGE", "TOO_SLOW", "PlaceAnswer"]

MOST_BYTES: Final = 64 << 20
"""The maximum size of a body that is read; an answer may be endless."""
TOO_SLOW: Final = "no answer in time"
ENDED: Final = "it ended before it had answered"
TOO_LARGE: Final = f"an answer of more than {MOST_BYTES >> 20} MiB"

# The scoring contract's headers. Each request has an id, so the ids are the same everywhere.
_BY_VALUE: Final = frozenset({
    "x-ms-run-function-failed",
    "x-ms-server-version",
    "x-request-id",
    "x-ms-request-id",
    "x-ms-client-request-id",
    "traceid",
    "vary",
    "access-control-allow-origin",
    "access-control-allow-methods",
    "access-control-allow-headers",
})  # fmt: skip
_AS_SET: Final = frozenset({"allow"})  # the server keeps them in no order
_BY_PRESENCE: Final = frozenset({"x-ms-run-fn-exec-ms"})  # a duration, which always differs


@dataclass(frozen=True)
class PlaceAnswer:
    """The answer of one place.

    Parameters
    ----------
    status : int
        The HTTP status; 0 if there was no answer.
    content_type : str
        The media type with its parameters, in lower case; ``""`` if none was given.
    headers : Mapping[str, str]
        The headers of the scoring contract, by name in lower case. For the duration of run() only
        its presence.
    body : bytes
        The complete body.
    failure : str
        Why there was no answer, or ``""``.
    """

    status: int = 0
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    failure: str = ""

    @classmethod
    def of(cls, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> PlaceAnswer:
        """Return the answer that came with these headers; for a repeated one all values count."""
        found: dict[str, str] = {}
        for name, value in headers:
            key = name.lower()
            found[key] = f"{found[key]}, {value}" if key in found else value
        kept = {name: _comparable(name, value) for name, value in found.items()}
        content_type = "; ".join(
            part.strip() for part in found.get("content-type", "").lower().split(";")
        )
        return cls(status, content_type, {k: v for k, v in kept.items() if v is not None}, body)

    @property
    def value(self) -> Any:
        """The body as a JSON value if that is its media type, else as bytes."""
        media_type = self.content_type.partition(";")[0]
        if media_type == "application/json" or media_type.endswith("+json"):
            try:
                return json.loads(self.body)
            except (ValueError, RecursionError):  # it is not valid JSON, or is nested too deeply
                return self.body
        return self.body


def _comparable(name: str, value: str) -> str | None:
    """Return the part of a header that is the same everywhere; None if it is not compared."""
    if name in _BY_PRESENCE:
        return "(present)"
    if name in _AS_SET:
        return ", ".join(sorted(part.strip() for part in value.split(",")))
    return value if name in _BY_VALUE else None
