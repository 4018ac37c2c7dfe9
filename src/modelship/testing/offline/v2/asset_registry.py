"""What the registries of assets share whose versions are documents of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelship.testing.offline.v2.asset_versions import AssetVersion, next_version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelship.testing.offline.document_store import Documents

__all__ = ["AssetRegistry"]


class AssetRegistry:
    """The versions of one kind of asset, by name and version.

    Parameters
    ----------
    documents : Documents
        Stores them.
    shown : Callable
        Returns a version as SDK v2 reads it, from its document.
    """

    def __init__(
        self, documents: Documents, *, shown: Callable[[Mapping[str, Any]], AssetVersion]
    ) -> None:
        self._documents = documents
        self._shown = shown

    def _all(self) -> list[dict[str, Any]]:
        return self._documents.all()

    def _find(self, name: str, version: str) -> dict[str, Any] | None:
        return self._documents.get(f"{name}:{version}")

    def versions(self) -> list[AssetVersion]:
        """Return all versions, oldest first."""
        return [self._shown(each) for each in self._all()]

    def find(self, name: str, version: str) -> AssetVersion | None:
        """Return one version, or None."""
        found = self._find(name, version)
        return self._shown(found) if found else None

    def delete(self, name: str, version: str) -> bool:
        """Remove a version. Return whether it existed."""
        return self._documents.delete(f"{name}:{version}")

    def next_version(self, name: str) -> str:
        """Return the number after the highest one."""
        return next_version(each.version for each in self.versions() if each.name == name)
