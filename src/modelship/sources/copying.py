"""Copy the files of a model, and verify that they are the files that were checked."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING, BinaryIO, Final

from modelship.errors import DigestMismatchError, ModelNotFoundError
from modelship.sources._files import nearby, sha256_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from modelship.sources.model import Model, ModelFile

__all__ = ["copy_checked"]

_CHUNK_BYTES: Final = 1 << 20


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
