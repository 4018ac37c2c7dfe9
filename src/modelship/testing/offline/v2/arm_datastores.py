"""Datastores as resources, for Azure ML's SDK v2; their documents are those of SDK v1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.control import WS
from modelship.testing.offline.json_exchange import RefusalError, check_shape, optional
from modelship.testing.offline.offline_app import Part, answers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.wrappers import Request

    from modelship.testing.offline.data.datastores import Datastores
    from modelship.testing.offline.offline_context import Context

__all__ = ["ArmDatastores"]

_EVERY: Final = f"{WS}/datastores"
_ONE: Final = f"{_EVERY}/<name>"
_TYPE: Final = "Microsoft.MachineLearningServices/workspaces/datastores"
_NAMES_OF_CONTAINERS: Final = {"AzureBlob": "containerName", "AzureFile": "fileShareName"}
_KINDS: Final = {"AccountKey": "key", "Sas": "sasToken"}
_SHAPE: Final = {
    "properties": {
        "datastoreType": str,
        "accountName": str,
        "credentials": optional(dict),
        "endpoint": optional(str),
        "protocol": optional(str),
    }
}


class ArmDatastores(Part):
    """The datastores of a workspace, whichever SDK registered them."""

    def __init__(self, context: Context, datastores: Datastores) -> None:
        super().__init__(context)
        self._datastores = datastores

    @answers("v2-datastores.list", "GET", _EVERY)
    def _list(self, request: Request) -> dict[str, Any]:
        found = [self._document(each) for each in self._datastores.every(request)]
        if request.args.get("isDefault", "").lower() == "true":
            found = [each for each in found if each["properties"]["isDefault"]]
        return {"value": found}

    @answers("v2-datastores.get", "GET", _ONE)
    def _get(self, request: Request, name: str) -> dict[str, Any]:
        return self._document(self._find(request, name))

    @answers("v2-datastores.put", "PUT", _ONE, shape=_SHAPE)
    def _put(self, request: Request, name: str, body: dict[str, Any]) -> dict[str, Any]:
        self._datastores.register(request, _wanted(name, body["properties"]))
        return self._get(request, name)

    @answers("v2-datastores.delete", "DELETE", _ONE)
    def _delete(self, name: str) -> None:
        self._datastores.remove(name)

    @answers("v2-datastores.secrets", "POST", f"{_ONE}/listSecrets")
    def _secrets(self, request: Request, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the key, or a signature that expires, as the client asks."""
        section = self._find(request, name)["azureStorageSection"]
        kind = str(section.get("credentialType"))
        if kind not in _KINDS:
            message = f"The datastore {name} has no secret: it is used with the caller's identity."
            raise RefusalError(400, "BadArgument", message)
        is_own = section["accountName"] == self._identity.storage_account
        if is_own and body.get("expirableSecret"):
            sign = self._context.guard.signed_container
            return {
                "secretsType": "Sas",
                "sasToken": sign(section["containerName"], permissions="racwdl"),
            }
        return {"secretsType": kind, _KINDS[kind]: section.get("credential")}

    def _find(self, request: Request, name: str) -> dict[str, Any]:
        try:
            return self._datastores.find(request, name)
        except RefusalError as refusal:
            raise RefusalError(404, "NotFound", refusal.message) from None

    def _document(self, datastore: Mapping[str, Any]) -> dict[str, Any]:
        section, kind = datastore["azureStorageSection"], datastore["dataStoreType"]
        credentials = str(section.get("credentialType"))
        name = datastore["name"]
        return {
            "id": f"{self._identity.path}/datastores/{name}",
            "name": name,
            "type": _TYPE,
            "properties": {
                "description": None,
                "tags": {},
                "properties": {},
                "datastoreType": kind,
                "accountName": section["accountName"],
                _NAMES_OF_CONTAINERS[kind]: section["containerName"],
                "endpoint": section.get("endpoint") or "core.windows.net",
                "protocol": section.get("protocol") or "https",
                "isDefault": self._datastores.is_default(name),
                "credentials": {
                    "credentialsType": credentials if credentials in _KINDS else "None"
                },
            },
        }


def _wanted(name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return a datastore in SDK v1's format."""
    kind = properties["datastoreType"]
    field = _NAMES_OF_CONTAINERS.get(kind, "containerName")
    check_shape(properties, {field: str} if kind in _NAMES_OF_CONTAINERS else {})
    credentials = properties.get("credentials") or {}
    secrets, how = credentials.get("secrets") or {}, credentials.get("credentialsType")
    section = {
        "accountName": properties["accountName"],
        "containerName": properties.get(field),
        "credentialType": how if how in _KINDS else "None",
        "credential": secrets.get(_KINDS.get(str(how), "")),
        "endpoint": properties.get("endpoint"),
        "protocol": properties.get("protocol"),
    }
    return {"name": name, "dataStoreType": kind, "azureStorageSection": section}
