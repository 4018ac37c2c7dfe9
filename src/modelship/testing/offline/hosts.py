"""Which hosts an offline workspace stands for, which are this machine, and who sends requests.

A page whose name suddenly resolves to 127.0.0.1 (DNS rebinding) is recognized by Host, and any
other page by Origin or Sec-Fetch-Site, which a browser sets and no page can change. A followed link
does not count as a request of a page.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "AZURE_NAMES",
    "is_azure",
    "is_foreign_account",
    "is_local",
    "is_loopback",
    "is_of_azure",
    "sent_by_page",
]

_AZURES_PORTS = frozenset({None, 80, 443})
_OWN_SITES = frozenset({"none", "same-origin"})

# The hosts that azureml-core 1.61 calls, and related ones: sign-in, resource manager, the services
# of a workspace, its storage and vault, the graph. Package feeds (pkgs.dev.azure.com) and base
# images (mcr.microsoft.com) are not included.
_HOSTS = {
    "graph.microsoft.com",
    "graph.windows.net",
    "login.microsoft.com",
    "login.microsoftonline.com",
    "login.windows.net",
    "management.azure.com",
    "management.core.windows.net",
    "ml.azure.com",
    "sts.windows.net",
}
_STORAGE = (
    ".blob.core.windows.net",
    ".dfs.core.windows.net",
    ".file.core.windows.net",
    ".queue.core.windows.net",
    ".table.core.windows.net",
)
_DOMAINS = (
    ".api.ml.azure.com",
    ".azureml.ms",
    ".azureml.net",
    ".login.microsoft.com",
    ".vault.azure.net",
    *_STORAGE,
)
# Telemetry hosts; modelship.testing.offline.insights says how they are handled.
_COLLECTORS = (
    ".applicationinsights.azure.com",
    ".applicationinsights.microsoft.com",
    ".services.visualstudio.com",
)

AZURE_NAMES = (*sorted(_HOSTS), *(each.removeprefix(".") for each in _DOMAINS + _COLLECTORS))
"""The hosts that an offline workspace replaces, and their domains."""


def is_azure(host: str) -> bool:
    """Return whether a host is one of Azure's that an offline workspace stands for."""
    name = host.lower().rstrip(".")
    return name in _HOSTS or name.endswith(_DOMAINS + _COLLECTORS)


def is_foreign_account(host: str, *, account: str) -> bool:
    """Return whether a host is an Azure storage account other than this one."""
    name = host.lower().rstrip(".")
    return name.endswith(_STORAGE) and name.partition(".")[0] != account


def is_loopback(host: str) -> bool:
    """Return whether a host, by name or address, is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def is_local(host: str) -> bool:
    """Return whether the field Host names this machine; on any port, as tunnels have their own."""
    return is_loopback(_split(host)[0])


def is_of_azure(host: str) -> bool:
    """Return whether the field Host names one of Azure's hosts, as through the proxy."""
    name, port = _split(host)
    return is_azure(name) and port in _AZURES_PORTS


def sent_by_page(method: str, fields: Mapping[str, str]) -> bool:
    """Return whether a web page caused a browser to send a request with these fields."""
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
