"""Where modelship keeps things on this machine, and locks that processes share.

``MODELSHIP_HOME`` moves all of it below one folder.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from modelship.errors import StorageError
from modelship.staging import storing

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["cache_folder", "exclusive", "state_folder"]


def state_folder() -> Path:
    """Return the folder of what must not be lost: the services that run here.

    Raises
    ------
    StorageError
        If everybody may write to it, as for :func:`cache_folder`: what is in it is run.
    """
    return _guarded(_home("state"))


def cache_folder() -> Path:
    """Return the folder of what can be made again: environments."""
    return _guarded(_home("cache"))


@contextmanager
def exclusive(name: str, *, timeout_s: float) -> Iterator[None]:
    """Hold the lock `name`, which all processes of this user share.

    Raises
    ------
    TimeoutError
        If another process holds it for longer than `timeout_s` seconds. One that died holds none.
    StorageError
        If there is no place for it on the disk.
    """
    from filelock import FileLock

    folder = state_folder() / "locks"
    lock = FileLock(folder / f"{name}.lock", timeout=timeout_s)
    with storing(folder):
        state_folder().mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(exist_ok=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _guarded(folder: Path) -> Path:
    """Return `folder`, unless others put things into it that this user would run."""
    try:
        found = folder.stat()
    except OSError:  # whoever writes to it says why that cannot be
        return folder
    if found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
        raise StorageError(
            path=str(folder),
            cause="every user of this machine may write to it, and what is in it is run",
            advice=f"Look at what is in it, and run: chmod o-w '{folder}'",
        )
    # Root runs in containers with folders of anybody's mounted.
    if os.geteuid() not in {0, found.st_uid} and found.st_uid != 0:
        raise StorageError(
            path=str(folder),
            cause="it belongs to another user, and what is in it is run",
            advice="Set MODELSHIP_HOME to a folder of your own.",
        )
    return folder


def _home(kind: str) -> Path:
    if home := os.environ.get("MODELSHIP_HOME"):
        return Path(home).expanduser().absolute() / kind
    import platformdirs

    if kind == "cache":
        return platformdirs.user_cache_path("modelship")
    return platformdirs.user_state_path("modelship")
