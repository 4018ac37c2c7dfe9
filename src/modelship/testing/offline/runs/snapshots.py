"""Snapshots of source folders: the files of each at the time when a run was submitted."""

from __future__ import annotations

import shutil
import uuid
import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from modelship.testing.offline.control import WS
from modelship.testing.offline.json_exchange import RefusalError, optional
from modelship.testing.offline.offline_app import Part, answers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from werkzeug.wrappers import Request

    from modelship.testing.offline.artifacts import Artifacts
    from modelship.testing.offline.offline_context import Context

__all__ = ["Snapshots"]

_EVERY: Final = f"/content/v2.0{WS}/snapshots"
_LATEST: Final = f"/content/v1.0{WS}/snapshots/latest/metadata"
_ORIGIN: Final = "Snapshots"
_NOTHING: Final = "00000000-0000-0000-0000-000000000000"  # the snapshot before the first one
_SHAPE: Final = {
    "ParentSnapshotId": optional(str),
    "DirTreeNode": dict,
    "FileRevisionList": {"FileNodes": [{"FullName": str, "BlobUri": str}]},
}


class Snapshots(Part):
    """The snapshots of a workspace.

    Parameters
    ----------
    context : Context
        The state that the parts of the workspace share.
    artifacts : Artifacts
        Returns the addresses to write files to and to read them from.
    """

    def __init__(self, context: Context, artifacts: Artifacts) -> None:
        super().__init__(context)
        self._documents = context.store.documents("snapshots")
        self._artifacts = artifacts

    def lay_out(self, snapshot_id: str, folder: Path) -> None:
        """Write the files of a snapshot into a folder.

        Raises
        ------
        RefusalError
            If there is no such snapshot, or one of its files was not uploaded.
        """
        for path, file in self._files(snapshot_id).items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)

    def _files(self, snapshot_id: str) -> dict[str, Path]:
        if snapshot_id == _NOTHING:
            return {}
        message = f"There is no snapshot {snapshot_id}."
        snapshot = self._documents.require(snapshot_id, "SnapshotNotFound", message)
        files = {path: self._store.blob(key) for path, key in snapshot["files"].items()}
        missing = [path for path, file in files.items() if not file.is_file()]
        if missing:
            message = f"The file {missing[0]} of the snapshot {snapshot_id} was not uploaded."
            raise RefusalError(400, "FileNotUploaded", message)
        return files

    @staticmethod
    @answers("snapshots.latest", "GET", _LATEST)
    def _latest() -> dict[str, Any]:
        """Answer a client without a previous snapshot: it sends all of its files."""
        return {"id": _NOTHING, "root": {}}

    @answers("snapshots.upload", "POST", f"{_EVERY}/getblob", shape={"FileNames": [str]})
    def _upload(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        names = body.get("FileNames") or ()
        group = f"{_ORIGIN}/{uuid.uuid4()}"
        nodes = [
            {
                "fullName": name,
                "blobUri": self._artifacts.upload_address(request, f"{group}/{index}"),
            }
            for index, name in enumerate(names)
        ]
        return {"fileNodes": nodes}

    @answers("snapshots.create", "POST", f"{_EVERY}/<snapshot_id>", shape=_SHAPE)
    def _create(self, body: dict[str, Any], snapshot_id: str) -> dict[str, Any]:
        parent = self._documents.get(body.get("ParentSnapshotId") or "") or {"files": {}}
        uploaded = {
            each["FullName"]: _key(each["BlobUri"])
            for each in body["FileRevisionList"].get("FileNodes") or ()
        }
        known = {_plain(path): key for path, key in (parent["files"] | uploaded).items()}
        paths = {_plain(path) for path in _paths(body["DirTreeNode"])}
        if unknown := sorted(paths - set(known)):
            message = f"The file {unknown[0]} is neither uploaded nor in an earlier snapshot."
            raise RefusalError(400, "FileNotUploaded", message)
        files = {path: known[path] for path in sorted(paths)}
        self._documents.put(snapshot_id, {"id": snapshot_id, "files": files})
        return {"id": snapshot_id}

    @answers("snapshots.zip", "POST", f"{_EVERY}/<snapshot_id>/zip")
    def _zip(self, request: Request, snapshot_id: str) -> dict[str, str]:
        key = f"{_ORIGIN}/{snapshot_id}.zip"
        place = self._store.new_blob(key)
        draft = place.with_name(f"{place.name}.{uuid.uuid4()}")
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, file in self._files(snapshot_id).items():
                archive.write(file, path)
        draft.replace(place)
        return {"zipSasUri": self._artifacts.read_address(request, key)}


def _key(address: str) -> str:
    """Return the key of the blob at the address of an upload."""
    key = unquote(urlsplit(address).path).removeprefix("/azureml/")
    if not key.startswith(f"{_ORIGIN}/"):
        raise RefusalError(
            400, "InvalidBlobUri", "the address of a file does not belong to this workspace"
        )
    return key


def _plain(path: str) -> str:
    """Return the path of a file in a snapshot; refuse one that leads out of it."""
    pure = PurePosixPath(path.replace("\\", "/"))
    if pure.is_absolute() or ".." in pure.parts or "\0" in path or not pure.parts:
        raise RefusalError(400, "InvalidPath", f"the path {path!r} is outside the snapshot")
    return pure.as_posix()


def _paths(node: dict[str, Any], above: str = "") -> Iterator[str]:
    """Yield the path of each file below a node of the SDK's tree."""
    children = node.get("children")
    if not isinstance(children, dict):
        return
    for name, child in children.items():
        path = f"{above}{name}"
        if not isinstance(child, dict):
            continue
        if child.get("type") == "File":
            yield path
        else:
            yield from _paths(child, f"{path}/")
