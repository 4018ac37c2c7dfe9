"""The environment variables that lead code written for Azure ML to an offline workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from modelship.testing.offline.login import ServicePrincipal

__all__ = ["variables"]

_LOOPBACK = "127.0.0.1,localhost,::1"


def variables(
    principal: ServicePrincipal, *, proxy: str, bundle: Path, folder: Path
) -> dict[str, str]:
    """Return the variables, by name.

    Parameters
    ----------
    principal : ServicePrincipal
        Whom the SDK signs in as.
    proxy : str
        The URL of the proxy that leads Azure's hosts to the workspace.
    bundle : Path
        The certificates to trust; PEM.
    folder : Path
        Where the SDK keeps sign-ins: apart from those of the person who uses it.
    """
    to_proxy = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY"), proxy) | {"NO_PROXY": _LOOPBACK}
    return {
        **to_proxy,
        # Clients differ in which of the two they read first.
        **{name.lower(): value for name, value in to_proxy.items()},
        "REQUESTS_CA_BUNDLE": str(bundle),
        "SSL_CERT_FILE": str(bundle),  # what urllib reads, and with it azureml-telemetry
        # Without it the SDK asks Azure what clouds there are, as soon as it is imported.
        "AZUREML_CURRENT_CLOUD": "AzureCloud",
        "AZUREML_SERVICE_PRINCIPAL_TENANT_ID": principal.tenant_id,
        "AZUREML_SERVICE_PRINCIPAL_ID": principal.client_id,
        "AZUREML_SERVICE_PRINCIPAL_PASSWORD": principal.client_secret,
        "AZUREML_LOG_DEPRECATION_WARNING_ENABLED": "False",
        "AZURE_CONFIG_DIR": str(folder),
        "AZUREML_AUTH_CONFIG_DIR": str(folder),
    }
