"""The data assets of SDK v2, such as those that the data collector of a deployment writes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.json_exchange import RefusalError, check_shape, optional
from modelship.testing.offline.moments import moment
from modelship.testing.offline.v2.asset_registry import AssetRegistry
from modelship.testing.offline.v2.asset_versions import AssetVersion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.testing.offline.document_store import Store

__all__ = ["DataRegistry"]

_TYPES: Final = ("uri_file", "uri_folder", "mltable")


class DataRegistry(AssetRegistry):
    """The data assets of a workspace: names for the URIs of files and folders.

    Parameters
    ----------
    store : Store
        Stores them.
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store.documents("data"), shown=_shown)

    def put(self, name: str, version: str, properties: dict[str, Any]) -> AssetVersion:
        """Register a version, or change what may change of it.

        Raises
        ------
        RefusalError
            If it is not valid; 409 if the version has another URI.
        """
        check_shape(properties, {"dataUri": optional(str), "dataType": optional(str)})
        kind = properties.get("dataType") or _TYPES[1]
        if kind not in _TYPES:
            message = f"The type of a data asset is one of {', '.join(_TYPES)}, not {kind}."
            raise RefusalError(400, "BadArgument", message)
        with self._documents.lock:
            new: dict[str, Any] = {"name": name, "version": version, "createdTime": moment()}
            new["properties"] = {}
            document = self._find(name, version) or new
            before = document["properties"].get("dataUri")
            if before and properties.get("dataUri", before) != before:
                message = f"The data asset {name}:{version} is registered with another path."
                raise RefusalError(409, "Conflict", message)
            given = {key: each for key, each in properties.items() if each is not None}
            document["properties"] = document["properties"] | given
            self._documents.put(f"{name}:{version}", document)
        return _shown(document)


def _shown(data: Mapping[str, Any]) -> AssetVersion:
    defaults: dict[str, Any] = {
        "description": None,
        "tags": {},
        "properties": {},
        "isArchived": False,
    }
    properties = {**defaults, "dataType": _TYPES[1], **data["properties"]}
    created = data["createdTime"]
    return AssetVersion(data["name"], data["version"], properties, created, created)
