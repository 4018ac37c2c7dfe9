"""The environment variables that direct code for Azure ML to an offline workspace."""

from __future__ import annotations

import os
import shlex
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from modelship.process_variables import process_variables
from modelship.workspace.way_out import CERTIFICATES, NO_PROXY, PROXIES, WayOut

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from modelship.testing.offline.login import ServicePrincipal

__all__ = ["exports", "variables", "without_exports"]

_LOOPBACK = "127.0.0.1,localhost"  # and not ::1, which azureml-dataprep takes for a port
# A workspace that is restarted is unavailable for some seconds. The SDK retries a call that could
# not connect immediately, and then after 1, 2, 4, 8 and 16 s; one that failed, immediately.
_PATIENCE = {
    "AZUREML_DEFAULT_RETRIES": "6",
    "AZUREML_DEFAULT_BACKOFF": "1",
    "AZUREML_DEFAULT_500_BACKOFF": "0",
    "AZUREML_DEFAULT_503_BACKOFF": "0",
}

_lock = threading.Lock()
_forgotten: list[dict[str, str]] = []


def variables(
    principal: ServicePrincipal, *, proxy: str, bundle: Path, folder: Path
) -> dict[str, str]:
    """Return the variables, by name.

    Parameters
    ----------
    principal : ServicePrincipal
        The principal that the SDK signs in as.
    proxy : str
        The URL, with its password, of the proxy that routes Azure's hosts to the workspace.
    bundle : Path
        The certificates to trust; PEM.
    folder : Path
        Where the SDK stores sign-ins, apart from those of the user.
    """
    return {
        # Clients differ in whether they read uppercase names first.
        **dict.fromkeys(PROXIES, proxy),
        **dict.fromkeys(NO_PROXY, _LOOPBACK),
        # urllib, and so azureml-telemetry, reads the second one.
        **dict.fromkeys(CERTIFICATES, str(bundle)),
        # Without it the SDK queries Azure for the list of clouds as soon as it is imported.
        "AZUREML_CURRENT_CLOUD": "AzureCloud",
        "AZUREML_SERVICE_PRINCIPAL_TENANT_ID": principal.tenant_id,
        "AZUREML_SERVICE_PRINCIPAL_ID": principal.client_id,
        "AZUREML_SERVICE_PRINCIPAL_PASSWORD": principal.client_secret,
        # The same for SDK v2, whose credentials are those of azure-identity.
        "AZURE_TENANT_ID": principal.tenant_id,
        "AZURE_CLIENT_ID": principal.client_id,
        "AZURE_CLIENT_SECRET": principal.client_secret,
        **_PATIENCE,
        "AZUREML_LOG_DEPRECATION_WARNING_ENABLED": "False",
        "AZURE_CONFIG_DIR": str(folder),
        "AZUREML_AUTH_CONFIG_DIR": str(folder),
    }


def exports(found: Mapping[str, str]) -> str:
    """Return the text of a file that sets variables in the shell that sources it."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in found.items())


@contextmanager
def without_exports() -> Iterator[None]:
    """Remove an offline workspace's variables from this process within the body.

    A workspace that is started in a terminal with the variables of another one, or of its own
    earlier run, would request the packages of its services from itself. It uses the proxy settings
    from before them.
    """
    with _lock:
        _forgotten.append({} if _forgotten else _taken_out())
    try:
        yield
    finally:
        with _lock:
            found = _forgotten.pop()
            if _forgotten:  # others are open: the last of them restores the variables
                _forgotten[-1] |= found
            elif found:
                _set(found)


def _taken_out() -> dict[str, str]:
    """Restore the original proxy variables, and return the values that they replace."""
    found = process_variables()
    way = WayOut(found)
    if not way.is_through_workspace:
        return {}
    _set(way.before())
    return {name: found[name] for name in WayOut.names if name in found}


def _set(wanted: Mapping[str, str]) -> None:
    for name in WayOut.names:
        os.environ.pop(name, None)
    os.environ.update({name: wanted[name] for name in WayOut.names if name in wanted})
