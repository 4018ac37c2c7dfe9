"""What stands around a workspace's contents: the resource manager and discovery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelship.testing.offline.app import Call
from modelship.testing.offline.exchange import RefusalError, json_response
from modelship.testing.offline.guard import Door

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.identity import Identity

__all__ = ["ART", "ENV", "MMS", "WS", "Control", "is_direct"]

_WORKSPACES = "providers/Microsoft.MachineLearningServices/workspaces"
_GROUP = "/subscriptions/<subscription>/resourceGroups/<group>"

WS = f"{_GROUP}/{_WORKSPACES}/<workspace>"
"""The path of a workspace in Azure's resource manager, as a rule of werkzeug's routing."""

MMS = f"/modelmanagement/v1.0{WS}"
"""Where the calls of the model management service begin: models, assets, services, operations."""

ART = f"/artifact/v2.0{WS}/artifacts"
"""Where the calls of the artifact service begin."""

ENV = f"/environment/v1.0{WS}"
"""Where the calls of the environment service begin."""

# What is read of https://management.azure.com/metadata/endpoints for the public cloud.
_PUBLIC_CLOUD: dict[str, Any] = {
    "name": "AzureCloud",
    "portal": "https://portal.azure.com",
    "resourceManager": "https://management.azure.com/",
    "authentication": {
        "loginEndpoint": "https://login.microsoftonline.com/",
        "audiences": ["https://management.core.windows.net/"],
        "tenant": "common",
        "identityProvider": "AAD",
    },
    "suffixes": {
        "storage": "core.windows.net",
        "keyVaultDns": "vault.azure.net",
        "acrLoginServer": "azurecr.io",
        "sqlServerHostname": "database.windows.net",
        "azureDataLakeStoreFileSystem": "azuredatalakestore.net",
        "azureDataLakeAnalyticsCatalogAndJob": "azuredatalakeanalytics.net",
    },
    "graph": "https://graph.windows.net/",
    "graphAudience": "https://graph.windows.net/",
    "batch": "https://batch.core.windows.net/",
    "media": "https://rest.media.azure.net",
    "gallery": "https://gallery.azure.com/",
    "sqlManagement": "https://management.core.windows.net:8443/",
    "vmImageAliasDoc": "",
    "activeDirectoryDataLake": "https://datalake.azure.net/",
}


def is_direct(request: Request) -> bool:
    """Tell whether a client spoke to 127.0.0.1, rather than to Azure's hosts through a proxy."""
    return request.host.split(":")[0] in {"127.0.0.1", "localhost"}


class Control:
    """Answers for the resource manager: which subscription, which workspace, and where it is.

    Parameters
    ----------
    identity : Identity
        The one workspace that there is.
    """

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def calls(self) -> list[Call]:
        """Return what it answers."""
        discovery = "/discovery/workspaces/<workspace_id>"
        return [
            Call("metadata.get", "GET", "/metadata/endpoints", self._metadata, Door.OPEN),
            Call("subscriptions.list", "GET", "/subscriptions", self._subscriptions),
            Call("workspaces.list", "GET", f"{_GROUP}/{_WORKSPACES}", self._list),
            Call("workspaces.get", "GET", WS, self._get),
            Call("discovery.get", "GET", discovery, self._discover, Door.OPEN),
        ]

    @staticmethod
    def _metadata(request: Request) -> Response:
        cloud = dict(_PUBLIC_CLOUD)
        if is_direct(request):
            login = cloud["authentication"] | {"loginEndpoint": request.host_url}
            cloud |= {"resourceManager": request.host_url, "authentication": login}
        return json_response([cloud])

    def _subscriptions(self, _request: Request) -> Response:
        ours = self._identity
        described = {
            "id": f"/subscriptions/{ours.subscription_id}",
            "subscriptionId": ours.subscription_id,
            "tenantId": ours.tenant_id,
            "displayName": "Offline workspace",
            "state": "Enabled",
        }
        return json_response({"value": [described]})

    def _list(self, request: Request, *, subscription: str, group: str) -> Response:
        self._check_group(subscription, group)
        return json_response({"value": [self._workspace(request)]})

    def _get(self, request: Request, *, subscription: str, group: str, workspace: str) -> Response:
        self._check_group(subscription, group)
        if not _same(workspace, self._identity.workspace_name):
            message = (
                f"The Resource 'Microsoft.MachineLearningServices/workspaces/{workspace}' under "
                f"resource group '{group}' was not found."
            )
            raise RefusalError(404, "ResourceNotFound", message)
        return json_response(self._workspace(request))

    def _check_group(self, subscription: str, group: str) -> None:
        if not _same(subscription, self._identity.subscription_id):
            message = f"The subscription '{subscription}' could not be found."
            raise RefusalError(404, "SubscriptionNotFound", message)
        if not _same(group, self._identity.resource_group):
            message = f"Resource group '{group}' could not be found."
            raise RefusalError(404, "ResourceGroupNotFound", message)

    def _workspace(self, request: Request) -> dict[str, Any]:
        ours = self._identity
        discovery = f"/discovery/workspaces/{ours.workspace_id}"
        return {
            "id": ours.path,
            "name": ours.workspace_name,
            "type": "Microsoft.MachineLearningServices/workspaces",
            "location": ours.location,
            "tags": {},
            "sku": {"name": "Basic", "tier": "Basic"},
            "properties": {
                "workspaceId": ours.workspace_id,
                "friendlyName": ours.workspace_name,
                "description": "",
                "provisioningState": "Succeeded",
                "discoveryUrl": self._base(request, "api.azureml.ms") + discovery,
            },
        }

    def _discover(self, request: Request, *, workspace_id: str) -> Response:
        if workspace_id != self._identity.workspace_id:
            message = f"There is no workspace with the id {workspace_id}."
            raise RefusalError(404, "WorkspaceNotFound", message)
        api = self._base(request, "api.azureml.ms")
        keys = ("api", "history", "experimentation", "hyperdrive", "pipelines", "notebooks")
        services = dict.fromkeys(keys, api)
        services["modelmanagement"] = self._base(request, "modelmanagement.azureml.net")
        services["studio"] = api if is_direct(request) else "https://ml.azure.com"
        return json_response(services)

    def _base(self, request: Request, domain: str) -> str:
        if is_direct(request):
            return request.host_url.rstrip("/")
        return f"https://{self._identity.location}.{domain}"


def _same(one: str, other: str) -> bool:
    """Compare two names as the resource manager does."""
    return one.casefold() == other.casefold()
