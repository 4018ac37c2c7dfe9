"""The next proxy: what the environment variables of this process say about outgoing requests."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed leaves it out

from modelship.workspace.way_out import is_own_proxy

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NextProxy", "Upstream"]


@dataclass(frozen=True)
class NextProxy:
    """A proxy that requests have to go through.

    Parameters
    ----------
    host : str
        Its host name or address.
    port : int
        Its port.
    fields : tuple of bytes
        The header fields that it requires for authentication.
    """

    host: str
    port: int
    fields: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Upstream:
    """Which hosts are reached through which proxy.

    Parameters
    ----------
    proxies : Mapping
        The URL of the proxy for ``"http"`` and ``"https"``, and under ``"no"`` the hosts that need
        none, as returned by :func:`urllib.request.getproxies_environment`.
    """

    proxies: Mapping[str, str] = field(repr=False)

    @classmethod
    def of_this_process(cls) -> Upstream:
        """Read the current ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY``."""
        return cls(getproxies_environment())

    def before(self, host: str, is_tunnel: bool) -> NextProxy | None:  # noqa: FBT001 - as the request says
        """Return the proxy that a request to `host` has to go through, or None.

        The proxy of an offline workspace does not count: it would be this one, or lead back here.
        """
        url = urlsplit(self.proxies.get("https" if is_tunnel else "http", ""))
        if url.scheme != "http" or not url.hostname:
            return None
        if proxy_bypass_environment(host, dict(self.proxies)):
            return None
        if is_own_proxy(url.geturl()):
            return None
        return NextProxy(url.hostname, url.port or 80, _credentials(url.username, url.password))


def _credentials(username: str | None, password: str | None) -> tuple[bytes, ...]:
    if username is None:
        return ()
    who = f"{unquote(username)}:{unquote(password or '')}"
    return (b"Proxy-Authorization: Basic " + base64.b64encode(who.encode()),)
