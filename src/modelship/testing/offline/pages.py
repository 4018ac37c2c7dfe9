"""What tells the requests of a web page from those of programs: its host, origin and site.

A page whose name leads to 127.0.0.1 all at once (DNS rebinding) shows itself in Host, any other
one in Origin or Sec-Fetch-Site, which a browser sets and no page can change. A link that somebody
follows is no request of a page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from modelship.testing.offline.hosts import is_azure, is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["is_local", "is_of_azure", "sent_by_page"]

_AZURES_PORTS = frozenset({None, 80, 443})
_OWN_SITES = frozenset({"none", "same-origin"})


def is_local(host: str) -> bool:
    """Return whether the field Host names this machine; on any port, as a tunnel has its own."""
    return is_loopback(_split(host)[0])


def is_of_azure(host: str) -> bool:
    """Return whether the field Host names one of Azure's hosts, which come through the proxy."""
    name, port = _split(host)
    return is_azure(name) and port in _AZURES_PORTS


def sent_by_page(method: str, fields: Mapping[str, str]) -> bool:
    """Return whether a web page made a browser send a request with these header fields."""
    follows_link = (
        method in {"GET", "HEAD"}
        and fields.get("sec-fetch-mode") == "navigate"
        and fields.get("sec-fetch-dest") == "document"
    )
    site = fields.get("sec-fetch-site", "none")
    return "origin" in fields or not (site in _OWN_SITES or follows_link)


def _split(host: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(f"//{host}")
        name, port = parts.hostname or "", parts.port
    except ValueError:
        return "", None
    return ("", None) if parts.netloc != host or "@" in host else (name, port)
