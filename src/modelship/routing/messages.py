"""What a request and an answer are on their way through the router: headers and bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from multidict import CIMultiDict
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from aiohttp import StreamReader, web

__all__ = ["Body", "Fields", "end_to_end", "target_of"]

Fields = list[tuple[str, str]]

# RFC 9110, 7.6.1: they are of one connection, and each side has its own.
_OF_CONNECTION: Final = frozenset({
    "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    "expect",
})  # fmt: skip


def end_to_end(raw_headers: Iterable[tuple[bytes, bytes]]) -> Fields:
    """Return the headers that go on: not those of the connection, nor those that it names."""
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
    """Return a header's value; aiohttp writes it as UTF-8 again."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def target_of(origin: str, request: web.BaseRequest) -> URL:
    """Return where a request goes on to: its path and query as they came, at another place."""
    raw = request.raw_path
    if not raw.startswith("/"):  # an absolute URI, as for a proxy
        parts = urlsplit(raw)
        raw = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return URL(f"{origin}{raw}", encoded=True)


class Body:
    """A request's body, piece by piece; a copy of it is kept on the way, if that is wanted.

    Parameters
    ----------
    stream : aiohttp.StreamReader
        Where it comes from.
    most_kept_bytes : int
        How much of it is kept; of a larger one nothing is.
    """

    def __init__(self, stream: StreamReader, *, most_kept_bytes: int) -> None:
        self._stream = stream
        self._most = most_kept_bytes
        self._kept: bytearray | None = bytearray() if most_kept_bytes else None
        self.is_begun = False
        self.is_broken = False
        """Whether the caller has gone before all of it had come."""
        self.ended_at = 0.0
        """When its last piece was taken, by the clock of the event loop; 0 until then."""

    @property
    def copy(self) -> bytes | None:
        """All of it; None if it was not kept."""
        return None if self._kept is None else bytes(self._kept)

    async def pieces(self, now: Any) -> AsyncIterator[bytes]:
        """Yield what comes, as it comes."""
        self.is_begun = True
        try:
            async for piece in self._stream.iter_any():
                self._keep(piece)
                yield piece
        except Exception:
            self.is_broken = True
            raise
        self.ended_at = now()

    def _keep(self, piece: bytes) -> None:
        if self._kept is None:
            return
        self._kept += piece
        if len(self._kept) > self._most:
            self._kept = None


def multidict(fields: Sequence[tuple[str, str]]) -> CIMultiDict[str]:
    """Return headers in the form that aiohttp takes."""
    return CIMultiDict(fields)
