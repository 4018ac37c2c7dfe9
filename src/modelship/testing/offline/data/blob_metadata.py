"""The metadata of blobs: names and values that a client sets, and reads again.

Azure ML's SDK v2 marks an upload as complete in it.
https://learn.microsoft.com/rest/api/storageservices/setting-and-retrieving-properties-and-metadata-for-blob-resources
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from modelship.testing.offline.data.account import x_ms_fields

if TYPE_CHECKING:
    from pathlib import Path

    from werkzeug.wrappers import Request

    from modelship.testing.offline.document_store import Store

__all__ = ["BlobMetadata"]

_PREFIX: Final = "x-ms-meta-"


class BlobMetadata:
    """The metadata of the blobs of a store.

    Parameters
    ----------
    store : Store
        Stores it, next to the blobs.
    """

    def __init__(self, store: Store) -> None:
        self._folder = store.folder
        self._documents = store.documents("blob-metadata")

    def put(self, blob: Path, request: Request) -> None:
        """Replace the metadata of a blob by that of a request; without any, it has none."""
        found = {
            name.removeprefix(_PREFIX): value
            for name, value in x_ms_fields(request).items()
            if name.startswith(_PREFIX)
        }
        if found:
            self._documents.put(self._key(blob), {"fields": found})
        else:
            self.remove(blob)

    def remove(self, blob: Path) -> None:
        """Remove the metadata of a blob."""
        self._documents.delete(self._key(blob))

    def fields(self, blob: Path) -> dict[str, str]:
        """Return the header fields with the metadata of a blob."""
        return {f"{_PREFIX}{name}": value for name, value in self._found(blob).items()}

    def element(self, blob: Path) -> str:
        """Return the metadata of a blob as the XML of a list."""
        pairs = self._found(blob).items()
        inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in pairs)
        return f"<Metadata>{inner}</Metadata>"

    def _found(self, blob: Path) -> dict[str, str]:
        found = self._documents.get(self._key(blob)) or {"fields": {}}
        return dict(found["fields"])

    def _key(self, blob: Path) -> str:
        return blob.relative_to(self._folder).as_posix()
