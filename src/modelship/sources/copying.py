"""Copying a model's files, and seeing on the way that they are those that were judged."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, BinaryIO, Final

from modelship.errors import DigestMismatchError, ModelNotFoundError
from modelship.sources._files import nearby

if TYPE_CHECKING:
    from pathlib import Path

    from modelship.sources.model import Model, ModelFile

__all__ = ["copy_checked"]

_CHUNK_BYTES: Final = 1 << 20


def copy_checked(model: Model, folder: Path) -> None:
    """Copy the files of `model` below `folder`.

    Raises
    ------
    ModelNotFoundError
        If one of them is gone.
    DigestMismatchError
        If one of them is not what it was when the model was described; it is not left there.
    OSError
        If they cannot be written.
    """
    for file in model.files:
        _copy(model.root / file.path, folder / file.path, file)


def _copy(source: Path, destination: Path, file: ModelFile) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    left = file.size_bytes
    with _opened(source, sha256=file.sha256) as reading, destination.open("wb") as writing:
        # No more of it: a device in its place has no end.
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
    """Open a file that was a regular one; if it is a pipe by now, do not wait for its writer."""
    try:
        return open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")  # noqa: PTH123 - Path.open() takes no descriptor
    except FileNotFoundError as error:
        raise ModelNotFoundError(location=str(path), nearby=nearby(path)) from error
    except OSError as error:
        found = f"nothing ({error.strerror or error})"
        raise DigestMismatchError(what=str(path), expected=sha256, found=found) from error
