"""What stands around a workspace's contents: the resource manager, discovery, environments."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from modelship.testing.offline.app import Call
from modelship.testing.offline.exchange import RefusalError, json_object, json_response
from modelship.testing.offline.guard import Door

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.identity import Identity
    from modelship.testing.offline.store import Store

__all__ = ["ART", "ENV", "MMS", "WS", "Control", "Environments", "is_direct"]

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
            Call("packages.create", "POST", f"{MMS}/packages", self._refuse_package),
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

    @staticmethod
    def _refuse_package(_request: Request, **_scope: str) -> Response:
        message = "An offline workspace builds no packages: deploy the model as a service instead."
        raise RefusalError(501, "PackagesNotSupported", message)


class Environments:
    """The registered environments: each keeps its versions, and the same content its version.

    Parameters
    ----------
    store : Store
        Where they are kept, as documents ``name:version``.
    """

    def __init__(self, store: Store) -> None:
        self._documents = store.documents("environments")

    def calls(self) -> list[Call]:
        """Return what it answers."""
        # Names may contain slashes, and arrive unquoted: what follows them is found by hand.
        one = f"{ENV}/environments/<path:reference>"
        return [
            Call("environments.put", "PUT", one, self._put),
            Call("environments.get", "GET", one, self._get),
            Call("environments.list", "GET", f"{ENV}/environments", self._list),
        ]

    def _put(self, request: Request, *, reference: str, **_scope: str) -> Response:
        name, wanted = _split(reference)
        content = {key[:1].lower() + key[1:]: value for key, value in json_object(request).items()}
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        with self._documents.lock:
            versions = self._versions(name)
            same = [each for each in versions if each["digest"] == digest]
            if same and wanted in {None, same[0]["version"]}:
                return json_response(same[0]["environment"])
            version = wanted or str(1 + len(versions))
            environment = content | {"name": name, "version": version}
            kept = {"name": name, "version": version, "digest": digest, "environment": environment}
            self._documents.put(f"{name}:{version}", kept)
        return json_response(environment)

    def _get(self, _request: Request, *, reference: str, **_scope: str) -> Response:
        name, version = _split(reference)
        versions = self._versions(name)
        fits = [each for each in versions if version in {None, each["version"]}]
        if not fits:
            message = f"There is no environment {name}:{version or 'latest'}."
            raise RefusalError(404, "EnvironmentNotFound", message)
        return json_response(fits[-1]["environment"])

    def _list(self, _request: Request, **_scope: str) -> Response:
        newest = {each["name"]: each["environment"] for each in self._documents.all()}
        return json_response({"value": list(newest.values()), "continuationToken": None})

    def _versions(self, name: str) -> list[dict[str, Any]]:
        return [each for each in self._documents.all() if each["name"] == name]


def _split(reference: str) -> tuple[str, str | None]:
    """Return the name and version in ``name`` or ``name/versions/version``."""
    name, marker, version = reference.rstrip("/").rpartition("/versions/")
    return (name, version) if marker else (reference.rstrip("/"), None)


def _same(one: str, other: str) -> bool:
    """Compare two names as the resource manager does."""
    return one.casefold() == other.casefold()
