"""Versions of assets, and how Azure's resource manager describes them and their containers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from modelship.testing.offline.json_exchange import RefusalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from werkzeug.datastructures import MultiDict

__all__ = ["AssetVersion", "Registry", "containers", "next_version", "not_found", "selected"]

_TYPE = "Microsoft.MachineLearningServices/workspaces"


@dataclass(frozen=True)
class AssetVersion:
    """A registered version of an asset.

    Parameters
    ----------
    name, version : str
        Its name and its version.
    properties : Mapping[str, Any]
        As SDK v2 reads them.
    created, modified : str
        When it was registered, and changed; ISO 8601.
    """

    name: str
    version: str
    properties: Mapping[str, Any]
    created: str
    modified: str

    def document(self, kind: str, path: str) -> dict[str, Any]:
        """Return the resource of a version; `path` is the one of its collection's workspace."""
        return {
            "id": f"{path}/{kind}/{self.name}/versions/{self.version}",
            "name": self.version,
            "type": f"{_TYPE}/{kind}/versions",
            "properties": dict(self.properties),
            "systemData": _system_data(self.created, self.modified),
        }


class Registry(Protocol):
    """The versions of one kind of asset."""

    def versions(self) -> list[AssetVersion]:
        """Return all versions, oldest first."""

    def find(self, name: str, version: str) -> AssetVersion | None:
        """Return one version, or None."""

    def put(self, name: str, version: str, properties: dict[str, Any]) -> AssetVersion:
        """Register a version, or change it; raise RefusalError if that is not possible."""

    def delete(self, name: str, version: str) -> bool:
        """Remove a version, unless something uses it. Return whether it existed."""

    def next_version(self, name: str) -> str:
        """Return the version that the next registration gets."""


def next_version(versions: Iterable[str]) -> str:
    """Return the number after the highest of the versions that are numbers."""
    numbers = [int(each) for each in versions if each.isdecimal()]
    return str(1 + max(numbers, default=0))


def not_found(kind: str, name: str, version: str = "") -> RefusalError:
    """Return the refusal of a request for an asset that does not exist."""
    what = f"{name}:{version}" if version else name
    return RefusalError(404, "NotFound", f"There is no {what} among the {kind} of this workspace.")


def selected(versions: Iterable[AssetVersion], wanted: MultiDict[str, str]) -> list[AssetVersion]:
    """Return the versions that a query selects, newest first unless it wants another order."""
    found = [each for each in versions if _fits(each.properties, wanted)]
    order = wanted.get("$orderBy", "createdtime desc").lower()
    found.sort(key=lambda each: each.created, reverse=not order.endswith("asc"))
    start, most = wanted.get("$skip", 0, int), wanted.get("$top", len(found), int)
    return found[max(start, 0) :][: max(most, 0)]


def containers(
    kind: str, versions: Iterable[AssetVersion], path: str, kept: Mapping[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return the resource of each asset, by its name.

    Parameters
    ----------
    kind : str
        The collection.
    versions : Iterable[AssetVersion]
        All versions, oldest first.
    path : str
        The path of the workspace.
    kept : Mapping
        What clients have set on the assets themselves, by name.
    """
    by_name: dict[str, list[AssetVersion]] = {}
    for each in versions:
        by_name.setdefault(each.name, []).append(each)
    return {
        name: {
            "id": f"{path}/{kind}/{name}",
            "name": name,
            "type": f"{_TYPE}/{kind}",
            "properties": {
                "description": None,
                "tags": {},
                "properties": {},
                "isArchived": False,
                **kept.get(name, {}),
                "latestVersion": found[-1].version,
                "nextVersion": next_version(each.version for each in found),
            },
            "systemData": _system_data(found[0].created, found[-1].modified),
        }
        for name, found in by_name.items()
    }


def _fits(properties: Mapping[str, Any], wanted: MultiDict[str, str]) -> bool:
    views = {"ActiveOnly": (False,), "ArchivedOnly": (True,), "All": (False, True)}
    shown = views.get(wanted.get("listViewType", "ActiveOnly"), (False,))
    hashed = (properties.get("properties") or {}).get("hash_sha256")
    tags = properties.get("tags") or {}
    pairs = [each.partition("=") for each in wanted.get("tags", "").split(",") if each]
    return (
        bool(properties.get("isArchived")) in shown
        and wanted.get("hash", hashed) == hashed
        and all(key in tags and (not mark or tags[key] == text) for key, mark, text in pairs)
    )


def _system_data(created: str, modified: str) -> dict[str, str]:
    return {
        "createdAt": created,
        "createdBy": "offline workspace",
        "createdByType": "User",
        "lastModifiedAt": modified,
        "lastModifiedBy": "offline workspace",
        "lastModifiedByType": "User",
    }
