"""Find and read the source files next to a scoring script, with limits."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelship.documents import DocumentError, read_regular
from modelship.errors import EntryScriptError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

__all__ = [
    "MOST_SOURCE_BYTES",
    "SourceFile",
    "files_below",
    "is_there",
    "read_file",
    "read_folder",
]

MOST_SOURCE_BYTES: Final = 2**30
"""The maximum size of a bundle's source; it is kept in memory."""

# Names in a source folder that a service never needs.
_LEFT_OUT: Final = frozenset(
    {"__pycache__", ".git", ".hg", ".venv", ".ipynb_checkpoints", ".DS_Store"}
)
_MOST_DEEP: Final = 64
_FLATTER: Final = "Name a source_directory that holds the script and what it imports, and no more."
_NO_FILE: Final = "Replace links by the files themselves, and remove anything that is not a file."


@dataclass(frozen=True)
class SourceFile:
    """A file of the script's folder.

    Parameters
    ----------
    path : str
        The path relative to the script's folder, in POSIX form.
    content : bytes
        The content of the file.
    """

    path: str
    content: bytes

    @property
    def sha256(self) -> str:
        """The hex sha256 digest of the content."""
        return hashlib.sha256(self.content).hexdigest()


def is_there(path: Path) -> bool:
    """Return whether `path` is a file; False for a path that is too long."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def read_folder(folder: Path) -> tuple[SourceFile, ...]:
    """Read all files below `folder`, sorted by path.

    Raises
    ------
    EntryScriptError
        If a file cannot be read, or the total size is more than 1 GiB.
    """
    found: list[SourceFile] = []
    left = MOST_SOURCE_BYTES
    for path in sorted(files_below(folder, without=_LEFT_OUT)):
        if path.suffix != ".pyc":
            relative = path.relative_to(folder).as_posix()
            found.append(read_file(path, relative, most_bytes=left))
            left -= len(found[-1].content)
    return tuple(found)


def read_file(path: Path, relative: str, *, most_bytes: int = MOST_SOURCE_BYTES) -> SourceFile:
    """Read a source file; a link to a file is followed.

    Raises
    ------
    EntryScriptError
        If it is not a file, cannot be read, or is larger than `most_bytes` bytes.
    """
    try:
        return SourceFile(relative, read_regular(path, most_bytes=most_bytes, follow=True))
    except (OSError, DocumentError) as error:
        problem = f"it cannot be read: {getattr(error, 'strerror', None) or error}."
        if path.is_symlink() and not is_there(path):
            problem = "the link leads to a folder or nowhere."
        raise EntryScriptError(path=str(path), problem=problem, advice=_NO_FILE) from error


def files_below(folder: Path, *, without: Collection[str] = ()) -> Iterator[Path]:
    """Yield all paths below `folder` that are not folders; links are not followed.

    Parameters
    ----------
    folder : Path
        The folder to search.
    without : Collection[str]
        Names of files and folders to skip.

    Raises
    ------
    EntryScriptError
        If folders are nested more than 64 levels deep, or a folder cannot be read.
    """
    waiting = [(folder, 0)]
    while waiting:
        here, depth = waiting.pop()
        if depth > _MOST_DEEP:
            problem = f"its folders are nested more than {_MOST_DEEP} deep."
            raise EntryScriptError(path=str(folder), problem=problem, advice=_FLATTER)
        for path in _entries(here):
            if path.name in without:
                continue
            if path.is_dir() and not path.is_symlink():
                waiting.append((path, depth + 1))
            else:
                yield path


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            problem, advice = "there is no such folder.", "Name an existing folder."
            raise EntryScriptError(path=str(folder), problem=problem, advice=advice) from error
        problem = f"the folder cannot be read: {error.strerror or error}."
        raise EntryScriptError(path=str(folder), problem=problem, advice=_NO_FILE) from error
