"""The addresses of the clouds of Azure, and of an offline workspace."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from modelship.errors import InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.workspace.access import Access

__all__ = ["Cloud"]

_VARIABLE: Final = "AZUREML_CURRENT_CLOUD"  # azure-ai-ml reads it, too


@dataclass(frozen=True)
class Cloud:
    """Where the services of a cloud are.

    Attributes
    ----------
    name : str
        Its name, as in ``az cloud list``.
    resource_manager : str
        The URL of Azure Resource Manager, without a slash at the end.
    ml_audience : str
        The audience of tokens for scoring.
    storage_suffix : str
        What follows ``.blob.`` in the hosts of storage accounts.
    registry_discovery : str
        The URL of the service that finds registries.
    """

    name: str
    resource_manager: str
    ml_audience: str
    storage_suffix: str
    registry_discovery: str

    @classmethod
    def current(cls, environ: Mapping[str, str] = os.environ) -> Cloud:
        """Return the cloud that ``AZUREML_CURRENT_CLOUD`` names; Azure's public one without it.

        Raises
        ------
        InvalidOptionError
            If it names another than the public ones.
        """
        name = environ.get(_VARIABLE) or "AzureCloud"
        if name not in _CLOUDS:
            raise InvalidOptionError(_VARIABLE, name, f"one of {', '.join(_CLOUDS)}")
        return _CLOUDS[name]

    @classmethod
    def offline(cls, access: Access) -> Cloud:
        """Return the cloud of an offline workspace, whose name no other workspace has."""
        port = urlsplit(access.endpoint).port
        name = f"Offline{access.workspace_id.replace('-', '')}{port}"
        manager = access.endpoint.rstrip("/")
        return cls(name, manager, "https://ml.azure.com", "core.windows.net", manager)

    @classmethod
    def at(cls, resource_manager: str) -> Cloud:
        """Return the cloud with this resource manager, one of Azure's or another."""
        known = {each.resource_manager: each for each in _CLOUDS.values()}
        other = replace(_CLOUDS["AzureCloud"], name="other", resource_manager=resource_manager)
        return known.get(resource_manager, other)

    @property
    def scope(self) -> str:
        """The scope of tokens for Azure Resource Manager."""
        return f"{self.resource_manager}/.default"


_CLOUDS: Final = {
    each.name: each
    for each in (
        Cloud(
            "AzureCloud",
            "https://management.azure.com",
            "https://ml.azure.com",
            "core.windows.net",
            "https://eastus.api.azureml.ms",
        ),
        Cloud(
            "AzureChinaCloud",
            "https://management.chinacloudapi.cn",
            "https://ml.azure.cn",
            "core.chinacloudapi.cn",
            "https://chinaeast2.api.ml.azure.cn",
        ),
        Cloud(
            "AzureUSGovernment",
            "https://management.usgovcloudapi.net",
            "https://ml.azure.us",
            "core.usgovcloudapi.net",
            "https://usgovarizona.api.ml.azure.us",
        ),
    )
}
