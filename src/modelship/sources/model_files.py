"""Define the files of a model, and the digest of all of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelship.sources._files import checked_files, sha256_of

if TYPE_CHECKING:
    from pathlib import Path


__all__ = ["ModelFile", "digest_of", "files_of", "stamps_of"]


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
