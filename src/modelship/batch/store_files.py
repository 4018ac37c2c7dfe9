"""Define StoreFiles: read, put, copy and list the objects below a URL, through fsspec."""

from __future__ import annotations

import io
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from glob import has_magic
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from modelship.batch.store_errors import StoreError, translated
from modelship.batch.store_reading import RANGE_BYTES, RangeReader
from modelship.batch.store_systems import (
    in_steps,
    in_time,
    is_asynchronous,
    opened_system,
    stamp_in,
)
from modelship.batch.store_waits import answering
from modelship.errors import BatchOutputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

__all__ = ["StoreFiles"]

_EXISTS: Final = (FileExistsError,)
_MISSING_OR_EXISTS: Final = (FileNotFoundError, FileExistsError)
_READ_AT_ONCE: Final = 100
_READ_BYTES: Final = 2**16  # of each of these: they are lines of the manifest
_REMOVED_AT_ONCE: Final = 500
_COPIED_FASTER: Final = 20  # than over a connection, because it is done within the store


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
    limit_s : float, optional
        For how long an operation may wait, in seconds; more for many bytes. By default, as long as
        is usual, or as the user has let the driver wait.
    """

    url: str
    system: Any
    root: str
    limit_s: float | None = None

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
        if not is_asynchronous(self.system):
            with self._asking():
                found: bytes = self.system.cat_file(self._at(name))
                return found
        start = self._first_range(name)
        if len(start) < RANGE_BYTES:
            return start
        with self.open(name) as rest:
            rest.seek(len(start))
            return start + rest.read()

    def get_all(self, names: Sequence[str]) -> list[bytes]:
        """Return small objects, which are read at the same time where the driver can."""
        paths = [self._at(each) for each in names]
        if any(map(has_magic, paths)):  # drivers take several paths for patterns
            return [self.get(each) for each in names]
        found: dict[str, bytes] = {}
        for some in _batches(paths, _READ_AT_ONCE):
            with self._asking():
                found |= self._in_time("cat", some, size_bytes=len(some) * _READ_BYTES)
        return [found[each] for each in paths]

    def open(self, name: str) -> BinaryIO:
        """Open an object to read it."""
        if not is_asynchronous(self.system):
            with self._asking():
                self.system.invalidate_cache()
                opened: BinaryIO = self.system.open(self._at(name), "rb")
                return opened
        size = self.size(name)
        if size is None:
            raise FileNotFoundError(self._at(name))
        return self._reader(name, size)

    def put(self, name: str, content: bytes) -> None:
        """Write an object at once, whether it exists or not."""
        with self._asking(is_put=True):
            self._in_time("pipe_file", self._at(name), content, size_bytes=len(content))

    def create(self, name: str, content: bytes) -> None:
        """Write an object at once; FileExistsError if it exists, also if it does meanwhile."""
        with self._asking(is_put=True):
            place = self._at(name)
            self._in_time("pipe_file", place, content, size_bytes=len(content), mode="create")

    def put_file(self, path: Path, name: str) -> None:
        """Write an object from a file of this machine."""
        with self._asking(is_put=True):
            size = path.stat().st_size
            self._in_time("put_file", str(path), self._at(name), size_bytes=size)

    def put_folder(self, folder: Path, name: str) -> None:
        """Write the files of a folder of this machine."""
        files = [each for each in folder.rglob("*") if each.is_file()]
        for each in files:
            self.put_file(each, f"{name}/{each.relative_to(folder).as_posix()}")

    def get_folder(self, name: str, folder: Path) -> None:
        """Write the objects below a name to a folder of this machine."""
        for each, size in self.sizes(name).items():
            target = folder / each.removeprefix(f"{name}/")
            target.parent.mkdir(parents=True, exist_ok=True)
            with self._reader(each, size) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink, RANGE_BYTES)

    def copy(self, name: str, other: str, *, size_bytes: int = 0) -> None:
        """Copy an object within the store, at once; what was there is replaced."""
        with self._asking(is_put=True):
            places = self._at(name), self._at(other)
            self._in_time("cp_file", *places, size_bytes=size_bytes // _COPIED_FASTER)

    def size(self, name: str) -> int | None:
        """Return the size of an object in bytes; None if there is none."""
        with self._asking(), suppress(FileNotFoundError):
            self.system.invalidate_cache()
            facts = self._in_time("info", self._at(name))
            return int(facts["size"]) if facts["type"] == "file" else None
        return None

    def stamp(self, name: str) -> str:
        """Return what changes with the content of an object; FileNotFoundError if there is none."""
        with self._asking():
            self.system.invalidate_cache()
            return stamp_in(self._in_time("info", self._at(name)))

    def sizes(self, below: str = "") -> dict[str, int]:
        """Return the sizes of all objects in bytes, by their names; or of those below a name."""
        with self._asking():
            self.system.invalidate_cache()
            try:
                place = self._at(below) if below else self.root
                found = self._in_steps("find", place, detail=True)
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
        left = [each for each in paths if has_magic(each)]  # rm takes them for patterns
        plain = [each for each in paths if not has_magic(each)]
        for some in _batches(plain, _REMOVED_AT_ONCE):
            with self._asking():
                try:
                    self._in_time("rm", some)
                except FileNotFoundError:  # some drivers look first, and remove none
                    left += some
        for each in left:
            with self._asking(), suppress(FileNotFoundError):
                self._in_time("rm_file", each)

    def _reader(self, name: str, size_bytes: int) -> BinaryIO:
        """Return an object to read, of which each range has a time limit."""
        raw = RangeReader(lambda start, stop: self._range(name, start, stop), size_bytes)
        return io.BufferedReader(raw, RANGE_BYTES)

    def _range(self, name: str, start: int, stop: int) -> bytes:
        with self._asking():
            found: bytes = self._in_steps("cat_file", self._at(name), start=start, end=stop)
            return found

    def _first_range(self, name: str) -> bytes:
        try:
            return self._range(name, 0, RANGE_BYTES)
        except StoreError:
            if self.size(name) == 0:  # an empty object has no range
                return b""
            raise

    def _in_time(self, operation: str, *given: Any, **named: Any) -> Any:
        return in_time(self.system, operation, *given, limit_s=self.limit_s, **named)

    def _in_steps(self, operation: str, *given: Any, **named: Any) -> Any:
        return in_steps(self.system, operation, *given, limit_s=self.limit_s, **named)

    def _at(self, name: str) -> str:
        return f"{self.root}/{name}"

    @contextmanager
    def _asking(self, *, is_put: bool = False) -> Iterator[None]:
        """Convert what a driver raises; to put an object without its bucket is an error, too."""
        with answering(self.url), translated(*(_EXISTS if is_put else _MISSING_OR_EXISTS)):
            yield


def _batches(paths: Sequence[str], count: int) -> Iterator[list[str]]:
    for at in range(0, len(paths), count):
        yield [*paths[at : at + count]]
