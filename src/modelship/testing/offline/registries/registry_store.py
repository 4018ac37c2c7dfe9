"""The state of the registries of an offline workspace.

The documents of a registry are its own, and its files are in the storage account of the workspace::

    documents/registries/<name>.json             the registry itself
    documents/registries/<name>/<kind>/*.json    its models, environments and code
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.document_store import Documents, Store
from modelship.workspace.registry_names import REGISTRY_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "RegistryStore",
    "model_document",
    "model_place",
    "qualified",
    "store_of",
]

_KIND: Final = "registries"
_SHARED: Final = frozenset({"assets", _KIND})  # an asset is named by a random id, and lists files


class RegistryStore(Store):
    """The documents of a registry, with the blobs of its workspace.

    Parameters
    ----------
    home : Store
        The state of the workspace.
    name : str
        The name of the registry.
    """

    def __init__(self, home: Store, name: str) -> None:
        super().__init__(home.folder)
        self._home = home
        self.name = name

    def documents(self, kind: str) -> Documents:
        return self._home.documents(kind if kind in _SHARED else f"{_KIND}/{self.name}/{kind}")

    @property
    def exists(self) -> bool:
        """Whether the registry has been created."""
        is_valid = REGISTRY_NAME.fullmatch(self.name) is not None
        return is_valid and self._home.documents(_KIND).get(self.name) is not None

    def remove(self) -> bool:
        """Remove the registry with its documents. Return whether it existed."""
        existed = self.exists and self._home.documents(_KIND).delete(self.name)
        if existed:
            shutil.rmtree(self.folder / "documents" / _KIND / self.name, ignore_errors=True)
        return existed


def store_of(store: Store, registry: str) -> Store | None:
    """Return where the documents of a registry are, or of the workspace itself if it is empty.

    None if there is no such registry.
    """
    if not registry:
        return store
    found = RegistryStore(store, registry)
    return found if found.exists else None


def model_document(store: Store, model_id: str) -> dict[str, Any] | None:
    """Return the document of the model of an image request, or None.

    Parameters
    ----------
    store : Store
        The state of the workspace.
    model_id : str
        ``name:version``, or ``registries/<registry>/name:version``.
    """
    registry, key = _split(model_id)
    home = store_of(store, registry)
    found = home.documents("models").get(key) if home else None
    return {**found, "id": model_id} if found else None


def model_place(model_id: str) -> tuple[str, str]:
    """Return the name and the version that the folder of a model has in a service."""
    name, _, version = _split(model_id)[1].rpartition(":")
    return name, version


def qualified(registry: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of a model with the id by which :func:`model_document` finds it."""
    prefix = f"{_KIND}/{registry}/" if registry else ""
    return {**document, "id": f"{prefix}{document['name']}:{document['version']}"}


def _split(model_id: str) -> tuple[str, str]:
    prefix, _, key = model_id.rpartition("/")
    return prefix.removeprefix(f"{_KIND}/"), key
