"""The compute targets of a workspace: names with documents; this machine stands for them all."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.control import WS
from modelship.testing.offline.json_exchange import RefusalError, filled, json_response, optional
from modelship.testing.offline.moments import moment
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.service_requests import bad

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.offline_context import Context

__all__ = ["Computes", "most_nodes"]

# The defaults of AksCompute.provisioning_configuration().
_AKS: Final = {
    "agentCount": 3,
    "agentVmSize": "Standard_D3_v2",
    "clusterPurpose": "FastProd",
    "loadBalancerType": "PublicIp",
    "loadBalancerSubnet": None,
}
# The defaults of AmlCompute.provisioning_configuration().
_AML: Final = {
    "vmSize": "Standard_NC6",
    "vmPriority": "Dedicated",
    "subnet": None,
    "remoteLoginPortPublicAccess": "NotSpecified",
}
_SCALE: Final = {
    "minNodeCount": 0,
    "maxNodeCount": 1,
    "nodeIdleTimeBeforeScaleDown": "PT1800S",
}
_NODES: Final = ("preparing", "running", "idle", "unusable", "leaving", "preempted")

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,15}")
_SHAPE: Final = {
    "location": optional(str),
    "tags": optional(dict),
    "properties": {
        "computeType": str,
        "description": optional(str),
        "resourceId": optional(str),
        "computeLocation": optional(str),
        "properties": optional(dict),
    },
}
# The SDK writes to the resource manager, and reads from the resource provider.
_EVERY: Final = f"{WS}/computes"
_ONE: Final = f"{_EVERY}/<name>"
_READ: Final = f"/rp/workspaces{_EVERY}"
_SCALED: Final = {"properties": {"properties": {"scaleSettings": dict}}}
_OPERATIONS: Final = (
    "/subscriptions/<subscription>/providers/Microsoft.MachineLearningServices"
    "/locations/<location>/computeOperationsStatus/<operation>"
)


class Computes(Part):
    """Handles the compute targets; creating one takes no time and starts nothing."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._documents = context.store.documents("computes")

    @answers("computes.put", "PUT", _ONE, shape=_SHAPE)
    def _put(self, request: Request, body: dict[str, Any], name: str) -> Response:
        older = self._documents.get(name)
        if older is None and not _NAME.fullmatch(name):
            raise bad("The name of a compute target has 2 to 16 letters, digits and dashes.")
        document = self._document(name, body)
        if older is not None and _type(older) != _type(document):
            raise bad(f"The compute target {name} is of type {_type(older)}; use another name.")
        self._documents.put(name, document)
        status = 201 if older is None else 200
        return self._accepted(request, document, status=status)

    @answers("computes.update", "PATCH", _ONE, shape=_SCALED)
    def _update(self, request: Request, body: dict[str, Any], name: str) -> Response:
        """Change the number of nodes of a cluster, the only thing that the SDK changes."""
        with self._documents.lock:
            document = self._get(name)
            if _type(document) != "AmlCompute":
                raise bad(f"The compute target {name} is not an AmlCompute, and cannot be changed.")
            scale = body["properties"]["properties"]["scaleSettings"]
            document["properties"]["properties"]["scaleSettings"] = scale
            document["properties"]["modifiedOn"] = moment()
            self._documents.put(name, document)
        return self._accepted(request, document, status=200)

    def _document(self, name: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
        asked = wanted["properties"]
        properties_of = _TYPES.get(asked["computeType"])
        if properties_of is None:
            raise bad(
                f"An offline workspace has no compute of type {asked['computeType']}; "
                f"it has {', '.join(sorted(_TYPES))}."
            )
        now = moment()
        location = wanted.get("location") or self._identity.location
        return {
            "id": f"{self._identity.path}/computes/{name}",
            "name": name,
            "type": "Microsoft.MachineLearningServices/workspaces/computes",
            "location": location,
            "tags": wanted.get("tags") or {},
            "properties": {
                "computeType": asked["computeType"],
                "computeLocation": asked.get("computeLocation") or location,
                "description": asked.get("description"),
                "resourceId": asked.get("resourceId"),
                "isAttachedCompute": bool(asked.get("resourceId")),
                "provisioningState": "Succeeded",
                "provisioningErrors": None,
                "createdOn": now,
                "modifiedOn": now,
                "properties": properties_of(asked.get("properties") or {}),
            },
        }

    @answers("computes.get", "GET", _ONE)
    @answers("computes.read", "GET", f"{_READ}/<name>")
    def _get(self, name: str) -> dict[str, Any]:
        message = f"There is no compute target {name} in this workspace."
        return self._documents.require(name, "ComputeNotFound", message)

    @answers("computes.list", "GET", _EVERY)
    @answers("computes.read-all", "GET", _READ)
    def _list(self) -> dict[str, Any]:
        return {"value": self._documents.all()}

    @answers("computes.delete", "DELETE", _ONE)
    def _delete(self, request: Request, name: str) -> Response:
        document = self._get(name)
        self._documents.delete(name)
        return self._accepted(request, document, status=202)

    @answers("computes.keys", "POST", f"{_ONE}/listKeys")
    def _refuse_keys(self, name: str) -> None:
        self._get(name)
        message = f"The compute target {name} is this machine, and has no separate credentials."
        raise RefusalError(501, "NoCredentials", message)

    def _accepted(self, request: Request, document: dict[str, Any], *, status: int) -> Response:
        """Return a response with the address of an operation, on the host that the client used.

        The operation has succeeded: there is nothing to wait for.
        """
        ours = self._identity
        place = _OPERATIONS.replace("<subscription>", ours.subscription_id)
        place = place.replace("<location>", ours.location).replace("<operation>", str(uuid.uuid4()))
        address = f"{request.host_url.rstrip('/')}{place}"
        return json_response(document, status=status, Azure_AsyncOperation=address)

    @staticmethod
    @answers("computes.operation", "GET", _OPERATIONS)
    def _operation(operation: str) -> dict[str, str]:
        return {"name": operation, "status": "Succeeded"}


def _type(document: Mapping[str, Any]) -> str:
    return str(document["properties"]["computeType"])


def _aks_cluster(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of a Kubernetes cluster, without the keys of its certificates."""
    return {
        **filled(asked, _AKS),
        "clusterFqdn": "127.0.0.1",
        "systemServices": [],
        "sslConfiguration": {**_object(asked, "sslConfiguration", status="Disabled"), "key": None},
    }


def _aml_cluster(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of an AmlCompute: it has no nodes; this machine runs its scripts."""
    return {
        **filled(asked, _AML),
        "scaleSettings": {**_SCALE, **_object(asked, "scaleSettings")},
        "allocationState": "Steady",
        "allocationStateTransitionTime": moment(),
        "currentNodeCount": 0,
        "targetNodeCount": 0,
        "nodeStateCounts": {f"{name}NodeCount": 0 for name in _NODES},
        "errors": None,
    }


def most_nodes(cluster: Mapping[str, Any]) -> int:
    """Return the maximum number of scripts that run on an AmlCompute at once."""
    most = _object(cluster["properties"]["properties"], "scaleSettings").get("maxNodeCount")
    return most if isinstance(most, int) and most > 0 else 1


def _object(asked: Mapping[str, Any], name: str, **default: Any) -> dict[str, Any]:
    found = asked.get(name)
    return found if isinstance(found, dict) else default


# The functions that return the properties that the SDK reads of each compute type, from those of
# the request; missing ones get Azure's defaults.
_TYPES: Final[Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    "AKS": _aks_cluster,
    "AmlCompute": _aml_cluster,
}
