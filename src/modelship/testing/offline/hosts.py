"""Which hosts an offline workspace stands for, and which are this machine."""

from __future__ import annotations

import ipaddress

__all__ = ["AZURE_NAMES", "is_azure", "is_foreign_account", "is_loopback"]

# What azureml-core 1.61 calls, and what calls beside it: sign-in, resource manager, the services of
# a workspace, its storage and vault, the graph. Feeds of packages (pkgs.dev.azure.com) and base
# images (mcr.microsoft.com) are not among them.
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
# Where telemetry goes; modelship.testing.offline.telemetry says what becomes of it.
_COLLECTORS = (
    ".applicationinsights.azure.com",
    ".applicationinsights.microsoft.com",
    ".services.visualstudio.com",
)

AZURE_NAMES = (*sorted(_HOSTS), *(each.removeprefix(".") for each in _DOMAINS + _COLLECTORS))
"""The hosts that an offline workspace stands for, and the domains of such hosts."""


def is_azure(host: str) -> bool:
    """Return whether a host is one of Azure's that an offline workspace stands for."""
    name = host.lower().rstrip(".")
    return name in _HOSTS or name.endswith(_DOMAINS + _COLLECTORS)


def is_foreign_account(host: str, *, account: str) -> bool:
    """Return whether a host is one of Azure's storage accounts, and another than this one."""
    name = host.lower().rstrip(".")
    return name.endswith(_STORAGE) and name.partition(".")[0] != account


def is_loopback(host: str) -> bool:
    """Return whether a host, by name or address, is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"
