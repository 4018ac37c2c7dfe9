"""The registered environments, as SDK v2 reads and registers them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.environments.curated import curated
from modelship.testing.offline.json_exchange import RefusalError, check_shape, optional
from modelship.testing.offline.moments import moment
from modelship.testing.offline.v2.arm_ids import V2
from modelship.testing.offline.v2.asset_registry import AssetRegistry
from modelship.testing.offline.v2.asset_versions import AssetVersion
from modelship.testing.offline.v2.environment_definitions import (
    CONTENT,
    definition_of,
    properties_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from modelship.testing.offline.document_store import Store

__all__ = ["ANONYMOUS", "EnvironmentVersions"]

ANONYMOUS: Final = "CliV2AnonymousEnvironment"
"""The name of environments that a deployment defines by itself; their version is a hash."""

_FIRST: Final = "2000-01-01T00:00:00.000000Z"  # that of the stand-ins and of SDK v1's
_SHAPE: Final = {
    "image": optional(str),
    "condaFile": optional(str),
    "build": optional(dict),
    "inferenceConfig": optional(dict),
}
_TAKEN: Final = (
    "A different environment {name} with the version {version} is already registered. Its content "
    "cannot be changed: register another version."
)
_RESERVED: Final = (
    "Names that begin with AzureML- are Microsoft's: the environment {name} cannot be registered."
)


class EnvironmentVersions(AssetRegistry):
    """The environments of a workspace; those of SDK v1, and those of SDK v2.

    Parameters
    ----------
    store : Store
        Stores them.
    stand_ins : Iterable[Mapping[str, Any]], optional
        The documents of environments that are always there; by default those of curated ones.
    """

    def __init__(
        self, store: Store, *, stand_ins: Iterable[Mapping[str, Any]] | None = None
    ) -> None:
        super().__init__(store.documents("environments"), shown=_shown)
        given = curated() if stand_ins is None else stand_ins
        self._stand_ins = [dict(each) for each in given]

    def put(self, name: str, version: str, properties: dict[str, Any]) -> AssetVersion:
        """Register a version, or change what may change of it.

        Raises
        ------
        RefusalError
            If it is not valid; 409 if the version has another content.
        """
        check_shape(properties, _SHAPE)
        if name.startswith("AzureML-"):
            raise RefusalError(409, "ReservedName", _RESERVED.format(name=name))
        with self._documents.lock:
            found = self._find(name, version)
            if found and _content(_shown(found).properties) != _content(properties):
                raise RefusalError(409, "Conflict", _TAKEN.format(name=name, version=version))
            kept = found or _new(name, version, properties)
            kept[V2] = {**(kept.get(V2) or {}), **properties}
            kept["modifiedTime"] = moment()
            self._documents.put(f"{name}:{version}", kept)
        return _shown(kept)

    def _all(self) -> list[dict[str, Any]]:
        return [*self._stand_ins, *super()._all()]

    def _find(self, name: str, version: str) -> dict[str, Any] | None:
        stand_ins = {(each["name"], each["version"]): each for each in self._stand_ins}
        return super()._find(name, version) or stand_ins.get((name, version))


def _new(name: str, version: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    if not (properties.get("image") or properties.get("build")):
        message = f"The environment {name} has neither an image nor a build context."
        raise RefusalError(400, "BadArgument", message)
    definition = definition_of(name, version, properties)
    own = {key: each for key, each in definition.items() if key != "version"}
    digest = hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()
    return {
        "name": name,
        "version": version,
        "digest": digest,  # SDK v1 finds the same content by it
        "environment": definition,
        "createdTime": moment(),
    }


def _content(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"osType": "Linux"} | {
        name: properties[name] for name in CONTENT if properties.get(name)
    }


def _shown(environment: Mapping[str, Any]) -> AssetVersion:
    properties = {
        "description": None,
        "tags": {},
        "properties": {},
        "isArchived": False,
        "isAnonymous": environment["name"] == ANONYMOUS,
        "environmentType": "Curated" if "digest" not in environment else "UserCreated",
        **properties_of(environment["environment"]),
        **(environment.get(V2) or {}),
    }
    created = environment.get("createdTime") or _FIRST
    modified = environment.get("modifiedTime") or created
    name, version = environment["name"], environment["version"]
    return AssetVersion(name, version, properties, created, modified)
