"""Define StoreOutput: the output of a job in an object store."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Final

from modelship.batch.output_names import DRAFTS, OURS
from modelship.batch.store_claims import Claim, claimed, is_claimed
from modelship.batch.store_errors import StoreError, without_traces
from modelship.batch.store_files import StoreFiles
from modelship.batch.store_manifest import StoreLines
from modelship.errors import StorageError
from modelship.runtime.owned_folders import owned_folder
from modelship.sources.model_files import sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

__all__ = ["StoreOutput"]

_COPYING_S: Final = 300.0
_COPIES_FIRST: Final = ("s3://", "s3a://", "gs://", "gcs://")
_MOST_DISCARDED: Final = 100
_ADVICE: Final = (
    "Check the bucket, the credentials and the connection, and run the same command again."
)


@dataclass
class StoreOutput:
    """Puts and copies objects; see :class:`OutputFiles`.

    Parameters
    ----------
    files : StoreFiles
        The objects.
    """

    files: StoreFiles
    _claim: Claim | None = field(default=None, repr=False)
    _discarded: list[str] = field(default_factory=list, repr=False)

    @classmethod
    def at(cls, url: str) -> StoreOutput:
        """Open a URL."""
        return cls(StoreFiles.at(url))

    @property
    def shown(self) -> str:
        return self.files.url

    def others(self) -> Iterator[str]:
        if self.files.size("") is not None:
            raise NotADirectoryError(self.shown)
        yield from (each for each in self.files.sizes() if not each.startswith(f"{OURS}/"))

    def exists(self, name: str) -> bool:
        return self.files.size(name) is not None

    def read(self, name: str) -> bytes:
        return self.files.get(name)

    def open(self, name: str) -> BinaryIO:
        return self.files.open(name)

    def write(self, name: str, content: str, *, durable: bool = True) -> None:  # noqa: ARG002 - it always is
        self.files.put(name, content.encode())

    def stamp(self, name: str) -> str:
        return self.files.stamp(name)

    def sizes(self) -> dict[str, int]:
        found = self.files.sizes()
        return {name: size for name, size in found.items() if not name.startswith(f"{OURS}/")}

    def write_draft(self, name: str, write: Callable[[BinaryIO], object]) -> tuple[int, str]:
        with owned_folder("modelship-batch-") as place:
            path = place / "draft"
            with path.open("wb") as sink:
                write(sink)
            self.files.put_file(path, name)
            return path.stat().st_size, sha256_of(path)

    def enter(self, drafts: Mapping[str, tuple[str, int]]) -> None:
        """Copy drafts to their names: a worker that comes late cannot replace what is there."""
        for draft, (name, size) in drafts.items():
            if self._claim is not None:
                self._claim.require_held()
            self._copy(draft, name, size)
            self._wait_for_copy(name, size)

    def discard(self, drafts: Iterable[str]) -> None:
        """Remove them in one request for many; those that are left at the end are drafts."""
        self._discarded += drafts
        if len(self._discarded) >= _MOST_DISCARDED:
            self.files.remove(self._discarded)
            self._discarded.clear()

    def remove(self, names: Iterable[str]) -> None:
        self.files.remove(names)

    def remove_drafts(self) -> None:
        self.files.remove(self.files.sizes(DRAFTS))

    def sync(self) -> None:
        """All that was put is on disks."""

    @contextmanager
    def driving(self) -> Iterator[None]:
        with claimed(self.files) as claim:
            self._claim = claim
            try:
                yield
            finally:
                self._claim = None

    def is_driven(self) -> bool:
        return is_claimed(self.files)

    def manifest_lines(self) -> StoreLines:
        return StoreLines(self.files)

    def share(self, folder: Path, name: str) -> str:
        self.files.put_folder(folder, name)
        return f"{self.files.url}/{name}"

    def unshare(self, name: str) -> None:
        with suppress(StoreError):  # the next driver removes it
            self.files.remove(self.files.sizes(name))

    @contextmanager
    def storing(self) -> Iterator[None]:
        try:
            with without_traces():
                yield
        except StoreError as error:
            raise StorageError(self.shown, str(error), _ADVICE) from error

    def _copy(self, draft: str, name: str, size: int) -> None:
        try:
            self.files.copy(draft, name, size_bytes=size)
        except StoreError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                bucket = self.files.root.partition("/")[0]
                gone = f"while the job ran, {draft} was removed, or all of its bucket {bucket}"
                raise StoreError(gone) from error.__cause__
            raise

    def _wait_for_copy(self, name: str, size: int) -> None:
        """Wait until a copy is complete: Azure, for one, may answer before it is."""
        if self.shown.startswith(_COPIES_FIRST):
            return
        end_s = time.monotonic() + _COPYING_S
        while self.files.size(name) != size:
            if time.monotonic() > end_s:
                raise StoreError(f"{name} was copied, and does not have its {size} bytes")
            time.sleep(0.2)
