"""Copy a model or an environment of the workspace to a registry, as ``share()`` of SDK v2 asks."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from werkzeug.wrappers import Response

from modelship.testing.offline.artifacts import artifact_files
from modelship.testing.offline.images import link_or_copy
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.registries.registry_assets import MFE
from modelship.testing.offline.registries.registry_collections import (
    collection,
    new_container,
    opened,
    portable,
    require_new,
)
from modelship.testing.offline.v2.arm_refusals import bad_request, not_found
from modelship.testing.offline.v2.environment_versions import EnvironmentVersions
from modelship.testing.offline.v2.model_versions import ModelVersions

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelship.testing.offline.offline_context import Context
    from modelship.testing.offline.registries.registry_store import RegistryStore

__all__ = ["RegistryImports"]

_SHAPE: Final = {
    "properties": {"sourceAssetId": str, "destinationName": str, "destinationVersion": str}
}
_SOURCE: Final = re.compile(
    r"azureml://locations/[^/]+/workspaces/(?P<workspace>[^/]+)/(?P<kind>models|environments)/"
    r"(?P<name>[^/]+)/versions/(?P<version>[^/]+)"
)
_EXPECTED: Final = (
    "The sourceAssetId is not that of a model or an environment of this workspace: expected "
    "azureml://locations/LOCATION/workspaces/ID/models/NAME/versions/VERSION."
)


class RegistryImports(Part):
    """Copies assets of the workspace to registries.

    Parameters
    ----------
    context : Context
        The state that the parts of the workspace share.
    container_of : Callable
        Returns the container of a datastore, by name.
    """

    def __init__(self, context: Context, container_of: Callable[[str], str]) -> None:
        super().__init__(context)
        self._models = ModelVersions(context.store, context.identity.path, container_of)
        self._environments = EnvironmentVersions(context.store)

    @answers("registry.import", "POST", f"{MFE}/import", shape=_SHAPE)
    def _import(self, scope: dict[str, str], body: dict[str, Any]) -> Response:
        """Copy an asset; the SDK then reads it, since the reply has no body."""
        store, given = opened(self._store, self._identity, scope), body["properties"]
        source = _SOURCE.fullmatch(given["sourceAssetId"])
        if source is None or source["workspace"] != self._identity.workspace_id:
            raise bad_request(_EXPECTED)
        kind, name, version = source["kind"], given["destinationName"], given["destinationVersion"]
        require_new(kind, store, name, version)
        storage = self._identity.storage_url
        properties = self._properties(kind, source["name"], source["version"])
        if kind == "models":
            container = new_container(store)
            path = self._copy(
                store, container, self._models.files(source["name"], source["version"])
            )
            properties["modelUri"] = f"{storage}/{container}/{path}"
        collection(kind, store).put(name, version, portable(properties, storage))
        return Response(status=200)

    def _properties(self, kind: str, name: str, version: str) -> dict[str, Any]:
        """Return the properties of an asset of the workspace."""
        source = self._models if kind == "models" else self._environments
        found = source.find(name, version)
        if found is None:
            raise not_found(f"asset among the {kind} of the workspace", f"{name}:{version}")
        return dict(found.properties)

    def _copy(self, store: RegistryStore, container: str, prefix: str) -> str:
        """Copy the artifacts under a prefix, and return the path of the file or folder."""
        files = artifact_files(store, prefix)
        for path, file in files.items():
            target = store.blob(path, container=container)
            target.parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(file, target)
        return PurePosixPath(prefix).name
