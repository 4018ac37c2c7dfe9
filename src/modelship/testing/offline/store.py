"""What an offline workspace knows, as files: JSON documents by kind and key, and blobs.

::

    <folder>/
        workspace.json                 its identity
        documents/<kind>/<key>.json    models, assets, artifacts, services, operations, …
        blobs/<key>                    what was uploaded
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

__all__ = ["Documents", "Store"]

_LONGEST_NAME = 200


class Documents:
    """The documents of one kind, by key; each write is atomic.

    Parameters
    ----------
    folder : Path
        Where they lie; made on the first write.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.lock = threading.RLock()

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the document, or None."""
        return _read(self._path(key))

    def put(self, key: str, document: dict[str, Any]) -> None:
        """Write the document, in place of an older one."""
        with self.lock:
            path = self._path(key)
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_suffix(".new")
            draft.write_text(json.dumps(document), encoding="utf-8")
            draft.replace(path)

    def change(self, key: str, **fields: Any) -> dict[str, Any]:
        """Set some fields of a document, and return it; KeyError if there is none."""
        with self.lock:
            document = self.get(key)
            if document is None:
                raise KeyError(key)
            document |= fields
            self.put(key, document)
        return document

    def delete(self, key: str) -> bool:
        """Remove the document; tell whether it was there."""
        with self.lock:
            path = self._path(key)
            existed = path.exists()
            path.unlink(missing_ok=True)
        return existed

    def all(self) -> list[dict[str, Any]]:
        """Return every document, the oldest first."""
        paths = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        found = (_read(path) for path in paths)
        return [document for document in found if document is not None]

    def _path(self, key: str) -> Path:
        name = quote(key, safe="")
        if len(name) > _LONGEST_NAME:  # a model's name may fill what a disk takes as one
            name = name[: _LONGEST_NAME // 2] + hashlib.sha256(name.encode()).hexdigest()
        return self._folder / f"{name}.json"


def _read(path: Path) -> dict[str, Any] | None:
    """Return the document at one path, or None if there is none, or it is being removed."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return found


class Store:
    """The folder of one offline workspace.

    Parameters
    ----------
    folder : Path
        Where it lies; made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._kinds: dict[str, Documents] = {}
        self._lock = threading.Lock()

    def documents(self, kind: str) -> Documents:
        """Return the documents of one kind, such as ``"models"``; the same object each time."""
        with self._lock:
            folder = self.folder / "documents" / kind
            return self._kinds.setdefault(kind, Documents(folder))

    def blob(self, key: str) -> Path:
        """Return where the blob of this key lies, or would lie.

        A key has slashes, as in ``ExperimentRun/dcid/model.pkl``; it cannot lead out of the folder.
        """
        parts = [quote(part, safe="") for part in key.split("/") if part]
        safe = [part.replace(".", "%2E") if set(part) == {"."} else part for part in parts]
        return self.folder / "blobs" / Path(*safe) if safe else self.folder / "blobs" / os.devnull
