"""The registered models, as SDK v2 reads and registers them; the documents are those of SDK v1."""

from __future__ import annotations

import posixpath
import re
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.json_exchange import RefusalError, check_shape, optional
from modelship.testing.offline.model_routes import check_unused
from modelship.testing.offline.moments import moment
from modelship.testing.offline.v2.arm_ids import V2
from modelship.testing.offline.v2.asset_versions import AssetVersion
from modelship.testing.offline.v2.datastore_paths import adopt, datastore_uri, located

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelship.testing.offline.document_store import Store

__all__ = ["ModelVersions"]

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-._]{0,254}")
_TYPES: Final = ("custom_model", "mlflow_model", "triton_model")
_ASSET: Final = "aml://asset/"
_OWN: Final = ("modelType", "modelUri", "stage", "jobName")
_SHAPE: Final = {"modelUri": optional(str), "modelType": optional(str), "flavors": optional(dict)}
_NUMBERS: Final = (
    "{version!r} is not a number: the versions of a model in an offline workspace are numbers, as "
    "for azureml-core. Leave the version out, and the next number is taken."
)
_MOVED: Final = (
    "Asset {name} with version {version} is already created and is immutable: its path cannot be "
    "changed. Register another version."
)


class ModelVersions:
    """The models of a workspace.

    Parameters
    ----------
    store : Store
        Stores the models, their assets and their files.
    workspace_path : str
        The path of the workspace in the resource manager.
    container_of : Callable
        Returns the container of a datastore, by name.
    """

    def __init__(
        self, store: Store, workspace_path: str, container_of: Callable[[str], str]
    ) -> None:
        self._store = store
        self._models = store.documents("models")
        self._assets = store.documents("assets")
        self._counters = store.documents("model-counters")
        self._uri = partial(datastore_uri, workspace_path, "workspaceartifactstore")
        self._container_of = container_of

    def versions(self) -> list[AssetVersion]:
        """Return all versions, oldest first."""
        return [self._shown(each) for each in self._models.all()]

    def find(self, name: str, version: str) -> AssetVersion | None:
        """Return one version, or None."""
        found = self._models.get(f"{name}:{version}")
        return self._shown(found) if found else None

    def next_version(self, name: str) -> str:
        """Return the number after the highest one, also after those that were deleted."""
        versions = [each["version"] for each in self._models.all() if each["name"] == name]
        return str(1 + max((self._counted(name), *versions)))

    def put(self, name: str, version: str, properties: dict[str, Any]) -> AssetVersion:
        """Register a version, or change what may change of it.

        Raises
        ------
        RefusalError
            If the name, the version or the type is not valid, or there is no file at the URI; 409
            if the version has other files.
        """
        check_shape(properties, _SHAPE)
        with self._models.lock:
            found = self._models.get(f"{name}:{version}")
            document = found or self._new(name, version, properties)
            uri = properties.get("modelUri")
            if found and uri and uri != self._shown(found).properties["modelUri"]:
                raise RefusalError(409, "Conflict", _MOVED.format(name=name, version=version))
            changed = _changed(document, properties)
            self._models.put(changed["id"], changed)
        return self._shown(changed)

    def delete(self, name: str, version: str) -> bool:
        """Remove a version. Return whether it existed.

        Raises
        ------
        RefusalError
            412 if a service uses it.
        """
        check_unused(self._store, f"{name}:{version}")
        return self._models.delete(f"{name}:{version}")

    def files(self, name: str, version: str) -> str:
        """Return the path of a version's file or folder among the artifacts; empty if none."""
        return self._prefix(self._models.get(f"{name}:{version}") or {})

    def _new(self, name: str, version: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        _check_new(name, version, properties)
        place = located(str(properties["modelUri"]), self._container_of)
        prefix = adopt(self._store, place)
        asset = {"id": str(uuid.uuid4()), "name": name, "createdTime": moment()}
        self._assets.put(asset["id"], asset | {"artifacts": [{"prefix": prefix}]})
        self._counters.put(name, {"last": max(self._counted(name), int(version))})
        return {
            "id": f"{name}:{version}",
            "name": name,
            "version": int(version),
            "createdTime": moment(),
            "url": f"{_ASSET}{asset['id']}",
            "mimeType": "application/x-python",
            "framework": "Custom",
            "frameworkVersion": None,
            "datasets": [],
        }

    def _counted(self, name: str) -> int:
        return int((self._counters.get(name) or {"last": 0})["last"])

    def _shown(self, model: Mapping[str, Any]) -> AssetVersion:
        own = {"modelType": _TYPES[0], "jobName": model.get("runId"), **(model.get(V2) or {})}
        own["modelUri"] = own.get("modelUri") or self._uri(self._prefix(model))
        properties = {
            "description": model.get("description"),
            "tags": model.get("kvTags") or {},
            "properties": model.get("properties") or {},
            "isArchived": False,
            "isAnonymous": False,
            "flavors": {},  # the SDK fails on null, and on a document without it
            **own,
        }
        created = model["createdTime"]
        modified = model.get("modifiedTime") or created
        return AssetVersion(model["name"], str(model["version"]), properties, created, modified)

    def _prefix(self, model: Mapping[str, Any]) -> str:
        """Return the path of the files that SDK v1 has registered: of a file, or a folder."""
        asset = self._assets.get(str(model.get("url", "")).removeprefix(_ASSET)) or {}
        found = [each.get("prefix") or each.get("id") for each in asset.get("artifacts") or ()]
        prefixes = [str(each).strip("/") for each in found if each]
        return posixpath.commonpath(prefixes) if prefixes else ""


def _check_new(name: str, version: str, properties: Mapping[str, Any]) -> None:
    if not _NAME.fullmatch(name):
        raise RefusalError(400, "BadArgument", f"{name!r} is not a valid model name.")
    if not (version.isascii() and version.isdecimal()) or str(int(version)) != version:
        raise RefusalError(400, "NotInOfflineWorkspace", _NUMBERS.format(version=version))
    if not properties.get("modelUri"):
        raise RefusalError(400, "BadArgument", "The model has no modelUri.")
    kind = properties.get("modelType") or _TYPES[0]
    if kind not in _TYPES:
        message = f"The type of a model is one of {', '.join(_TYPES)}, not {kind}."
        raise RefusalError(400, "BadArgument", message)


def _changed(model: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model with the properties of a request; those left out stay."""
    own = {name: properties[name] for name in _OWN if properties.get(name)}
    for name in ("isArchived", "isAnonymous"):
        own[name] = bool(properties.get(name))
    if properties.get("flavors"):
        own["flavors"] = properties["flavors"]
    described = {
        "description": properties.get("description"),
        "kvTags": properties.get("tags"),
        "properties": properties.get("properties"),
    }
    given = {name: each for name, each in described.items() if each is not None}
    kept = {**(model.get(V2) or {}), **own}
    filled: dict[str, Any] = {"description": None, "kvTags": {}, "properties": {}}
    return {**filled, **model, **given, V2: kept, "modifiedTime": moment()}
