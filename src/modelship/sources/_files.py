"""Find, hash and copy the files of a model."""

from __future__ import annotations

import difflib
import hashlib
import os
import shutil
from typing import TYPE_CHECKING, Final

from modelship.errors import CorruptModelError, ModelNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["check_there", "checked_files", "copy_model", "nearby", "sha256_of", "walk"]

_CHUNK_BYTES: Final = 1024 * 1024
_MAX_DEPTH: Final = 64


def sha256_of(path: Path) -> str:
    """Return the hex sha256 digest of one file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def check_there(path: Path) -> None:
    """Raise ModelNotFoundError if `path` does not exist."""
    if not path.exists():
        raise ModelNotFoundError(location=str(path), nearby=nearby(path))


def checked_files(path: Path) -> list[Path]:
    """Return the files of the model at `path`: the file itself, or all files in the folder.

    Raises
    ------
    CorruptModelError
        If there are none, or if the folder contains something that cannot be part of a model: a
        link that leads out of it, a link to a folder, a broken link, or something that is neither
        file nor folder.
    """
    if not path.is_dir():
        _refuse_special(path, whole=path)
        return [path]
    files = sorted(_checked(path))
    if not files:
        raise CorruptModelError(str(path), "the folder has no files", "Check the path.")
    return files


def walk(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder and its subfolders; links to folders are not followed.

    Raises
    ------
    CorruptModelError
        If folders are nested too deeply.
    """
    return (entry for entry in _entries(folder) if entry.is_file())


def _entries(folder: Path) -> Iterator[Path]:
    """Yield everything in a folder and its subfolders that is not a folder, and all links."""
    waiting = [(folder, 0)]
    while waiting:
        current, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            raise CorruptModelError(
                str(folder), f"folders in it are nested more than {_MAX_DEPTH} deep", "Check it."
            )
        for entry in current.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                waiting.append((entry, depth + 1))
            else:
                yield entry


def _checked(folder: Path) -> Iterator[Path]:
    for entry in _entries(folder):
        if entry.is_symlink():
            _refuse_link(entry, whole=folder)
        _refuse_special(entry, whole=folder)
        yield entry


def _refuse_link(link: Path, *, whole: Path) -> None:
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError):  # the second for a loop, before Python 3.13
        what = "to nothing"
    else:
        if not target.is_relative_to(whole.resolve()):
            what = "outside of it"
        elif target.is_dir():
            what = "to a folder"
        else:
            return
    inside = link.relative_to(whole).as_posix()
    raise CorruptModelError(
        str(whole),
        f"the link {inside!r} in it leads {what}",
        "Put the file itself in place of the link.",
    )


def _refuse_special(path: Path, *, whole: Path) -> None:
    if not path.is_file():
        raise CorruptModelError(
            str(whole), f"{path.name!r} is neither a file nor a folder", "Remove it."
        )


def copy_model(path: Path, folder: Path) -> None:
    """Copy the file or folder at `path` into `folder`; links are replaced by their target files."""
    checked_files(path)
    if path.is_dir():
        shutil.copytree(path, folder / path.name, copy_function=shutil.copyfile)
    else:
        shutil.copyfile(path, folder / path.name)


def nearby(path: Path) -> tuple[str, ...]:
    """Return up to three names in the same folder that are similar to the name of `path`."""
    try:
        names = os.listdir(path.parent)  # noqa: PTH208 - names are wanted, not paths
    except OSError:
        return ()
    close = difflib.get_close_matches(path.name, names, n=3, cutoff=0.5)
    return tuple(str(path.parent / name) for name in close)
