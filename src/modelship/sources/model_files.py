"""Find, hash and copy the files of a model, and verify that they are those that were checked."""

from __future__ import annotations

import difflib
import hashlib
import os
import shutil
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from modelship.errors import CorruptModelError, DigestMismatchError, ModelNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from modelship.sources.model import Model

__all__ = [
    "ModelFile",
    "check_there",
    "checked_files",
    "copy_checked",
    "copy_model",
    "digest_of",
    "files_of",
    "nearby",
    "sha256_of",
    "stamps_of",
    "walk",
]

_CHUNK_BYTES: Final = 1024 * 1024
_MAX_DEPTH: Final = 64


def sha256_of(path: Path) -> str:
    """Return the hex sha256 digest of one file."""
    with path.open("rb") as file:
        return sha256_in(file)


def sha256_in(file: BinaryIO) -> str:
    """Return the hex sha256 digest of what is left of an open file."""
    digest = hashlib.sha256()
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


@dataclass(frozen=True)
class ModelFile:
    """One file of a model.

    Attributes
    ----------
    path : str
        The path relative to :attr:`Model.root`, with forward slashes. In a folder model it starts
        with the name of the folder, as a service finds it at ``AZUREML_MODEL_DIR/<path>``.
    size_bytes : int
        Its size.
    sha256 : str
        The hex sha256 digest.
    """

    path: str
    size_bytes: int
    sha256: str


def files_of(path: Path) -> tuple[ModelFile, ...]:
    """Return the files at a path: the file itself, or all files of a folder."""
    described = [
        ModelFile(
            path=file.relative_to(path.parent).as_posix(),
            size_bytes=file.stat().st_size,
            sha256=sha256_of(file),
        )
        for file in checked_files(path)
    ]
    return tuple(sorted(described, key=lambda file: file.path))


def stamps_of(path: Path) -> list[tuple[int, ...]]:
    """Return values that change with each file: the last, the ctime, can only be set by root."""
    found = [file.stat() for file in checked_files(path)]
    return [(each.st_ino, each.st_size, each.st_mtime_ns, each.st_ctime_ns) for each in found]


def digest_of(path: Path, files: tuple[ModelFile, ...]) -> str:
    """Return the digest of a model at `path` with these `files`; see :class:`Model`."""
    if path.is_file():
        return files[0].sha256
    lines = "".join(f"{file.path}\0{file.sha256}\n" for file in files)
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def copy_checked(model: Model, folder: Path, *, like: Sequence[Path] = ()) -> None:
    """Copy the files of `model` below `folder`.

    Parameters
    ----------
    model : Model
        The model to copy.
    folder : Path
        The parent folder of the copies.
    like : Sequence[Path]
        Folders with files that are never modified. An identical file, by digest, is hard-linked
        into `folder` if the file system supports it.

    Raises
    ------
    ModelNotFoundError
        If a file no longer exists.
    DigestMismatchError
        If a file has changed since the model was described; its copy is removed.
    OSError
        If a file cannot be written.
    """
    for file in model.files:
        destination = folder / file.path
        if not any(_linked(each / file.path, destination, file) for each in like):
            _copy(model.root / file.path, destination, file)


def _linked(same: Path, destination: Path, file: ModelFile) -> bool:
    """Hard-link `same` if it is the expected file; return whether it was linked."""
    try:
        found = same.stat(follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode) or found.st_size != file.size_bytes:
            return False
        if sha256_of(same) != file.sha256:
            return False
        destination.parent.mkdir(parents=True, exist_ok=True)
        destination.hardlink_to(same)
    except OSError:  # missing, or the file system does not support hard links
        return False
    return True


def _copy(source: Path, destination: Path, file: ModelFile) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    left = file.size_bytes
    with _opened(source, sha256=file.sha256) as reading, destination.open("wb") as writing:
        # At most one byte more than expected: a device in its place has no end.
        while left >= 0 and (chunk := reading.read(min(_CHUNK_BYTES, left + 1))):
            left -= len(chunk)
            digest.update(chunk)
            writing.write(chunk)
    found = "of a longer file" if left < 0 else digest.hexdigest()
    if found != file.sha256:
        destination.unlink()
        raise DigestMismatchError(what=str(source), expected=file.sha256, found=found)
    destination.chmod(0o644)


def _opened(path: Path, *, sha256: str) -> BinaryIO:
    """Open a file that was a regular one; if it is a pipe now, do not wait for its writer."""
    try:
        return open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")  # noqa: PTH123 - Path.open() takes no descriptor
    except FileNotFoundError as error:
        raise ModelNotFoundError(location=str(path), nearby=nearby(path)) from error
    except OSError as error:
        found = f"nothing ({error.strerror or error})"
        raise DigestMismatchError(what=str(path), expected=sha256, found=found) from error
