"""The containers of the storage account: creation, properties and listing.

The protocol is that of Azure's Blob service:
https://learn.microsoft.com/rest/api/storageservices/operations-on-containers
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

from modelship.testing.offline.blobs import CONTAINER, check_container, storage_answers
from modelship.testing.offline.data.account import StorageRefusalError
from modelship.testing.offline.data.blob_content import properties
from modelship.testing.offline.data.blob_metadata import BlobMetadata
from modelship.testing.offline.offline_app import Part

if TYPE_CHECKING:
    from pathlib import Path

    from werkzeug.wrappers import Request

    from modelship.testing.offline.offline_context import Context

__all__ = ["CONTAINER_NAME", "Containers"]

CONTAINER_NAME = re.compile("azureml(-[a-z0-9]+)*")
"""The names of the containers of the workspace's own account."""

_MOST_ON_A_PAGE = 5000


class Containers(Part):
    """Answers the calls about whole containers."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._metadata = BlobMetadata(context.store)

    @storage_answers("containers.create", "PUT", CONTAINER)
    def _create(self, suffix: str) -> Response:
        if not CONTAINER_NAME.fullmatch(f"azureml{suffix}"):
            message = "The specified resource name contains invalid characters."
            raise StorageRefusalError(400, "InvalidResourceName", message)
        try:
            self._store.container(f"azureml{suffix}").mkdir(parents=True)
        except FileExistsError:
            message = "The specified container already exists."
            raise StorageRefusalError(409, "ContainerAlreadyExists", message) from None
        return Response(status=201)

    @storage_answers("containers.head", "HEAD", CONTAINER)
    def _head(self, suffix: str) -> Response:
        return Response(headers=_of_container(self._find(suffix)))

    @storage_answers("containers.get", "GET", CONTAINER)
    def _get(self, request: Request, suffix: str) -> Response:
        folder = self._find(suffix)
        if request.args.get("comp") != "list":
            return Response(headers=_of_container(folder))
        asked = request.args
        marker, prefix = asked.get("marker", ""), asked.get("prefix", "")
        entries = _entries(folder, prefix=prefix, delimiter=asked.get("delimiter", ""))
        later = sorted((name, file) for name, file in entries.items() if name >= marker)
        most = max(1, min(asked.get("maxresults", _MOST_ON_A_PAGE, int), _MOST_ON_A_PAGE))
        rest = later[most : most + 1]
        next_marker = f"<NextMarker>{escape(rest[0][0]) if rest else ''}</NextMarker>"
        metadata = self._metadata if "metadata" in asked.get("include", "") else None
        found = "".join(_described(name, file, metadata) for name, file in later[:most])
        text = (
            f"<Prefix>{escape(prefix)}</Prefix><Marker>{escape(marker)}</Marker>"
            f"<MaxResults>{most}</MaxResults><Blobs>{found}</Blobs>{next_marker}"
        )
        head = '<?xml version="1.0" encoding="utf-8"?>'
        body = f"{head}<EnumerationResults>{text}</EnumerationResults>"
        return Response(body, mimetype="application/xml")

    def _find(self, suffix: str) -> Path:
        check_container(self._store, suffix)
        folder = self._store.container(f"azureml{suffix}")
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def _entries(folder: Path, *, prefix: str, delimiter: str) -> dict[str, Path | None]:
    """Return the blobs by name; with a delimiter, also the prefixes that they share (None)."""
    found: dict[str, Path | None] = {}
    for file in folder.rglob("*"):
        name = "/".join(unquote(part) for part in file.relative_to(folder).parts)
        if file.is_file() and name.startswith(prefix):
            rest = name[len(prefix) :]
            end = rest.find(delimiter) if delimiter else -1
            found[name if end < 0 else prefix + rest[: end + 1]] = file if end < 0 else None
    return found


def _described(name: str, file: Path | None, metadata: BlobMetadata | None) -> str:
    if file is None:
        return f"<BlobPrefix><Name>{escape(name)}</Name></BlobPrefix>"
    try:
        found, size = properties(file), file.stat().st_size
    except OSError:  # removed meanwhile
        return ""
    text = (
        f"<Last-Modified>{found['Last-Modified']}</Last-Modified>"
        f"<Etag>{escape(found['ETag'])}</Etag>"
        f"<Content-Length>{size}</Content-Length>"
        "<Content-Type>application/octet-stream</Content-Type>"
        "<BlobType>BlockBlob</BlobType><LeaseStatus>unlocked</LeaseStatus>"
        "<LeaseState>available</LeaseState>"
    )
    more = metadata.element(file) if metadata else ""
    return f"<Blob><Name>{escape(name)}</Name><Properties>{text}</Properties>{more}</Blob>"


def _of_container(folder: Path) -> dict[str, str]:
    found = properties(folder)
    return {name: found[name] for name in ("ETag", "Last-Modified")}
