"""Rewrite the headers and bodies of requests and responses in the router."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from yarl import URL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from aiohttp import StreamReader, web

__all__ = ["Body", "Fields", "Kept", "end_to_end", "target_of"]

Fields = list[tuple[str, str]]

# RFC 9110, 7.6.1: they belong to one connection, and each side has its own.
_OF_CONNECTION: Final = frozenset({
    "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    "expect",
})  # fmt: skip


def end_to_end(raw_headers: Iterable[tuple[bytes, bytes]]) -> Fields:
    """Return the end-to-end headers: not the hop-by-hop ones, nor those named by Connection."""
    given = [(name.decode("latin-1"), _text(value)) for name, value in raw_headers]
    named = {
        part.strip().lower()
        for name, value in given
        if name.lower() == "connection"
        for part in value.split(",")
    }
    dropped = _OF_CONNECTION | named
    return [(name, value) for name, value in given if name.lower() not in dropped]


def _text(value: bytes) -> str:
    """Return a header's value; aiohttp encodes it as UTF-8 again."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def target_of(origin: str, request: web.BaseRequest) -> URL:
    """Return the URL to forward a request to: its unchanged path and query at another origin."""
    raw = request.raw_path
    if not raw.startswith("/"):  # an absolute URI, as for a proxy
        parts = urlsplit(raw)
        raw = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return URL(f"{origin}{raw}", encoded=True)


class Kept:
    """A copy of passing bytes, up to a limit.

    Parameters
    ----------
    most_bytes : int
        The limit in bytes; if it is exceeded, nothing is kept. 0 keeps nothing at all.
    """

    def __init__(self, *, most_bytes: int) -> None:
        self._most = most_bytes
        self._content: bytearray | None = bytearray() if most_bytes else None

    def take(self, piece: bytes) -> None:
        """Append one more piece."""
        if self._content is None:
            return
        self._content += piece
        if len(self._content) > self._most:
            self._content = None

    @property
    def content(self) -> bytes | None:
        """All of it; None if it was not kept."""
        return None if self._content is None else bytes(self._content)


class Body:
    """A request's body, piece by piece; optionally with a copy.

    Parameters
    ----------
    stream : aiohttp.StreamReader
        The source of the body.
    most_kept_bytes : int
        The size limit of the copy; a larger body is not copied.
    """

    def __init__(self, stream: StreamReader, *, most_kept_bytes: int) -> None:
        self._stream = stream
        self._kept = Kept(most_bytes=most_kept_bytes)
        self.is_broken = False
        """Whether the caller has disconnected before its request was complete."""
        self.ended_at = 0.0
        """When its last part was forwarded, on the clock of the event loop; 0 until then."""

    @property
    def copy(self) -> bytes | None:
        """All of it; None if it was not kept."""
        return self._kept.content

    async def pieces(self, now: Any) -> AsyncIterator[bytes]:
        """Yield the pieces as they arrive."""
        try:
            async for piece in self._stream.iter_any():
                self._kept.take(piece)
                yield piece
        except Exception:
            self.is_broken = True
            raise
        self.ended_at = now()
