"""The services around a workspace's contents: the resource manager and discovery."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelship.testing.offline.json_exchange import RefusalError, check_shape, optional
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.request_guard import Door
from modelship.testing.offline.resource_scope import check_scope, same_name
from modelship.testing.offline.v2.offline_cloud import arm_metadata

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

    from modelship.testing.offline.identity import Identity
    from modelship.testing.offline.offline_context import Context

__all__ = ["ART", "ENV", "MMS", "PUBLIC_CLOUD", "WS", "Control", "is_direct"]

_KIND = "Microsoft.MachineLearningServices/workspaces"
_SUBSCRIPTION = "/subscriptions/<subscription>"
_GROUP = f"{_SUBSCRIPTION}/resourceGroups/<group>"
_WORKSPACES = f"{_GROUP}/providers/{_KIND}"

WS = f"{_WORKSPACES}/<workspace>"
"""The path of a workspace in Azure's resource manager, as a rule of werkzeug's routing."""

MMS = f"/modelmanagement/v1.0{WS}"
"""The prefix of calls of the model management service: models, assets, services, operations."""

ART = f"/artifact/v2.0{WS}/artifacts"
"""The prefix of calls of the artifact service."""

ENV = f"/environment/v1.0{WS}"
"""The prefix of calls of the environment service."""

PUBLIC_CLOUD: dict[str, Any] = json.loads(
    Path(__file__).with_name("public_cloud.json").read_text(encoding="utf-8")
)
"""The fields read from https://management.azure.com/metadata/endpoints, and names of regions."""

# The format of azure-mgmt-resource.
_LOWER_GROUP = f"{_SUBSCRIPTION}/resourcegroups/<group>"
# The first request of the SDK when it has to create a workspace.
_DEPLOYMENTS = f"{_SUBSCRIPTION}/providers/Microsoft.Resources/deployments"
_UPDATE = {"properties": optional(dict), "tags": optional(dict)}
_CHANGEABLE = {"friendlyName": optional(str), "description": optional(str)}
_FILTER_OF_GROUP = re.compile(r"resourceGroup eq '([^']*)'")
_ONE = (
    "An offline workspace is the only one in its subscription: open it with "
    "Workspace.from_config(), or name {name!r} in the resource group {group!r} with exist_ok=True. "
    "For another one, start `modelship azureml-offline` with another folder."
)


def is_direct(request: Request) -> bool:
    """Return whether a client connected to 127.0.0.1, not to Azure's hosts through a proxy."""
    return request.host.split(":")[0] in {"127.0.0.1", "localhost"}


def service_base(request: Request, identity: Identity, domain: str) -> str:
    """Return the base URL of the workspace's services: a domain of Azure, or 127.0.0.1."""
    if is_direct(request):
        return request.host_url.rstrip("/")
    return f"https://{identity.location}.{domain}"


def storage_base(request: Request, identity: Identity) -> str:
    """Return the base URL of the workspace's storage: that of Azure, or 127.0.0.1."""
    return request.host_url.rstrip("/") if is_direct(request) else identity.storage_url


class Control(Part):
    """The only cloud, subscription, resource group and workspace, and where its services are.

    The description, friendly name and tags of the workspace can be changed.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._documents = context.store.documents("workspaces")

    @answers("metadata.get", "GET", "/metadata/endpoints", door=Door.OPEN)
    def _metadata(self, request: Request) -> list[dict[str, Any]]:
        cloud = dict(PUBLIC_CLOUD["endpoints"])
        if is_direct(request):
            login = cloud["authentication"] | {"loginEndpoint": request.host_url}
            cloud |= {"resourceManager": request.host_url, "authentication": login}
            return [cloud, arm_metadata(self._identity, PUBLIC_CLOUD["endpoints"])]
        return [cloud]

    @answers("discovery.get", "GET", "/discovery/workspaces/<workspace_id>", door=Door.OPEN)
    def _discover(self, request: Request, workspace_id: str) -> dict[str, str]:
        if workspace_id != self._identity.workspace_id:
            message = f"There is no workspace with the id {workspace_id}."
            raise RefusalError(404, "WorkspaceNotFound", message)
        api = service_base(request, self._identity, "api.azureml.ms")
        keys = ("api", "history", "experimentation", "hyperdrive", "pipelines", "notebooks")
        services = dict.fromkeys(keys, api)
        management = "modelmanagement.azureml.net"
        services["modelmanagement"] = service_base(request, self._identity, management)
        services["studio"] = api if is_direct(request) else "https://ml.azure.com"
        return services

    @answers("subscriptions.list", "GET", "/subscriptions")
    def _subscriptions(self) -> dict[str, Any]:
        ours = self._identity
        described = {
            "id": f"/subscriptions/{ours.subscription_id}",
            "subscriptionId": ours.subscription_id,
            "tenantId": ours.tenant_id,
            "displayName": "Offline workspace",
            "state": "Enabled",
        }
        return {"value": [described]}

    @answers("providers.get", "GET", f"{_SUBSCRIPTION}/providers/{_KIND.partition('/')[0]}")
    def _provider(self, subscription: str) -> dict[str, Any]:
        self._check(subscription)
        # A script that ensures that its workspace exists names a region, which is checked first.
        kinds = [{"resourceType": "workspaces", "locations": PUBLIC_CLOUD["locations"]}]
        return {"namespace": _KIND.partition("/")[0], "resourceTypes": kinds}

    @answers("resources.list", "GET", f"{_SUBSCRIPTION}/resources")
    def _resources(self, request: Request, subscription: str) -> dict[str, Any]:
        """List the only resource, the workspace; a filter may name the group."""
        self._check(subscription)
        group = _FILTER_OF_GROUP.search(request.args.get("$filter", ""))
        fits = group is None or same_name(group[1], self._identity.resource_group)
        return {"value": [self._workspace(request)] if fits else []}

    @answers("groups.get", "GET", _LOWER_GROUP)
    def _group(self, subscription: str, group: str) -> dict[str, Any]:
        self._check(subscription)
        if not same_name(group, self._identity.resource_group):
            self._refuse_another()  # where a 404 would make the SDK ask whether to create it
        ours = self._identity
        identifier = f"/subscriptions/{ours.subscription_id}/resourceGroups/{ours.resource_group}"
        group_document = {"id": identifier, "name": ours.resource_group, "location": ours.location}
        return group_document | {"properties": {"provisioningState": "Succeeded"}}

    @answers("groups.create", "PUT", _LOWER_GROUP)
    @answers("deployments.list", "GET", _DEPLOYMENTS)
    def _refuse_another(self) -> None:
        ours = self._identity
        message = _ONE.format(name=ours.workspace_name, group=ours.resource_group)
        raise RefusalError(400, "NotInOfflineWorkspace", message)

    @answers("workspaces.list", "GET", _WORKSPACES)
    def _list(self, request: Request, scope: dict[str, str]) -> dict[str, Any]:
        self._check(**scope)
        return {"value": [self._workspace(request)]}

    @answers("workspaces.get", "GET", WS)
    def _get(self, request: Request, scope: dict[str, str]) -> dict[str, Any]:
        self._check(**scope)
        return self._workspace(request)

    @answers("workspaces.update", "PATCH", WS, shape=_UPDATE)
    def _update(
        self, request: Request, scope: dict[str, str], body: dict[str, Any]
    ) -> dict[str, Any]:
        self._check(**scope)
        properties = body.get("properties") or {}
        check_shape(properties, _CHANGEABLE)
        wanted = {name: properties.get(name) for name in _CHANGEABLE} | {"tags": body.get("tags")}
        changed = {name: value for name, value in wanted.items() if value is not None}
        with self._documents.lock:
            self._documents.put("own", self._own() | changed)
        return self._workspace(request)

    def _own(self) -> dict[str, Any]:
        return self._documents.get("own") or {"tags": {}}

    def _check(self, subscription: str, group: str = "", workspace: str = "") -> None:
        check_scope(self._identity, subscription, group, workspace)

    def _workspace(self, request: Request) -> dict[str, Any]:
        ours, own = self._identity, self._own()
        discovery = f"/discovery/workspaces/{ours.workspace_id}"
        return {
            "id": ours.path,
            "name": ours.workspace_name,
            "type": _KIND,
            "kind": "Default",  # SDK v2 fails to list other kinds without it
            "location": ours.location,
            "tags": own["tags"],
            "sku": {"name": "Basic", "tier": "Basic"},
            "properties": {
                "workspaceId": ours.workspace_id,
                "friendlyName": own.get("friendlyName", ours.workspace_name),
                "description": own.get("description", ""),
                "provisioningState": "Succeeded",
                "systemDatastoresAuthMode": "accesskey"
                if self._context.shared_keys
                else "identity",
                "discoveryUrl": service_base(request, ours, "api.azureml.ms") + discovery,
            },
        }
