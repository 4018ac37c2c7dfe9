"""Parse and negotiate media types (RFC 9110)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["media_type", "preferred"]

_ANY = (b"application/json", b"application/*", b"*/*")


@lru_cache(maxsize=256)
def media_type(content_type: bytes) -> bytes:
    """Return a media type in lower case, without its parameters."""
    return content_type.partition(b";")[0].strip().lower()


def preferred(accept: bytes, offered: Collection[bytes]) -> bytes | None:
    """Return the client's preferred type other than JSON; None if it is JSON, or any.

    Of equally preferred types, the first counts.

    Parameters
    ----------
    accept : bytes
        The header ``Accept``.
    offered : collection of bytes
        Media types in lower case.
    """
    best: tuple[float, bytes | None] = (0.0, None)
    for part in accept.split(b","):
        kind = media_type(part)
        quality = _quality(part)
        if quality > best[0] and (kind in offered or kind in _ANY):
            best = (quality, kind if kind in offered else None)
    return best[1]


def _quality(part: bytes) -> float:
    """Return the quality value of a type, from 0 to 1."""
    for parameter in part.split(b";")[1:]:
        name, _, value = parameter.strip().partition(b"=")
        if name.strip().lower() == b"q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
