"""Define which origins may read the responses, by the Fetch standard's protocol (CORS)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .http_contract import Request
    from .settings import Settings

__all__ = ["Cors"]


class Cors:
    """The origins that may read the responses: the Fetch standard's protocol, as in flask-cors."""

    def __init__(self, settings: Settings) -> None:
        self._origins = settings.origins
        self._low = frozenset(each.lower() for each in settings.origins)

    def lines(self, request: Request) -> bytes:
        """Return the headers to add to the response."""
        allowed = self._allowed(request.fields.get(b"origin", b"").decode("latin-1"))
        if not allowed:
            return b""
        lines = [f"access-control-allow-origin: {allowed}\r\n"]
        asked = request.fields.get(b"access-control-request-method", b"").decode("latin-1")
        if request.method == "OPTIONS" and asked.upper() in {"GET", "POST"}:
            wanted = request.fields.get(b"access-control-request-headers", b"").decode("latin-1")
            if wanted:
                names = ", ".join(each.strip() for each in wanted.split(","))
                lines.append(f"access-control-allow-headers: {names}\r\n")
            lines.append("access-control-allow-methods: GET, POST\r\n")
        if allowed != "*" and (len(self._origins) > 1 or "*" in self._low):
            lines.append("vary: Origin\r\n")
        return "".join(lines).encode("latin-1")

    def _allowed(self, origin: str) -> str:
        """Return the origin to name; without one in the request, the first allowed one."""
        if not origin:
            return "*" if "*" in self._low else min(self._origins) if self._origins else ""
        return origin if "*" in self._low or origin.lower() in self._low else ""
