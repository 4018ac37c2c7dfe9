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
"""How much a bundle's source may hold; it is kept in memory."""

# What a source folder may hold that a service never needs.
_LEFT_OUT: Final = frozenset(
    {"__pycache__", ".git", ".hg", ".venv", ".ipynb_checkpoints", ".DS_Store"}
)
_MOST_DEEP: Final = 64
_FLATTER: Final = "Name a source_directory that holds the script and what it imports, and no more."
_NO_FILE: Final = "Replace links by the files themselves, and remove anything that is not a file."


@dataclass(frozen=True)
class SourceFile:
    """One file of the script's folder.

    Parameters
    ----------
    path : str
        Where it lies below the script's folder, in POSIX form.
    content : bytes
        What it holds.
    """

    path: str
    content: bytes

    @property
    def sha256(self) -> str:
        """The hex sha256 digest of the content."""
        return hashlib.sha256(self.content).hexdigest()


def is_there(path: Path) -> bool:
    """Return whether `path` is a file; no path is too long to ask."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def read_folder(folder: Path) -> tuple[SourceFile, ...]:
    """Read all files below `folder`, sorted by path.

    Raises
    ------
    EntryScriptError
        If something in it cannot be read as a file, or all of it is more than a gibibyte.
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
    """Read one file of a source; a link to a file is that file.

    Raises
    ------
    EntryScriptError
        If it is no file, cannot be read, or has more than `most_bytes` bytes.
    """
    try:
        return SourceFile(relative, read_regular(path, most_bytes=most_bytes, follow=True))
    except (OSError, DocumentError) as error:
        problem = f"it cannot be read: {getattr(error, 'strerror', None) or error}."
        if path.is_symlink() and not is_there(path):
            problem = "the link leads to a folder or nowhere."
        raise EntryScriptError(path=str(path), problem=problem, advice=_NO_FILE) from error


def files_below(folder: Path, *, without: Collection[str] = ()) -> Iterator[Path]:
    """Yield what lies below `folder` and is no folder itself; links are not followed.

    Parameters
    ----------
    folder : Path
        Where to look.
    without : Collection[str]
        Names of files and folders that are skipped.

    Raises
    ------
    EntryScriptError
        If folders are nested more than 64 deep, or one of them cannot be read.
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
            problem, advice = "there is no such folder.", "Name a folder that is there."
            raise EntryScriptError(path=str(folder), problem=problem, advice=advice) from error
        problem = f"the folder cannot be read: {error.strerror or error}."
        raise EntryScriptError(path=str(folder), problem=problem, advice=_NO_FILE) from error
