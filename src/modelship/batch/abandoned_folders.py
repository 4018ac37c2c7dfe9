"""Remove the temporary folders of processes that were killed; each may hold a copy of a model.

The owner of a folder holds a lock on a file in it, which the system releases when it ends, however
it ends. A folder whose lock is free is abandoned; one without such a file is not known.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["owned", "remove_abandoned"]

_LOCK: Final = "owner.lock"


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Hold the lock of a temporary folder while the body runs."""
    draft = folder / f"{_LOCK}.new"
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        draft.rename(folder / _LOCK)  # nobody sees it unlocked
        yield
    finally:
        os.close(descriptor)


def remove_abandoned(prefix: str) -> None:
    """Remove the abandoned folders of this user in the folder for temporary files."""
    for lock in Path(tempfile.gettempdir()).glob(f"{prefix}*/{_LOCK}"):
        with suppress(OSError):
            if lock.stat().st_uid == os.geteuid():
                _remove_if_free(lock)


def _remove_if_free(lock: Path) -> None:
    descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(lock.parent, ignore_errors=True)
    finally:
        os.close(descriptor)
