"""Answer: what one place said to one request, as far as it can be compared."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Answer"]

# The scoring contract's headers whose values are the same wherever a request is answered.
_BY_VALUE: Final[tuple[str, ...]] = (
    "x-ms-run-function-failed",
    "x-ms-server-version",
    "x-request-id",
    "traceid",
)
# Those that differ by nature, and have to be there or not.
_BY_PRESENCE: Final[tuple[str, ...]] = (
    "x-ms-run-fn-exec-ms",
    "x-ms-request-id",
    "x-ms-client-request-id",
)
_PRESENT: Final = "(present)"


@dataclass(frozen=True)
class Answer:
    """What one place answered.

    Parameters
    ----------
    status : int
        The HTTP status; 0 if there was no answer.
    content_type : str
        The media type, without parameters.
    headers : Mapping[str, str]
        The headers of the scoring contract, by name in lower case. Of those that differ by nature
        (times, and ids that the server makes) only that they are there.
    body : bytes
        All of it.
    failure : str
        Why there was no answer, or ``""``.
    """

    status: int = 0
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    failure: str = ""

    @classmethod
    def of(cls, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        """Return the answer that came with these headers."""
        found = {name.lower(): value for name, value in headers.items()}
        kept = {name: found[name] for name in _BY_VALUE if name in found}
        kept |= {name: _PRESENT for name in _BY_PRESENCE if name in found}
        media_type = found.get("content-type", "").partition(";")[0].strip().lower()
        return cls(status, media_type, kept, body)

    @property
    def value(self) -> Any:
        """The body as a JSON value if it is one by its type, else as bytes."""
        if self.content_type == "application/json" or self.content_type.endswith("+json"):
            try:
                return json.loads(self.body)
            except ValueError:
                return self.body
        return self.body
