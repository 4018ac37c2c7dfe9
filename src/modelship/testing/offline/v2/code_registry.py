"""The code of deployments and jobs: folders that are stored once for each content."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from modelship.testing.offline.json_exchange import RefusalError, check_shape
from modelship.testing.offline.moments import moment
from modelship.testing.offline.v2.asset_registry import AssetRegistry
from modelship.testing.offline.v2.asset_versions import AssetVersion
from modelship.testing.offline.v2.datastore_paths import adopt, located

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelship.testing.offline.document_store import Store

__all__ = ["CodeRegistry"]


class CodeRegistry(AssetRegistry):
    """The code of a workspace.

    Parameters
    ----------
    store : Store
        Stores it.
    container_of : Callable
        Returns the container of a datastore, by name.
    """

    def __init__(self, store: Store, container_of: Callable[[str], str]) -> None:
        self._store = store
        super().__init__(store.documents("codes"), shown=_shown)
        self._container_of = container_of

    @staticmethod
    def container(name: str, version: str) -> str:
        """Return the container that code is uploaded to, whatever its name contains."""
        return f"azureml-code-{uuid.uuid5(uuid.NAMESPACE_URL, f'{name}:{version}')}"

    def put(self, name: str, version: str, properties: dict[str, Any]) -> AssetVersion:
        """Register uploaded code.

        Raises
        ------
        RefusalError
            If there is nothing at its URI; 409 if the version has other code.
        """
        check_shape(properties, {"codeUri": str})
        with self._documents.lock:
            found = self._find(name, version)
            if found and found["properties"]["codeUri"] != properties["codeUri"]:
                message = f"The code {name}:{version} is already registered with another path."
                raise RefusalError(409, "Conflict", message)
            document = found or self._new(name, version, properties)
            document["properties"] = {**document["properties"], **properties}
            self._documents.put(f"{name}:{version}", document)
        return _shown(document)

    def _new(self, name: str, version: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        prefix = adopt(self._store, located(properties["codeUri"], self._container_of))
        created = {"createdTime": moment(), "properties": {}}
        return {"name": name, "version": version, "prefix": prefix, **created}


def _shown(code: Mapping[str, Any]) -> AssetVersion:
    properties = {"description": None, "tags": {}, "isArchived": False, **code["properties"]}
    created = code["createdTime"]
    return AssetVersion(code["name"], code["version"], properties, created, created)
