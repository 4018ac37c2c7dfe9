"""The stored documents of managed online endpoints, and what clients see of them.

A deployment is stored among the services, as what the workspace builds and runs; its ARM document
is in the field :data:`ARM`. The documents of endpoints have a collection of their own. Their keys
begin with ``online:``, so that an endpoint may have the name of a service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.targets.state import State
from modelship.testing.offline.moments import moment
from modelship.testing.offline.service_documents import MANAGED, OWN, new_key

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ARM",
    "arm_state",
    "deployment_key",
    "front_name",
    "new_deployment",
    "new_endpoint",
    "shares",
    "shown_deployment",
    "shown_endpoint",
    "system_data",
]

ARM: Final = "arm"
"""The field of a deployment with its document in Azure's resource manager, as it was requested."""

_KIND: Final = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
_PROBE: Final = {
    "initialDelay": "PT10S",
    "period": "PT10S",
    "timeout": "PT2S",
    "successThreshold": 1,
    "failureThreshold": 30,
}
_REQUESTS: Final = {
    "maxConcurrentRequestsPerInstance": 1,
    "requestTimeout": "PT5S",
    "maxQueueWait": "PT0.5S",
}
_DEFAULTS: Final[dict[str, Any]] = {
    "endpointComputeType": "Managed",
    "instanceType": "Standard_DS3_v2",
    "appInsightsEnabled": False,
    "egressPublicNetworkAccess": "Enabled",
    "environmentVariables": {},
}
_NESTED: Final[dict[str, dict[str, Any]]] = {
    "requestSettings": _REQUESTS,
    "livenessProbe": _PROBE,
    "readinessProbe": _PROBE,
    "scaleSettings": {"scaleType": "Default"},
}


def front_name(endpoint: str) -> str:
    """Return the key of an endpoint's document, which is also the name of its front."""
    return f"online:{endpoint}"


def deployment_key(endpoint: str, name: str) -> str:
    """Return the key of the document of a deployment."""
    return f"{front_name(endpoint)}.{name}"


def new_endpoint(
    name: str, wanted: Mapping[str, Any], *, before: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the document of an endpoint that is created, or changed from `before`."""
    now = moment()
    keys = {field: new_key() for field in ("primaryKey", "secondaryKey")}
    own = before[OWN] if before else {"keys": keys, "port": None, "operation": "", "created": now}
    return {
        "name": name,
        # Of all endpoints in SDK v1's format, and of their routes.
        "computeType": MANAGED,
        "kvTags": wanted.get("tags") or {},
        "properties": wanted.get("properties") or {},
        "identity": wanted.get("identity") or {"type": "SystemAssigned"},
        "location": wanted.get("location"),
        OWN: {**own, "changed": now},
    }


def shown_endpoint(
    document: Mapping[str, Any], *, workspace: str, location: str, scoring_uri: str
) -> dict[str, Any]:
    """Return what a client sees of an endpoint; `workspace` is the id of its workspace."""
    given, own = document["properties"], document[OWN]
    base = scoring_uri.removesuffix("/score")
    return {
        "id": f"{workspace}/onlineEndpoints/{document['name']}",
        "name": document["name"],
        "type": _KIND,
        "kind": "Managed",
        "location": document["location"] or location,
        "tags": document["kvTags"],
        "identity": document["identity"],
        "systemData": system_data(own["created"], own["changed"]),
        "properties": {
            "authMode": "Key",
            "publicNetworkAccess": "Enabled",
            "description": "",
            **given,
            "properties": dict(given.get("properties") or {}),
            "traffic": given.get("traffic") or {},
            "mirrorTraffic": given.get("mirrorTraffic") or {},
            "scoringUri": scoring_uri,
            "swaggerUri": f"{base}/swagger.json",
            "provisioningState": own.get("state") or "Succeeded",
        },
    }


def new_deployment(
    endpoint: str,
    name: str,
    wanted: Mapping[str, Any],
    *,
    request: Mapping[str, Any],
    resources: tuple[float, float],
    before: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return the document of a deployment that is created, or changed from `before`.

    Parameters
    ----------
    endpoint, name : str
        The names of the endpoint and of the deployment.
    wanted : Mapping[str, Any]
        The body of the request.
    request : Mapping[str, Any]
        What to run, in the format of SDK v1: an image request.
    resources : tuple of float
        The cores, and the memory in GB, of an instance.
    before : Mapping[str, Any], optional
        The present document.
    """
    now, (cores, memory_gb) = moment(), resources
    own = before[OWN] if before else {"keys": _NO_KEYS, "port": None, "operation": ""}
    return {
        "id": name,
        "name": name,
        "computeType": MANAGED,
        "state": str(State.TRANSITIONING),
        "error": None,
        "scoringUri": None,
        "createdTime": before["createdTime"] if before else now,
        "updatedTime": now,
        "kvTags": wanted.get("tags") or {},
        "properties": {},
        "description": "",
        "authEnabled": True,
        "appInsightsEnabled": bool((wanted.get("properties") or {}).get("appInsightsEnabled")),
        "environmentImageRequest": dict(request),
        "containerResourceRequirements": {"cpu": cores, "memoryInGB": memory_gb},
        "numReplicas": _instances(wanted),
        ARM: {field: wanted.get(field) for field in ("location", "tags", "sku", "properties")},
        OWN: {**own, "endpoint": front_name(endpoint)},
    }


_NO_KEYS: Final = {"primaryKey": "", "secondaryKey": ""}  # those of the endpoint are used


def shown_deployment(
    document: Mapping[str, Any], *, workspace: str, location: str, state: str
) -> dict[str, Any]:
    """Return what a client sees of a deployment; `state` is its provisioning state."""
    given = document[ARM]
    endpoint = document[OWN]["endpoint"].partition(":")[2]
    asked = given.get("properties") or {}
    nested = {field: {**full, **(asked.get(field) or {})} for field, full in _NESTED.items()}
    return {
        "id": f"{workspace}/onlineEndpoints/{endpoint}/deployments/{document['name']}",
        "name": document["name"],
        "type": f"{_KIND}/deployments",
        "kind": "Managed",
        "location": given.get("location") or location,
        "tags": document["kvTags"],
        "sku": {"name": "Default", "tier": "Standard", "capacity": _instances(given)},
        "systemData": system_data(document["createdTime"], document["updatedTime"]),
        "properties": {
            **_DEFAULTS,
            **asked,
            **nested,
            "properties": dict(asked.get("properties") or {}),
            "provisioningState": state,
        },
    }


def arm_state(operation_state: str, *, is_new: bool) -> str:
    """Return the provisioning state of a resource whose last operation is in this state."""
    if operation_state == "Succeeded":
        return "Succeeded"
    if operation_state in {"NotStarted", "Running"}:
        return "Creating" if is_new else "Updating"
    return "Canceled" if operation_state == "Cancelled" else "Failed"


def shares(document: Mapping[str, Any], field: str) -> dict[str, float]:
    """Return ``traffic`` or ``mirrorTraffic`` of an endpoint: percent, by deployment."""
    found = document["properties"].get(field) or {}
    return {name: share for name, share in found.items() if share}


def _instances(document: Mapping[str, Any]) -> int:
    return int((document.get("sku") or {}).get("capacity") or 1)


def system_data(created: str, changed: str) -> dict[str, str]:
    """Return when a resource was created and changed, as the SDK reads it."""
    by = {"createdBy": "offline", "createdByType": "Application"}
    by |= {"lastModifiedBy": "offline", "lastModifiedByType": "Application"}
    return {**by, "createdAt": created, "lastModifiedAt": changed}
