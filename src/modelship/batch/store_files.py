"""Define StoreFiles: read, put, copy and list the objects below a URL, through fsspec."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from glob import has_magic
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from modelship.batch.store_errors import translated
from modelship.batch.store_systems import in_time, opened_system
from modelship.batch.store_waits import answering
from modelship.errors import BatchOutputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

__all__ = ["StoreFiles"]

_EXISTS: Final = (FileExistsError,)
_MISSING_OR_EXISTS: Final = (FileNotFoundError, FileExistsError)


@dataclass(frozen=True)
class StoreFiles:
    """Objects by their names below a URL.

    A put and a copy replace an object at once. Listings and reads have what was written before, as
    S3, Google Cloud Storage and Azure Blob Storage promise.

    Parameters
    ----------
    url : str
        The URL, without credentials.
    system : AbstractFileSystem
        What opens it.
    root : str
        Its path there.
    """

    url: str
    system: Any
    root: str

    @classmethod
    def at(cls, url: str) -> StoreFiles:
        """Open a URL.

        Raises
        ------
        MissingExtraError
            If fsspec is not installed.
        BatchOutputError
            If the driver of the store is not installed, or refuses the URL.
        """
        try:
            system, root = opened_system(url)
        except (ImportError, ValueError) as error:
            problem = f"its file system is not available: {error}".rstrip(".")
            advice = "Install the driver of fsspec for it, such as s3fs, gcsfs or adlfs."
            raise BatchOutputError(url, problem, advice) from error
        return cls(url, system, root.rstrip("/"))

    def get(self, name: str) -> bytes:
        """Return an object; FileNotFoundError if there is none."""
        with self._asking():
            found: bytes = self.system.cat_file(self._at(name))
            return found

    def get_all(self, names: Sequence[str]) -> list[bytes]:
        """Return objects, which are read at the same time where the driver can."""
        if not names:
            return []
        paths = [self._at(each) for each in names]
        if any(map(has_magic, paths)):  # drivers take several paths for patterns
            return [self.get(each) for each in names]
        with self._asking():
            found = self.system.cat(paths)
        return [found[each] for each in paths]

    def open(self, name: str) -> BinaryIO:
        """Open an object to read it."""
        with self._asking():
            self.system.invalidate_cache()
            opened: BinaryIO = self.system.open(self._at(name), "rb")
            return opened

    def put(self, name: str, content: bytes) -> None:
        """Write an object at once, whether it exists or not."""
        with self._asking(is_put=True):
            in_time(self.system, "pipe_file", self._at(name), content, size_bytes=len(content))

    def create(self, name: str, content: bytes) -> None:
        """Write an object at once; FileExistsError if it exists, also if it does meanwhile."""
        with self._asking(is_put=True):
            place = self._at(name)
            in_time(
                self.system, "pipe_file", place, content, size_bytes=len(content), mode="create"
            )

    def put_file(self, path: Path, name: str) -> None:
        """Write an object from a file of this machine."""
        with self._asking(is_put=True):
            size = path.stat().st_size
            in_time(self.system, "put_file", str(path), self._at(name), size_bytes=size)

    def put_folder(self, folder: Path, name: str) -> None:
        """Write the files of a folder of this machine."""
        files = [each for each in folder.rglob("*") if each.is_file()]
        for each in files:
            self.put_file(each, f"{name}/{each.relative_to(folder).as_posix()}")

    def get_folder(self, name: str, folder: Path) -> None:
        """Write the objects below a name to a folder of this machine."""
        for each in self.sizes(name):
            target = folder / each.removeprefix(f"{name}/")
            target.parent.mkdir(parents=True, exist_ok=True)
            with self._asking():
                self.system.get_file(self._at(each), str(target))

    def copy(self, name: str, other: str) -> None:
        """Copy an object within the store, at once; what was there is replaced."""
        with self._asking(is_put=True):
            self.system.cp_file(self._at(name), self._at(other))

    def size(self, name: str) -> int | None:
        """Return the size of an object in bytes; None if there is none."""
        with self._asking(), suppress(FileNotFoundError):
            self.system.invalidate_cache()
            facts = in_time(self.system, "info", self._at(name))
            return int(facts["size"]) if facts["type"] == "file" else None
        return None

    def sizes(self, below: str = "") -> dict[str, int]:
        """Return the sizes of all objects in bytes, by their names; or of those below a name."""
        with self._asking():
            self.system.invalidate_cache()
            try:
                found = self.system.find(self._at(below) if below else self.root, detail=True)
            except FileNotFoundError:
                return {}
        start = f"{self.root}/"
        return {
            path.removeprefix(start): int(each["size"])
            for path, each in found.items()
            if path.startswith(start) and not path.endswith("/")
        }

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects; those that do not exist are ignored."""
        paths = [self._at(each) for each in names]
        plain = [each for each in paths if not has_magic(each)]
        with self._asking():
            try:
                if plain:
                    self.system.rm(plain)
                left = [each for each in paths if has_magic(each)]  # rm takes them for patterns
            except FileNotFoundError:  # some drivers look first, and remove none
                left = paths
            for each in left:
                with suppress(FileNotFoundError):
                    self.system.rm_file(each)

    def _at(self, name: str) -> str:
        return f"{self.root}/{name}"

    @contextmanager
    def _asking(self, *, is_put: bool = False) -> Iterator[None]:
        """Convert what a driver raises; to put an object without its bucket is an error, too."""
        with answering(self.url), translated(*(_EXISTS if is_put else _MISSING_OR_EXISTS)):
            yield
