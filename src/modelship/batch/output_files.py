"""Define OutputFiles: what a job needs of the place of its output, and open that of a path.

A draft is written under a name that no other attempt has, and is entered under its own name at
once: readers of the folder see a complete file, or none. On this machine a rename does so, and in
an object store a copy of one object.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

from modelship.batch.file_places import is_remote
from modelship.batch.local_output import LocalOutput
from modelship.batch.store_output import StoreOutput
from modelship.batch.store_systems import canonical_url
from modelship.batch.url_secrets import require_no_secret
from modelship.errors import InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from modelship.batch.manifest import ManifestLines

__all__ = ["OutputFiles", "output_files", "output_place"]

_STORES: Final = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss", "memory"}
_EXPECTED: Final = (
    "a folder of this machine, a mounted one, or a path in an object store (s3://, gs://, abfs://)"
)
_TWO_SLASHES: Final = (
    "two slashes in the URL of an object store (s3://bucket/scored), as a text: a Path has one"
)


class OutputFiles(Protocol):
    """The files of the output of a job; their names are relative to it, with slashes."""

    @property
    def shown(self) -> str:
        """The path or the URL of the output, for messages."""
        ...

    def others(self) -> Iterator[str]:
        """Yield names in it that are not of the plan and the manifest.

        Raises
        ------
        NotADirectoryError
            If it is a file.
        """
        ...

    def exists(self, name: str) -> bool:
        """Return whether there is such a file."""
        ...

    def read(self, name: str) -> bytes:
        """Return the content of a file; FileNotFoundError if there is none."""
        ...

    def open(self, name: str) -> BinaryIO:
        """Open a file to read it."""
        ...

    def write(self, name: str, content: str, *, durable: bool = True) -> None:
        """Write a file atomically."""
        ...

    def stamp(self, name: str) -> str:
        """Return what changes with the content of a file; FileNotFoundError if there is none."""
        ...

    def sizes(self) -> dict[str, int]:
        """Return the sizes in bytes of the files with rows, and with failed rows."""
        ...

    def write_draft(self, name: str, write: Callable[[BinaryIO], object]) -> tuple[int, str]:
        """Write a draft; return its size in bytes, and its hex sha256 digest."""
        ...

    def enter(self, drafts: Mapping[str, tuple[str, int]]) -> None:
        """Give drafts, by their names, names and sizes for readers; each at once."""
        ...

    def discard(self, drafts: Iterable[str]) -> None:
        """Remove what is left of drafts that were entered."""
        ...

    def remove(self, names: Iterable[str]) -> None:
        """Remove files; those that do not exist are ignored."""
        ...

    def remove_drafts(self) -> None:
        """Remove all drafts."""
        ...

    def sync(self) -> None:
        """Wait until all that was written survives a failure of power."""
        ...

    def driving(self) -> AbstractContextManager[None]:
        """Keep other drivers out while the body runs.

        Raises
        ------
        BatchOutputError
            If another process drives the job.
        """
        ...

    def is_driven(self) -> bool:
        """Return whether another process drives the job, as far as is visible."""
        ...

    def manifest_lines(self) -> ManifestLines:
        """Return the lines of the manifest."""
        ...

    def share(self, folder: Path, name: str) -> str:
        """Copy a folder of this machine to a name; return the path at which workers find it."""
        ...

    def unshare(self, name: str) -> None:
        """Remove that copy."""
        ...

    def storing(self) -> AbstractContextManager[None]:
        """Convert the errors of the disk, or the store, in the body to StorageError."""
        ...


def output_place(output: str | Path) -> Path | str:
    """Return the folder of an output on this machine, or its URL in an object store.

    Raises
    ------
    InvalidOptionError
        If its scheme is not that of an object store: files of others can be seen before they are
        complete. Or if it has credentials, an empty folder (``//``), or one slash after the
        scheme, as a Path of a URL has.
    """
    path = canonical_url(str(output)).removeprefix("file://")
    if not is_remote(path):
        if path.partition(":/")[0] in _STORES and ":/" in path:
            raise InvalidOptionError("output", path, _TWO_SLASHES)
        return Path(path)
    require_no_secret("output", path)
    scheme, _, place = path.partition("://")
    if scheme not in _STORES or not place.strip("/"):
        raise InvalidOptionError("output", path, _EXPECTED)
    if "//" in place.rstrip("/"):
        plain = f"{scheme}://{re.sub('/+', '/', place).strip('/')}"
        raise InvalidOptionError("output", path, f"a URL without empty folders: {plain}")
    return path.rstrip("/")


def output_files(output: str | Path) -> OutputFiles:
    """Return the files of an output.

    Raises
    ------
    InvalidOptionError
        As :func:`output_place`.
    MissingExtraError
        If fsspec is not installed.
    BatchOutputError
        If the driver of the store is not installed.
    """
    place = output_place(output)
    return StoreOutput.at(place) if isinstance(place, str) else LocalOutput(place)
