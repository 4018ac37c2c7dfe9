"""The models, environments and code of registries, as SDK v2 reads and registers them."""

from __future__ import annotations

import re
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import quote

from modelship.testing.offline.control import is_direct
from modelship.testing.offline.json_exchange import json_response
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.registries.registry_store import RegistryStore
from modelship.testing.offline.resource_scope import check_scope
from modelship.testing.offline.v2.arm_refusals import ArmRefusalError, bad_request, not_found
from modelship.testing.offline.v2.asset_kinds import PROPERTIES, for_each_kind
from modelship.testing.offline.v2.asset_versions import containers, selected
from modelship.testing.offline.v2.code_registry import CodeRegistry
from modelship.testing.offline.v2.data_registry import DataRegistry
from modelship.testing.offline.v2.datastore_paths import BlobPath, located
from modelship.testing.offline.v2.environment_versions import EnvironmentVersions
from modelship.testing.offline.v2.model_versions import ModelVersions

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.offline_app import Call
    from modelship.testing.offline.v2.asset_versions import AssetVersion, Registry

__all__ = ["MFE", "RegistryAssets", "files_address"]

MFE: Final = (
    "/mferp/managementfrontend/subscriptions/<subscription>/resourceGroups/<group>/providers/"
    "Microsoft.MachineLearningServices/registries/<registry>"
)
"""The path of a registry in its region, as a rule of werkzeug's routing."""

_TYPE: Final = "Microsoft.MachineLearningServices/registries"
_KINDS: Final = ("models", "environments", "codes", "data")
_EVERY: Final = f"{MFE}/KIND"
_ASSET: Final = f"{_EVERY}/<name>"
_VERSIONS: Final = f"{_ASSET}/versions"
_VERSION: Final = f"{_VERSIONS}/<version>"
_FILES: Final = frozenset({"modelUri", "codeUri", "dataUri"})
_ASSET_ID: Final = re.compile(
    r"azureml://registries/(?P<registry>[\w-]+)/(?P<kind>\w+)/(?P<name>[^/]+)/versions/"
    r"(?P<version>[^/]+)"
)
_IMMUTABLE: Final = "The asset {name}:{version} is already in the registry {registry}."
_NO_DATASTORES: Final = (
    "A registry has no datastores: upload local files, or share a model of a workspace with "
    "models.share()."
)


class RegistryAssets(Part):
    """The assets of all registries."""

    def calls(self) -> list[Call]:
        """Return the calls that it answers, for each kind of asset."""
        return for_each_kind(super().calls(), _KINDS)

    # --- assets ---------------------------------------------------------------------------

    @answers("registry-KIND.list", "GET", _EVERY)
    def _list(self, kind: str, scope: dict[str, str]) -> dict[str, Any]:
        return {"value": list(self._containers(kind, scope).values())}

    @answers("registry-KIND.get", "GET", _ASSET)
    def _get(self, kind: str, name: str, scope: dict[str, str]) -> dict[str, Any]:
        found = self._containers(kind, scope).get(name)
        if found is None:
            raise not_found(f"asset among the {kind} of the registry", name)
        return found

    def _containers(self, kind: str, scope: dict[str, str]) -> dict[str, dict[str, Any]]:
        store = self._registry(scope)
        versions = _registry(kind, store)
        found = containers(kind, versions.versions(), _root(store.name), {})
        for name, document in found.items():
            document["type"] = f"{_TYPE}/{kind}"
            document["properties"]["nextVersion"] = versions.next_version(name)
        return found

    # --- versions -------------------------------------------------------------------------

    @answers("registry-KIND.versions", "GET", _VERSIONS)
    def _list_versions(
        self, request: Request, kind: str, name: str, scope: dict[str, str]
    ) -> dict[str, Any]:
        store = self._registry(scope)
        every = _registry(kind, store).versions()
        found = selected([each for each in every if each.name == name], request.args)
        return {"value": [_document(kind, each, store.name) for each in found]}

    @answers("registry-KIND.get-version", "GET", _VERSION)
    def _get_version(
        self, kind: str, name: str, version: str, scope: dict[str, str]
    ) -> dict[str, Any]:
        store = self._registry(scope)
        return _document(kind, _find(kind, store, name, version), store.name)

    @answers("registry-KIND.put-version", "PUT", _VERSION, shape={"properties": PROPERTIES})
    def _put_version(
        self, kind: str, name: str, version: str, scope: dict[str, str], body: dict[str, Any]
    ) -> Response:
        store = self._registry(scope)
        versions = _registry(kind, store)
        is_new = versions.find(name, version) is None
        given = {field: self._portable(field, each) for field, each in body["properties"].items()}
        changed = versions.put(name, version, given)
        document = _document(kind, changed, store.name)
        return json_response(document, status=201 if is_new else 200)

    def _portable(self, field: str, found: Any) -> Any:
        """Return a property; an address of files without the port of this process."""
        if field not in _FILES or not found:
            return found
        return files_address(self._storage, located(str(found), _refuse_datastore))

    # --- files ----------------------------------------------------------------------------

    @answers("registry-files.upload", "PUT", f"{MFE}/tempdatarefs/<name>/versions/<version>")
    def _upload(
        self, request: Request, name: str, version: str, scope: dict[str, str], body: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the address of a container for the files of an asset that is not there yet."""
        store = self._registry(scope)
        kind = _asset_of(body, store.name, name, version)
        if _registry(kind, store).find(name, version):
            message = _IMMUTABLE.format(name=name, version=version, registry=store.name)
            raise ArmRefusalError(409, "Conflict", message)
        key = uuid.uuid5(uuid.NAMESPACE_URL, f"{store.name}/{kind}/{name}:{version}")
        container = f"azureml-registry-{key}"
        self._store.container(container).mkdir(parents=True, exist_ok=True)
        return self._reference(request, container, "rcwl")

    @answers("registry-files.download", "POST", f"{MFE}/datarefs/<name>/versions/<version>")
    def _download(
        self, request: Request, name: str, version: str, scope: dict[str, str], body: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the address of the container with the files of an asset."""
        store = self._registry(scope)
        found = _find(_asset_of(body, store.name, name, version), store, name, version)
        addresses = [str(found.properties[each]) for each in _FILES & found.properties.keys()]
        if not addresses:
            raise bad_request(f"The asset {name}:{version} has no files.")
        return self._reference(request, located(addresses[0], _refuse_datastore).container, "rl")

    def _reference(self, request: Request, container: str, permissions: str) -> dict[str, Any]:
        host = request.host_url.rstrip("/") if is_direct(request) else self._storage
        address = f"{host}/{quote(container)}"
        query = self._context.guard.signed_container(container, permissions=permissions)
        credential = {"credentialType": "SAS", "sasUri": f"{address}?{query}"}
        reference = {"blobUri": address, "storageAccountArmId": None, "credential": credential}
        return {"blobReferenceForConsumption": reference}

    # --- where they are -------------------------------------------------------------------

    def _registry(self, scope: dict[str, str]) -> RegistryStore:
        check_scope(self._identity, scope["subscription"], scope["group"])
        found = RegistryStore(self._store, scope["registry"])
        if not found.exists:
            raise not_found("registry", scope["registry"])
        return found

    @property
    def _storage(self) -> str:
        return f"https://{self._identity.storage_account}.blob.core.windows.net"


def files_address(storage: str, place: BlobPath) -> str:
    """Return the address of files in a storage account."""
    return f"{storage}/{place.container}/{quote(place.path)}"


def _registry(kind: str, store: RegistryStore) -> Registry:
    kinds: dict[str, Any] = {
        "models": partial(ModelVersions, store, _root(store.name), _refuse_datastore),
        "environments": partial(EnvironmentVersions, store, stand_ins=()),
        "codes": partial(CodeRegistry, store, _refuse_datastore),
        "data": partial(DataRegistry, store),
    }
    found: Registry = kinds[kind]()
    return found


def _find(kind: str, store: RegistryStore, name: str, version: str) -> AssetVersion:
    found = _registry(kind, store).find(name, version)
    if found is None:
        raise not_found(f"asset among the {kind} of the registry", f"{name}:{version}")
    return found


def _root(name: str) -> str:
    return f"azureml://registries/{name}"


def _document(kind: str, version: AssetVersion, registry: str) -> dict[str, Any]:
    found = version.document(kind, _root(registry))
    return {**found, "type": f"{_TYPE}/{kind}/versions"}


def _asset_of(body: dict[str, Any], registry: str, name: str, version: str) -> str:
    """Return the kind of the asset whose files a request is about."""
    found = _ASSET_ID.fullmatch(str(body.get("assetId")))
    named = found and (found["registry"], found["name"], found["version"])
    if found is None or named != (registry, name, version) or found["kind"] not in _KINDS:
        raise bad_request("The assetId is not that of an asset of the registry.")
    return found["kind"]


def _refuse_datastore(_name: str) -> NoReturn:
    raise bad_request(_NO_DATASTORES)
