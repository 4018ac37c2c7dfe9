"""Models, environments, code and data as resources, for Azure ML's SDK v2."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.control import WS
from modelship.testing.offline.json_exchange import RefusalError, json_response
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.v2.asset_kinds import PROPERTIES, for_each_kind
from modelship.testing.offline.v2.asset_versions import containers, not_found, selected
from modelship.testing.offline.v2.blob_references import signed_reference
from modelship.testing.offline.v2.code_registry import CodeRegistry
from modelship.testing.offline.v2.data_registry import DataRegistry
from modelship.testing.offline.v2.environment_versions import EnvironmentVersions
from modelship.testing.offline.v2.model_versions import ModelVersions

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.offline_app import Call
    from modelship.testing.offline.offline_context import Context
    from modelship.testing.offline.v2.asset_versions import AssetVersion, Registry

__all__ = ["ArmAssets"]

_EVERY: Final = f"{WS}/KIND"  # the calls are made for each kind, so that faults can name one
_ASSET: Final = f"{_EVERY}/<name>"
_VERSIONS: Final = f"{_ASSET}/versions"
_VERSION: Final = f"{_VERSIONS}/<version>"
_CODE: Final = f"{WS}/codes/<name>/versions/<version>"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_RULE: Final = "Names and versions have up to 255 letters, digits, dots, dashes and underscores"
_SHOWN: Final = 40
_SHAPE: Final = {"properties": dict}


class ArmAssets(Part):
    """The assets of a workspace, whichever SDK registered them."""

    def __init__(self, context: Context, container_of: Callable[[str], str]) -> None:
        super().__init__(context)
        store = context.store
        self._registries: dict[str, Registry] = {
            "models": ModelVersions(store, context.identity.path, container_of),
            "environments": EnvironmentVersions(store),
            "codes": CodeRegistry(store, container_of),
            "data": DataRegistry(store),
        }
        self._kept = store.documents("asset-containers")

    def calls(self) -> list[Call]:
        """Return the calls that it answers, for each kind of asset."""
        return for_each_kind(super().calls(), self._registries)

    # --- assets ---------------------------------------------------------------------------

    @answers("v2-KIND.list", "GET", _EVERY)
    def _list(self, request: Request, kind: str) -> dict[str, Any]:
        archived = {"ArchivedOnly": (True,), "All": (True, False)}
        shown = archived.get(request.args.get("listViewType", ""), (False,))
        found = self._containers(kind).values()
        return {"value": [each for each in found if each["properties"]["isArchived"] in shown]}

    @answers("v2-KIND.get", "GET", _ASSET)
    def _get(self, kind: str, name: str) -> dict[str, Any]:
        found = self._containers(kind).get(name)
        if found is None:
            raise not_found(kind, name)
        return found

    @answers("v2-KIND.put", "PUT", _ASSET, shape=_SHAPE)
    def _put(self, kind: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
        self._get(kind, name)
        given = body["properties"]
        kept = {field: given[field] for field in PROPERTIES if given.get(field) is not None}
        self._kept.put(f"{kind}/{name}", {"kind": kind, "name": name, "properties": kept})
        return self._get(kind, name)

    def _containers(self, kind: str) -> dict[str, dict[str, Any]]:
        registry = self._registries[kind]
        kept = {
            each["name"]: each["properties"] for each in self._kept.all() if each["kind"] == kind
        }
        found = containers(kind, registry.versions(), self._identity.path, kept)
        for name, document in found.items():
            document["properties"]["nextVersion"] = registry.next_version(name)
        return found

    # --- versions -------------------------------------------------------------------------

    @answers("v2-KIND.versions", "GET", _VERSIONS)
    def _list_versions(self, request: Request, kind: str, name: str) -> dict[str, Any]:
        # The SDK asks for code by its content, and by a name that it has just made up.
        anywhere = kind == "codes" and "hash" in request.args
        every = self._registries[kind].versions()
        fits = [each for each in every if anywhere or each.name == name]
        return {"value": [self._document(kind, each) for each in selected(fits, request.args)]}

    @answers("v2-KIND.get-version", "GET", _VERSION)
    def _get_version(self, kind: str, name: str, version: str) -> dict[str, Any]:
        return self._document(kind, self._find(kind, name, version))

    @answers("v2-KIND.put-version", "PUT", _VERSION, shape={"properties": PROPERTIES})
    def _put_version(self, kind: str, name: str, version: str, body: dict[str, Any]) -> Response:
        if not (_NAME.fullmatch(name) and _NAME.fullmatch(version)):
            found = f"{name[:_SHOWN]}:{version[:_SHOWN]}"
            raise RefusalError(400, "BadArgument", f"{_RULE}, not {found!r}.")
        registry = self._registries[kind]
        is_new = registry.find(name, version) is None
        changed = registry.put(name, version, body["properties"])
        return json_response(self._document(kind, changed), status=201 if is_new else 200)

    @answers("v2-KIND.delete-version", "DELETE", _VERSION)
    def _delete_version(self, kind: str, name: str, version: str) -> Response:
        existed = self._registries[kind].delete(name, version)
        return json_response({}, status=200 if existed else 204)

    def _find(self, kind: str, name: str, version: str) -> AssetVersion:
        found = self._registries[kind].find(name, version)
        if found is None:
            raise not_found(kind, name, version)
        return found

    def _document(self, kind: str, version: AssetVersion) -> dict[str, Any]:
        return version.document(kind, self._identity.path)

    # --- uploads --------------------------------------------------------------------------

    @answers("v2-codes.upload", "POST", f"{_CODE}/startPendingUpload")
    def _start_upload(self, request: Request, name: str, version: str) -> dict[str, Any]:
        """Return the address of an empty container, in which the SDK writes the code."""
        container = CodeRegistry.container(name, version)
        self._store.container(container).mkdir(parents=True, exist_ok=True)
        return {
            "pendingUploadId": container,
            "pendingUploadType": "TemporaryBlobReference",
            **signed_reference(self._context, request, container, permissions="rcwl"),
        }
