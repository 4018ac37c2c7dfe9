"""Define LocalOutput: the output of a job in a folder of this machine, or a mounted one."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from modelship.batch.driver_lock import driving, is_driven
from modelship.batch.local_manifest import LocalLines
from modelship.batch.output_names import DRAFTS, LOCK, MANIFEST, OURS
from modelship.sources.model_files import sha256_of
from modelship.staging import storing, write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

__all__ = ["LocalOutput"]


@dataclass(frozen=True)
class LocalOutput:
    """Writes and renames files of a folder; see :class:`OutputFiles`.

    Parameters
    ----------
    path : Path
        The folder; it may not exist.
    """

    path: Path

    @property
    def shown(self) -> str:
        return str(self.path)

    def others(self) -> Iterator[str]:
        if os.path.lexists(self.path):
            yield from (each.name for each in self.path.iterdir() if each.name != OURS)

    def exists(self, name: str) -> bool:
        return (self.path / name).exists()

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def open(self, name: str) -> BinaryIO:
        return (self.path / name).open("rb")

    def write(self, name: str, content: str, *, durable: bool = True) -> None:
        write_atomic(self.path / name, content, durable=durable)
        if durable:
            _sync((self.path / name).parent)

    def stamp(self, name: str) -> str:
        status = (self.path / name).stat()
        return f"{status.st_mtime_ns}-{status.st_ino}"

    def sizes(self) -> dict[str, int]:
        return dict(self._sizes())

    def _sizes(self) -> Iterator[tuple[str, int]]:
        for here, folders, names in os.walk(self.path):
            folders[:] = [each for each in folders if each != OURS]
            for each in names:
                path = os.path.join(here, each)  # noqa: PTH118 - a million files
                yield os.path.relpath(path, self.path), _size(path)

    def write_draft(self, name: str, write: Callable[[BinaryIO], object]) -> tuple[int, str]:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("wb") as sink:
                write(sink)
                sink.flush()
                os.fsync(sink.fileno())
                size = os.fstat(sink.fileno()).st_size
        except BaseException:  # a full disk, for one, which the part of a file would fill
            path.unlink(missing_ok=True)
            raise
        return size, sha256_of(path)

    def enter(self, drafts: Mapping[str, tuple[str, int]]) -> None:
        for draft, (name, _) in drafts.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            (self.path / draft).replace(target)

    def discard(self, drafts: Iterable[str]) -> None:
        """Nothing is left of a file that was renamed."""

    def remove(self, names: Iterable[str]) -> None:
        for each in names:
            (self.path / each).unlink(missing_ok=True)

    def remove_drafts(self) -> None:
        shutil.rmtree(self.path / DRAFTS, ignore_errors=True)

    def sync(self) -> None:
        for folder, _, _ in os.walk(self.path):
            _sync(folder)

    def driving(self) -> AbstractContextManager[None]:
        return driving(self.path / LOCK)

    def is_driven(self) -> bool:
        return is_driven(self.path / LOCK)

    def manifest_lines(self) -> LocalLines:
        return LocalLines(self.path / MANIFEST)

    def share(self, folder: Path, name: str) -> str:
        place = self.path.absolute() / name
        shutil.copytree(folder, place)
        return str(place)

    def unshare(self, name: str) -> None:
        shutil.rmtree(self.path / name, ignore_errors=True)

    def storing(self) -> AbstractContextManager[None]:
        return storing(self.path, ours=False)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - a million files
    except FileNotFoundError:  # a link that leads nowhere
        return -1


def _sync(folder: str | Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
