"""Artifacts: names of the form ``<origin>/<container>/<path>`` for the blobs behind them."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from modelship.testing.offline.blobs import signed_path
from modelship.testing.offline.control import ART, is_direct, storage_base
from modelship.testing.offline.json_exchange import RefusalError, json_list
from modelship.testing.offline.moments import moment
from modelship.testing.offline.offline_app import Part, answers

if TYPE_CHECKING:
    from pathlib import Path

    from werkzeug.wrappers import Request

    from modelship.testing.offline.document_store import Store

__all__ = ["Artifacts", "artifact_files"]

_GROUP = "<origin>/<container>"
_ONE = f"contentinfo/{_GROUP}/<path:path>"
_LONGEST_PART = 240
_LONGEST_PATH = 1024  # the limit for a blob in Azure


def artifact_files(store: Store, prefix: str) -> dict[str, Path]:
    """Return the files of the artifacts under a prefix.

    Parameters
    ----------
    store : Store
        Where the blobs are stored.
    prefix : str
        An artifact id (``LocalUpload/1a/model.pkl``), or a folder of artifacts
        (``LocalUpload/1a/``).

    Returns
    -------
    dict
        The path of each file, relative to the prefix's parent folder (``model.pkl``,
        ``model/a.txt``), and the file; empty if there is none.
    """
    place = store.blob(prefix)
    files = [place] if place.is_file() else sorted(p for p in place.rglob("*") if p.is_file())
    parts = {file: file.relative_to(place.parent).parts for file in files}
    return {"/".join(map(unquote, parts[file])): file for file in files}


class Artifacts(Part):
    """Returns the addresses to write artifacts to, and to read them from."""

    def paths(self, origin: str, container: str) -> list[str]:
        """Return the paths of all artifacts in a container, sorted."""
        found = artifact_files(self._store, f"{origin}/{container}")
        return sorted(name.removeprefix(f"{container}/") for name in found)

    def read_address(self, request: Request, key: str) -> str:
        """Return the address at which the sender of a request can read the blob of a key."""
        base = storage_base(request, self._identity)
        return base + signed_path(self._context.guard, key, permissions="r")

    def upload_address(self, request: Request, key: str) -> str:
        """Return the address at which the sender of a request can write the blob of a key."""
        base = self._direct_storage if is_direct(request) else self._identity.storage_url
        return base + signed_path(self._context.guard, key, permissions="rw")

    @answers("artifacts.metadata", "POST", f"{ART}/batch/metadata/{_GROUP}")
    def _create(
        self, request: Request, body: dict[str, Any], origin: str, container: str
    ) -> dict[str, Any]:
        artifacts, contents = {}, {}
        for path in _wanted(body):
            contents[path] = self._write(request, origin, container, path)
            artifacts[path] = _named(origin, container, path) | {"createdTime": moment()}
        return {"artifacts": artifacts, "artifactContentInformation": contents, "errors": {}}

    @answers("artifacts.prefix", "GET", f"{ART}/prefix/{_ONE}")
    def _list(self, request: Request, origin: str, container: str, path: str) -> dict[str, Any]:
        parent = posixpath.dirname(path.rstrip("/"))
        found = artifact_files(self._store, f"{origin}/{container}/{path}")
        paths = [posixpath.join(parent, name) for name in found]
        value = [self._content(request, origin, container, each) for each in paths]
        return json_list(value) | {"nextLink": None}

    @answers("artifacts.content", "GET", f"{ART}/{_ONE}")
    def _get(self, request: Request, origin: str, container: str, path: str) -> dict[str, Any]:
        if not self._store.blob(f"{origin}/{container}/{path}").is_file():
            message = f"There is no artifact {origin}/{container}/{path}."
            raise RefusalError(404, "ArtifactNotFound", message)
        return self._content(request, origin, container, path)

    @answers("artifacts.list", "GET", f"{ART}/{_GROUP}")
    def _list_all(self, origin: str, container: str) -> dict[str, Any]:
        paths = self.paths(origin, container)
        return json_list([_named(origin, container, path) for path in paths])

    @answers("artifacts.write", "GET", f"{ART}/write/{_GROUP}/<path:path>")
    def _write(self, request: Request, origin: str, container: str, path: str) -> dict[str, Any]:
        key = _checked(f"{origin}/{container}/{path}")
        address = self.upload_address(request, key)
        return {"origin": origin, "container": container, "path": path, "contentUri": address}

    def _content(self, request: Request, origin: str, container: str, path: str) -> dict[str, Any]:
        address = self.read_address(request, f"{origin}/{container}/{path}")
        return {"origin": origin, "container": container, "path": path, "contentUri": address}

    @property
    def _direct_storage(self) -> str:
        # With TLS: the SDK uploads only over it. It splits the host at its dots and joins the
        # pieces with `.blob.`; in this form the labels that it builds end up as user information,
        # which no server reads.
        account, port = self._identity.storage_account, self._identity.ports["https"]
        return f"https://{account}.blob.offline@127.0.0.1:{port}"


def _named(origin: str, container: str, path: str) -> dict[str, Any]:
    key = f"{origin}/{container}/{path}"
    return {"origin": origin, "container": container, "path": path, "artifactId": key}


def _wanted(body: dict[str, Any]) -> list[str]:
    """Return the paths that a client wants to write to."""
    try:
        return [str(each["path"]) for each in body.get("paths") or []]
    except (TypeError, KeyError):
        raise RefusalError(400, "BadArgument", "paths is not a list of {path}") from None


def _checked(path: str) -> str:
    """Return the path of an artifact, checked to be safe to write as a file."""
    if len(path.encode()) > _LONGEST_PATH:
        message = f"The path of an artifact has more than {_LONGEST_PATH} bytes"
        raise RefusalError(400, "InvalidArtifactPath", message)
    for part in path.split("/"):
        if not part or set(part) == {"."} or len(quote(part, safe="")) > _LONGEST_PART:
            message = f"An offline workspace cannot store an artifact with {part!r} in its path"
            raise RefusalError(400, "InvalidArtifactPath", message)
    return path
