"""Create temporary folders that are removed also if their process is killed: by the next one.

The owner of a folder holds a lock on a file next to it, which the system releases when the owner
ends, however it ends. The file is there before the folder, and is removed after it, so there is no
moment at which a killed process leaves a folder without one. A folder whose lock is free is
abandoned. Each may hold a copy of a model.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["owned_folder"]

_LOCK: Final = ".lock"
_DRAFT: Final = ".new"
_DRAFT_S: Final = 600.0


@contextmanager
def owned_folder(prefix: str) -> Iterator[Path]:
    """Create a temporary folder while the body runs; remove the abandoned ones of this user.

    Parameters
    ----------
    prefix : str
        The beginning of its name, and of those of the abandoned ones.

    Raises
    ------
    OSError
        If it cannot be created.
    """
    _remove_abandoned(prefix)
    descriptor, draft = tempfile.mkstemp(prefix=prefix, suffix=_DRAFT)
    lock = Path(draft).with_suffix(_LOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        Path(draft).rename(lock)  # no other process sees it unlocked
        folder = lock.with_suffix("")
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            _remove(lock)
    finally:
        os.close(descriptor)


def _remove_abandoned(prefix: str) -> None:
    place = tempfile.gettempdir()
    # It may have thousands of entries, and each file that a job puts into a store comes here.
    for name in os.listdir(place):  # noqa: PTH208 - a Path for each of them takes half of the time
        if name.startswith(prefix) and name.endswith((_LOCK, _DRAFT)):
            with suppress(OSError):
                _remove_if_abandoned(Path(place, name))


def _remove_if_abandoned(file: Path) -> None:
    found = file.lstat()
    if found.st_uid != os.geteuid():
        return
    if file.suffix == _LOCK:
        _remove_if_free(file)
    elif time.time() - found.st_mtime > _DRAFT_S:
        file.unlink()  # of a process that was killed before it had a folder


def _remove_if_free(lock: Path) -> None:
    descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(lock)
    finally:
        os.close(descriptor)


def _remove(lock: Path) -> None:
    """Remove the folder of a lock, and then the lock; what cannot be removed is tried again."""
    folder = lock.with_suffix("")
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        lock.unlink(missing_ok=True)
