"""Find the files at a URI of SDK v2, and make them artifacts, which SDK v1 reads."""

from __future__ import annotations

import posixpath
import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from modelship.testing.offline.images import link_or_copy
from modelship.testing.offline.json_exchange import RefusalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from modelship.testing.offline.document_store import Store

__all__ = ["ARTIFACTS", "BlobPath", "adopt", "datastore_uri", "located"]

ARTIFACTS: Final = "azureml"
"""The container of artifacts, the one of the datastore ``workspaceartifactstore``."""

_OF_DATASTORE = re.compile(
    r"azureml:/*(?:/?subscriptions/[^/]+/resource[gG]roups/[^/]+"
    r"(?:/providers/Microsoft\.MachineLearningServices)?/workspaces/[^/]+/)?"
    r"datastores/(?P<datastore>[^/]+)/paths/+(?P<path>.+)"
)
_OF_JOB = re.compile(r"azureml://jobs/(?P<job>[^/]+)/outputs/artifacts(?:/paths)?/(?P<path>.+)")
_OF_RUN = re.compile(r"runs:/(?P<job>[^/]+)/(?P<path>.+)")
_OF_STORAGE = re.compile(r"https?://[^/]+/(?P<container>[^/?]+)/(?P<path>[^?]+)(?:\?.*)?")
_FORMS: Final = (
    "azureml://datastores/<name>/paths/<path>, azureml://jobs/<name>/outputs/artifacts/paths/"
    "<path>, or the address of a blob in the storage account of the workspace"
)


@dataclass(frozen=True)
class BlobPath:
    """A blob, or a folder of blobs.

    Parameters
    ----------
    container : str
        The container in the storage account of the workspace.
    path : str
        The name of the blob, or the common beginning of the names.
    """

    container: str
    path: str


def datastore_uri(workspace_path: str, datastore: str, path: str) -> str:
    """Return the URI of a path in a datastore, with the id of the workspace."""
    where = workspace_path.replace("/providers/Microsoft.MachineLearningServices", "")
    return f"azureml:/{where}/datastores/{datastore}/paths/{path}"


def located(uri: str, container_of: Callable[[str], str]) -> BlobPath:
    """Return what a URI names.

    Parameters
    ----------
    uri : str
        The URI of a model, of code or of data.
    container_of : Callable
        Returns the container of a datastore, by name.

    Raises
    ------
    RefusalError
        If the URI has another form.
    """
    if found := _OF_DATASTORE.fullmatch(uri):
        return BlobPath(container_of(found["datastore"]), found["path"])
    if found := _OF_JOB.fullmatch(uri) or _OF_RUN.fullmatch(uri):
        return BlobPath(ARTIFACTS, f"ExperimentRun/dcid.{found['job']}/{found['path']}")
    found = _OF_STORAGE.fullmatch(uri)
    if found and found["container"].startswith(ARTIFACTS):
        return BlobPath(found["container"], unquote(found["path"]))
    raise RefusalError(400, "BadArgument", f"{uri} is not supported: expected {_FORMS}.")


def adopt(store: Store, place: BlobPath) -> str:
    """Make the files at a place artifacts, and return their prefix.

    A file has one content on disk, whichever name it is read by. The artifacts stay as they are
    when other files are written to the place.

    Raises
    ------
    RefusalError
        If there is no file.
    """
    path = place.path.strip("/")
    source = store.blob(path, container=place.container)
    files = list(_files(source))
    if not files:
        message = f"There is no file at {path} in the container {place.container}."
        raise RefusalError(400, "BadArgument", message)
    if place.container == ARTIFACTS:
        return path
    prefix = f"LocalUpload/{uuid.uuid4()}/{posixpath.basename(path)}"
    target = store.blob(prefix)
    for file in files:
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        link_or_copy(file, copy)
    return prefix


def _files(source: Path) -> Iterator[Path]:
    if source.is_file():
        yield source
    yield from sorted(each for each in source.rglob("*") if each.is_file())
