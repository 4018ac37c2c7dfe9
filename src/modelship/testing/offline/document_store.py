"""The state of an offline workspace, as files: JSON documents by kind and key, and blobs.

::

    <folder>/
        workspace.json                 its identity
        documents/<kind>/<key>.json    models, assets, artifacts, services, operations, …
        blobs/<key>                    what was uploaded: the container of artifacts
        containers/<name>/<key>        the other containers of the storage account
        drafts/                        what builds under way lay out
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

from modelship.testing.offline.json_exchange import NUMBER, RefusalError, mismatch, optional
from modelship.workspace.private import write_private

__all__ = ["BrokenRecordError", "Documents", "Store"]

_LONGEST_NAME = 200
_log = logging.getLogger(__name__)

# The fields of each kind of document that are read without a check for their presence.
_SHAPES: dict[str, dict[str, Any]] = {
    "asset-containers": {"kind": str, "name": str, "properties": dict},
    "assets": {"id": str, "artifacts": [dict]},
    "blob-metadata": {"fields": dict},
    "batch-deployments": {"name": str, "endpoint": str, "tags": dict, "properties": dict},
    "batch-endpoints": {"name": str, "tags": dict, "properties": dict},
    "batch-jobs": {"name": str, "endpoint": str, "deployment": str, "child": str},
    "codes": {"name": str, "version": str, "prefix": str, "properties": dict},
    "computes": {"name": str, "properties": {"computeType": str, "properties": dict}},
    "data": {"name": str, "version": str, "properties": dict},
    "datasets": {"name": str, "datasetId": str, "versions": [str]},
    "datastores": {"name": str, "dataStoreType": str, "azureStorageSection": {"accountName": str}},
    "endpoints": {
        "name": str,
        "kvTags": dict,
        "properties": dict,
        "_offline": {"keys": {"primaryKey": str, "secondaryKey": str}},
    },
    "environments": {
        "name": str,
        "version": str,
        "digest": str,
        "environment": dict,
        "v2": optional(dict),
    },
    "built-environments": {"kinds": dict},
    "environment-labels": {"labels": dict},
    "experiments": {
        "experimentId": str,
        "name": str,
        "createdUtc": str,
        "archivedTime": optional(str),
        "tags": dict,
    },
    "model-counters": {"last": int},
    "models": {
        "id": str,
        "name": str,
        "version": int,
        "createdTime": str,
        "kvTags": optional(dict),
        "properties": optional(dict),
        "datasets": [dict],
        "v2": optional(dict),
    },
    "packages": {"context": [dict], "environment": dict},
    "profiles": {"name": str, "createdTime": str, "operation": str},
    "saved-datasets": {
        "id": str,
        "datasetType": str,
        "dataflowJson": str,
        "properties": optional(dict),
    },
    "secrets": {"name": str, "value": str},
    "workspaces": {"tags": dict},
    "online-endpoints": {
        "name": str,
        "computeType": str,
        "kvTags": dict,
        "properties": dict,
        "identity": dict,
        "_offline": {"keys": {"primaryKey": str, "secondaryKey": str}, "created": str},
    },
    "operations": {"id": str, "state": str, "streamingOperationLog": str},
    "registries": {"name": str, "properties": dict},
    "runs": {
        "runId": str,
        "experimentId": str,
        "experimentName": str,
        "rootRunId": str,
        "dataContainerId": str,
        "status": str,
        "tags": dict,
        "properties": dict,
        "warnings": [dict],
    },
    "snapshots": {"files": dict},
    "services": {
        "name": str,
        "state": str,
        "kvTags": dict,
        "properties": dict,
        "environmentImageRequest": dict,
        "containerResourceRequirements": {"cpu": NUMBER, "memoryInGB": NUMBER},
        "_offline": {"keys": {"primaryKey": str, "secondaryKey": str}, "operation": str},
    },
}


class BrokenRecordError(Exception):
    """A document is not what was written there.

    Parameters
    ----------
    path : Path
        Its file.
    problem : str
        What is wrong with it.
    """

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"the record {path} is broken ({problem}): remove it to continue without it"
        )


class Documents:
    """The documents of one kind, by key; each write is atomic.

    Parameters
    ----------
    folder : Path
        Where they are stored; created on the first write.
    shape : dict
        The required fields and their types.
    """

    def __init__(self, folder: Path, *, shape: dict[str, Any]) -> None:
        self._folder = folder
        self._shape = shape
        self._reported: set[Path] = set()
        self.lock = threading.RLock()

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the document, or None.

        Raises
        ------
        BrokenRecordError
            If it exists but cannot be read.
        """
        return self._read(self._path(key))

    def require(self, key: str, code: str, message: str) -> dict[str, Any]:
        """Return the document, or refuse the request that names it with 404, `code` and `message`.

        Raises
        ------
        RefusalError
            If it does not exist.
        """
        found = self.get(key)
        if found is None:
            raise RefusalError(404, code, message)
        return found

    def put(self, key: str, document: dict[str, Any]) -> None:
        """Write the document, replacing an older one."""
        with self.lock:
            write_private(self._path(key), json.dumps(document))  # some contain keys or secrets

    def change(self, key: str, **fields: Any) -> dict[str, Any]:
        """Set some fields of a document, and return it. Raise KeyError if it does not exist."""
        with self.lock:
            document = self.get(key)
            if document is None:
                raise KeyError(key)
            document |= fields
            self.put(key, document)
        return document

    def delete(self, key: str) -> bool:
        """Remove the document. Return whether it existed."""
        with self.lock:
            path = self._path(key)
            existed = path.exists()
            path.unlink(missing_ok=True)
        return existed

    def all(self) -> list[dict[str, Any]]:
        """Return all documents, oldest first; broken ones are skipped and logged."""
        found = (
            self._read_or_report(path) for path in sorted(self._folder.glob("*.json"), key=_age)
        )
        return [document for document in found if document is not None]

    def _read_or_report(self, path: Path) -> dict[str, Any] | None:
        try:
            return self._read(path)
        except BrokenRecordError as error:
            if path not in self._reported:
                self._reported.add(path)
                _log.warning("%s", error)
            return None

    def _read(self, path: Path) -> dict[str, Any] | None:
        """Return the document at a path, or None if it does not exist or is being removed."""
        try:
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise BrokenRecordError(path, f"{type(error).__name__}: {error}") from None
        if place := mismatch(found, self._shape):
            raise BrokenRecordError(path, f"{place} is missing, or of another type")
        return found

    def _path(self, key: str) -> Path:
        name = quote(key, safe="")
        if len(name) > _LONGEST_NAME:  # a model's name may use the full length of a file name
            name = name[: _LONGEST_NAME // 2] + hashlib.sha256(name.encode()).hexdigest()
        return self._folder / f"{name}.json"


def _age(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:  # it was removed just now, or is a broken link
        return 0


class Store:
    """The folder of one offline workspace.

    Parameters
    ----------
    folder : Path
        The path of the folder; created if it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._kinds: dict[str, Documents] = {}
        self._lock = threading.Lock()

    @property
    def drafts(self) -> Path:
        """The folder for temporary files of builds."""
        folder = self.folder / "drafts"
        folder.mkdir(exist_ok=True)
        return folder

    def clear_drafts(self) -> None:
        """Remove the drafts of a process that was killed."""
        shutil.rmtree(self.folder / "drafts", ignore_errors=True)

    def documents(self, kind: str) -> Documents:
        """Return the documents of one kind, such as ``"models"``; the same object each time."""
        with self._lock:
            folder = self.folder / "documents" / kind
            shape = _SHAPES[kind.rpartition("/")[2]]  # a registry has documents of each kind
            return self._kinds.setdefault(kind, Documents(folder, shape=shape))

    def container(self, name: str) -> Path:
        """Return the folder of a container; ``"azureml"`` is that of artifacts."""
        if name == "azureml":
            return self.folder / "blobs"
        return self.folder / "containers" / quote(name, safe="")

    def blob(self, key: str, *, container: str = "azureml") -> Path:
        """Return the path of the blob of this key, existing or not.

        A key contains slashes, as in ``ExperimentRun/dcid/model.pkl``; it cannot point outside the
        folder.
        """
        root = self.container(container)
        parts = [quote(part, safe="") for part in key.split("/") if part]
        safe = [part.replace(".", "%2E") if set(part) == {"."} else part for part in parts]
        return root / Path(*safe) if safe else root / os.devnull

    def new_blob(self, key: str) -> Path:
        """Return the path to write the blob of this key to; its folder exists."""
        place = self.blob(key)
        place.parent.mkdir(parents=True, exist_ok=True)
        return place
