"""The models, environments and code of registries, as SDK v2 reads and registers them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.json_exchange import json_response
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.registries.registry_collections import (
    FILES,
    KINDS,
    collection,
    container_of_address,
    new_container,
    opened,
    portable,
    require_new,
    required,
    root,
)
from modelship.testing.offline.v2.arm_operations import RETRY
from modelship.testing.offline.v2.arm_refusals import bad_request, not_found
from modelship.testing.offline.v2.asset_kinds import PROPERTIES, for_each_kind
from modelship.testing.offline.v2.asset_versions import containers, selected
from modelship.testing.offline.v2.blob_references import signed_reference

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.offline_app import Call
    from modelship.testing.offline.registries.registry_store import RegistryStore
    from modelship.testing.offline.v2.asset_versions import AssetVersion

__all__ = ["MFE", "RegistryAssets"]

MFE: Final = (
    "/mferp/managementfrontend/subscriptions/<subscription>/resourceGroups/<group>/providers/"
    "Microsoft.MachineLearningServices/registries/<registry>"
)
"""The path of a registry in its region, as a rule of werkzeug's routing."""

_TYPE: Final = "Microsoft.MachineLearningServices/registries"
_EVERY: Final = f"{MFE}/KIND"
_ASSET: Final = f"{_EVERY}/<name>"
_VERSIONS: Final = f"{_ASSET}/versions"
_VERSION: Final = f"{_VERSIONS}/<version>"
_ASSET_ID: Final = re.compile(
    r"azureml://registries/(?P<registry>[\w-]+)/(?P<kind>\w+)/(?P<name>[^/]+)/versions/"
    r"(?P<version>[^/]+)"
)


class RegistryAssets(Part):
    """The assets of all registries."""

    def calls(self) -> list[Call]:
        """Return the calls that it answers, for each kind of asset."""
        return for_each_kind(super().calls(), KINDS)

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
        store = self._opened(scope)
        versions = collection(kind, store)
        found = containers(kind, versions.versions(), root(store.name), {})
        for name, document in found.items():
            document["type"] = f"{_TYPE}/{kind}"
            document["properties"]["nextVersion"] = versions.next_version(name)
        return found

    # --- versions -------------------------------------------------------------------------

    @answers("registry-KIND.versions", "GET", _VERSIONS)
    def _list_versions(
        self, request: Request, kind: str, name: str, scope: dict[str, str]
    ) -> dict[str, Any]:
        store = self._opened(scope)
        every = [each for each in collection(kind, store).versions() if each.name == name]
        found = selected(every, request.args)
        return {"value": [_document(kind, each, store.name) for each in found]}

    @answers("registry-KIND.get-version", "GET", _VERSION)
    def _get_version(
        self, kind: str, name: str, version: str, scope: dict[str, str]
    ) -> dict[str, Any]:
        store = self._opened(scope)
        return _document(kind, required(kind, store, name, version), store.name)

    @answers("registry-KIND.put-version", "PUT", _VERSION, shape={"properties": PROPERTIES})
    def _put_version(
        self, kind: str, name: str, version: str, scope: dict[str, str], body: dict[str, Any]
    ) -> Response:
        store = self._opened(scope)
        given = portable(body["properties"], self._identity.storage_url)
        collection(kind, store).put(name, version, given)
        # The only status that all releases of the SDK accept; they then read the asset.
        answer = json_response({}, status=202)
        answer.headers.update(RETRY)
        return answer

    # --- files ----------------------------------------------------------------------------

    @answers("registry-files.upload", "PUT", f"{MFE}/tempdatarefs/<name>/versions/<version>")
    def _upload(
        self, request: Request, name: str, version: str, scope: dict[str, str], body: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the address of a container for the files of an asset that is not there yet."""
        store = self._opened(scope)
        kind = _kind_of(body, store.name, name, version)
        require_new(kind, store, name, version)
        return signed_reference(self._context, request, new_container(store), permissions="rcwl")

    @answers("registry-files.download", "POST", f"{MFE}/datarefs/<name>/versions/<version>")
    def _download(
        self, request: Request, name: str, version: str, scope: dict[str, str], body: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the address of the container with the files of an asset."""
        store = self._opened(scope)
        found = required(_kind_of(body, store.name, name, version), store, name, version)
        addresses = [str(found.properties[each]) for each in FILES & found.properties.keys()]
        if not addresses:
            raise bad_request(f"The asset {name}:{version} has no files.")
        container = container_of_address(addresses[0])
        return signed_reference(self._context, request, container, permissions="rl")

    def _opened(self, scope: dict[str, str]) -> RegistryStore:
        return opened(self._store, self._identity, scope)


def _document(kind: str, version: AssetVersion, registry: str) -> dict[str, Any]:
    found = version.document(kind, root(registry))
    return {**found, "type": f"{_TYPE}/{kind}/versions"}


def _kind_of(body: dict[str, Any], registry: str, name: str, version: str) -> str:
    """Return the kind of the asset whose files a request is about."""
    found = _ASSET_ID.fullmatch(str(body.get("assetId")))
    named = found and (found["registry"], found["name"], found["version"])
    if found is None or named != (registry, name, version) or found["kind"] not in KINDS:
        raise bad_request("The assetId is not that of an asset of the registry.")
    return found["kind"]
