"""The compute targets of a workspace: names with documents; this machine stands for them all."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.clusters import aks_cluster, aml_cluster
from modelship.testing.offline.control import WS
from modelship.testing.offline.json_exchange import RefusalError, json_object, json_response
from modelship.testing.offline.moments import moment
from modelship.testing.offline.offline_app import Call
from modelship.testing.offline.shapes import optional

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.document_store import Store
    from modelship.testing.offline.identity import Identity

__all__ = ["Computes"]

# Converts the requested properties of each compute type.
_TYPES: Final[Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    "AKS": aks_cluster,
    "AmlCompute": aml_cluster,
}

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
_OPERATIONS: Final = (
    "/subscriptions/<subscription>/providers/Microsoft.MachineLearningServices"
    "/locations/<location>/computeOperationsStatus/<operation>"
)


class Computes:
    """Handles the compute targets; creating one takes no time and starts nothing.

    Parameters
    ----------
    store : Store
        Where they are stored, as documents by name.
    identity : Identity
        The workspace that they belong to.
    """

    def __init__(self, store: Store, identity: Identity) -> None:
        self._documents = store.documents("computes")
        self._identity = identity

    def calls(self) -> list[Call]:
        """Return the calls that it answers."""
        # The SDK writes to the resource manager, and reads from the resource provider.
        place, reading = f"{WS}/computes", f"/rp/workspaces{WS}/computes"
        one = f"{place}/<name>"
        return [
            Call("computes.put", "PUT", one, self._put),
            Call("computes.update", "PATCH", one, self._update),
            Call("computes.get", "GET", one, self._get),
            Call("computes.list", "GET", place, self._list),
            Call("computes.delete", "DELETE", one, self._delete),
            Call("computes.keys", "POST", f"{one}/listKeys", self._refuse_keys),
            Call("computes.read", "GET", f"{reading}/<name>", self._get),
            Call("computes.read-all", "GET", reading, self._list),
            Call("computes.operation", "GET", _OPERATIONS, self._operation),
        ]

    def _put(self, request: Request, *, name: str, **_scope: str) -> Response:
        wanted = json_object(request, _SHAPE)
        older = self._documents.get(name)
        if older is None and not _NAME.fullmatch(name):
            raise _bad("The name of a compute target has 2 to 16 letters, digits and dashes.")
        document = self._document(name, wanted)
        if older is not None and _type(older) != _type(document):
            raise _bad(f"The compute target {name} is of type {_type(older)}; take another name.")
        self._documents.put(name, document)
        status = 201 if older is None else 200
        return self._accepted(request, document, status=status)

    def _update(self, request: Request, *, name: str, **_scope: str) -> Response:
        """Change the number of nodes of a cluster, the only thing that the SDK changes."""
        wanted = json_object(request, {"properties": {"properties": {"scaleSettings": dict}}})
        with self._documents.lock:
            document = self._require(name)
            if _type(document) != "AmlCompute":
                raise _bad(f"The compute target {name} is no AmlCompute, and cannot be changed.")
            scale = wanted["properties"]["properties"]["scaleSettings"]
            document["properties"]["properties"]["scaleSettings"] = scale
            document["properties"]["modifiedOn"] = moment()
            self._documents.put(name, document)
        return self._accepted(request, document, status=200)

    def _document(self, name: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
        asked = wanted["properties"]
        properties_of = _TYPES.get(asked["computeType"])
        if properties_of is None:
            raise _bad(
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

    def _get(self, _request: Request, *, name: str, **_scope: str) -> Response:
        return json_response(self._require(name))

    def _list(self, _request: Request, **_scope: str) -> Response:
        return json_response({"value": self._documents.all()})

    def _delete(self, request: Request, *, name: str, **_scope: str) -> Response:
        document = self._require(name)
        self._documents.delete(name)
        return self._accepted(request, document, status=202)

    def _refuse_keys(self, _request: Request, *, name: str, **_scope: str) -> Response:
        self._require(name)
        message = f"The compute target {name} is this machine, and has no credentials of its own."
        raise RefusalError(501, "NoCredentials", message)

    def _require(self, name: str) -> dict[str, Any]:
        document = self._documents.get(name)
        if document is None:
            message = f"There is no compute target {name} in this workspace."
            raise RefusalError(404, "ComputeNotFound", message)
        return document

    def _accepted(self, request: Request, document: dict[str, Any], *, status: int) -> Response:
        """Return a response with the address of an operation, on the host that the client used.

        The operation has succeeded: there is nothing to wait for.
        """
        place = (
            f"/subscriptions/{self._identity.subscription_id}/providers/"
            f"Microsoft.MachineLearningServices/locations/{self._identity.location}"
            f"/computeOperationsStatus/{uuid.uuid4()}"
        )
        address = f"{request.host_url.rstrip('/')}{place}"
        return json_response(document, status=status, Azure_AsyncOperation=address)

    @staticmethod
    def _operation(_request: Request, *, operation: str, **_scope: str) -> Response:
        return json_response({"name": operation, "status": "Succeeded"})


def _type(document: Mapping[str, Any]) -> str:
    return str(document["properties"]["computeType"])


def _bad(message: str) -> RefusalError:
    return RefusalError(400, "BadArgument", message)
