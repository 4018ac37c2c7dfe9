"""The registries as resources, and the service that finds one by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.control import service_base
from modelship.testing.offline.json_exchange import json_response, optional
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.registries.registry_store import RegistryStore
from modelship.testing.offline.resource_scope import check_scope
from modelship.testing.offline.v2.arm_refusals import bad_request, not_found
from modelship.workspace.registry_names import REGISTRY_NAME, REGISTRY_RULE

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.offline_context import Context

__all__ = ["RegistryResources"]

_KIND: Final = "Microsoft.MachineLearningServices/registries"
_SUBSCRIPTION: Final = "/subscriptions/<subscription>"
_GROUP: Final = f"{_SUBSCRIPTION}/resourceGroups/<group>"
_EVERY: Final = f"{_GROUP}/providers/{_KIND}"
_ONE: Final = f"{_EVERY}/<registry>"
_DISCOVERY: Final = "/registrymanagement/v1.0/registries/<registry>"
_SHAPE: Final = {"location": optional(str), "tags": optional(dict), "properties": dict}


class RegistryResources(Part):
    """The registries that exist, each in the region and the storage account of the workspace."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._documents = context.store.documents("registries")

    @answers("registries.discover", "GET", f"{_DISCOVERY}/discovery")
    def _discover(self, request: Request, registry: str) -> dict[str, Any]:
        self._require(registry)
        region = self._identity.location
        base = service_base(request, self._identity, "api.azureml.ms")
        return {
            "registryName": registry,
            "tenantId": self._identity.tenant_id,
            "primaryRegion": region,
            "regions": [region],
            "registryFqdns": {region: {"registryFqdn": base}},
            "subscriptionId": self._identity.subscription_id,
            "resourceGroup": self._identity.resource_group,
            "primaryRegionResourceProviderUri": f"{base}/",
        }

    @answers("registries.list", "GET", _EVERY)
    @answers("registries.list-all", "GET", f"{_SUBSCRIPTION}/providers/{_KIND}")
    def _list(self, request: Request, scope: dict[str, str]) -> dict[str, Any]:
        check_scope(self._identity, **scope)
        return {"value": [self._shown(request, each) for each in self._documents.all()]}

    @answers("registries.get", "GET", _ONE)
    def _get(
        self, request: Request, subscription: str, group: str, registry: str
    ) -> dict[str, Any]:
        check_scope(self._identity, subscription, group)
        return self._shown(request, self._require(registry))

    @answers("registries.create", "PUT", _ONE, shape=_SHAPE)
    def _put(
        self, request: Request, subscription: str, group: str, registry: str, body: dict[str, Any]
    ) -> Response:
        check_scope(self._identity, subscription, group)
        if not REGISTRY_NAME.fullmatch(registry):
            raise bad_request(f"The name of a registry has {REGISTRY_RULE}, unlike {registry!r}.")
        is_new = self._documents.get(registry) is None
        given = {key: body.get(key) for key in ("tags", "properties")}
        document = {"name": registry, **given}
        self._documents.put(registry, document)
        return json_response(self._shown(request, document), status=201 if is_new else 200)

    @answers("registries.delete", "DELETE", _ONE)
    def _delete(self, subscription: str, group: str, registry: str) -> Response:
        check_scope(self._identity, subscription, group)
        existed = RegistryStore(self._store, registry).remove()
        return json_response({}, status=200 if existed else 204)

    def _require(self, registry: str) -> dict[str, Any]:
        found = self._documents.get(registry)
        if found is None:
            raise not_found("registry", registry)
        return found

    def _shown(self, request: Request, document: dict[str, Any]) -> dict[str, Any]:
        ours, name = self._identity, document["name"]
        group = f"/subscriptions/{ours.subscription_id}/resourceGroups/{ours.resource_group}"
        base = service_base(request, ours, "api.azureml.ms")
        places = {"discoveryUrl": f"{base}/registrymanagement/v1.0/registries/{name}/discovery"}
        return {
            "id": f"{group}/providers/{_KIND}/{name}",
            "name": name,
            "type": _KIND,
            "location": ours.location,
            "identity": {"type": "SystemAssigned"},
            "tags": document.get("tags") or {},
            "properties": {**document["properties"], **places},
        }
