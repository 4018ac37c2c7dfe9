"""Create reproducible tar streams that depend on names and content alone.

A stream is generated while it is sent, so the files of an image are not written a second time.
"""

from __future__ import annotations

import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["Archive", "below", "sent"]

_BLOCK_BYTES = tarfile.BLOCKSIZE
_CHUNK_BYTES = 1 << 20
# 1980-01-01: the earliest time in a zip file, so that files keep it if they are zipped later.
_MTIME_S = 315_532_800
_EXECUTABLE = 0o111


@dataclass(frozen=True)
class Archive:
    """A tar archive as an iterable of bytes. All entries belong to root; everyone can read them.

    Parameters
    ----------
    files : Mapping[str, bytes or Path or Archive]
        The content of each file by its path in the archive; a Path stands for the content of that
        file, and keeps its executable bit.
    folders : Iterable[str]
        Paths that get an explicit entry, and therefore a fixed time. The folders between them and
        the files get one too.
    """

    files: Mapping[str, bytes | Path | Archive]
    folders: Iterable[str] = ()

    @property
    def size_bytes(self) -> int:
        """The size of the stream in bytes."""
        padded = sum(len(header) + _padded(size) for header, size, _ in self._members())
        return padded + 2 * _BLOCK_BYTES

    def __iter__(self) -> Iterator[bytes]:
        for header, size, content in self._members():
            yield header
            sent = 0
            for chunk in _chunks(content):
                sent += len(chunk)
                yield chunk
            if sent != size:
                raise OSError(f"{content!r} changed while it was read")
            yield bytes(_padded(size) - size)
        yield bytes(2 * _BLOCK_BYTES)

    def _members(self) -> Iterator[tuple[bytes, int, bytes | Path | Archive]]:
        for folder in self._all_folders():
            yield _header(folder, kind=tarfile.DIRTYPE, mode=0o755), 0, b""
        for path, content in sorted(self.files.items()):
            size = _size_bytes(content)
            yield _header(path, size=size, mode=_mode(content)), size, content

    def _all_folders(self) -> list[str]:
        folders = set(self.folders)
        for path in self.files:
            above = {str(parent) for parent in PurePosixPath(path).parents}
            folders |= {
                folder
                for folder in above
                if any(PurePosixPath(folder).is_relative_to(top) for top in self.folders)
            }
        return sorted(folders)


def below(folder: Path, place: str) -> Mapping[str, Path]:
    """Return the files of `folder` by their paths in an image, where the folder is `place`."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {f"{place}/{path.relative_to(folder).as_posix()}": path for path in files}


def sent(archive: Archive, folder: Path) -> Iterator[bytes]:
    """Yield an archive, and remove the folder of its files afterwards."""
    yield from archive
    shutil.rmtree(folder, ignore_errors=True)


def _header(path: str, *, mode: int, size: int = 0, kind: bytes = tarfile.REGTYPE) -> bytes:
    member = tarfile.TarInfo(path)
    member.type, member.mode, member.size, member.mtime = kind, mode, size, _MTIME_S
    return member.tobuf(tarfile.GNU_FORMAT, errors="surrogateescape")


def _mode(content: bytes | Path | Archive) -> int:
    executable = isinstance(content, Path) and content.stat().st_mode & _EXECUTABLE
    return 0o755 if executable else 0o644


def _size_bytes(content: bytes | Path | Archive) -> int:
    if isinstance(content, Path):
        return content.stat().st_size
    return content.size_bytes if isinstance(content, Archive) else len(content)


def _padded(size: int) -> int:
    return -(-size // _BLOCK_BYTES) * _BLOCK_BYTES


def _chunks(content: bytes | Path | Archive) -> Iterator[bytes]:
    if isinstance(content, Archive):
        yield from content
    elif isinstance(content, Path):
        with content.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
    elif content:
        yield content
