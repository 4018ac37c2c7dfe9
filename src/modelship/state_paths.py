"""Define where modelship keeps its state, and locks shared between processes.

``MODELSHIP_HOME`` moves all of it below one folder.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import socket
import stat
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from modelship.errors import StorageError
from modelship.staging import storing

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "cache_folder",
    "clearing_caches",
    "exclusive",
    "exclusive_on_machine",
    "leads_out",
    "lock_file",
    "state_folder",
    "using_caches",
]

_CACHES = "caches.in-use"  # no service's name has a dot
_PAUSE_S = 0.05


def state_folder() -> Path:
    """Return the folder of state that must not be lost: the services that run here.

    Raises
    ------
    StorageError
        If it is world-writable, as for :func:`cache_folder`: its contents are executed.
    """
    return _guarded(_home("state"))


def cache_folder() -> Path:
    """Return the folder of what can be recreated: environments."""
    return _guarded(_home("cache"))


def leads_out(path: Path, *, of: Path) -> bool:
    """Return whether `path`, or a folder between it and the folder `of`, is a link.

    The target of a link may belong to anyone, and is not removed.
    """
    return path.resolve() != of.resolve() / path.relative_to(of)


@contextmanager
def exclusive(name: str, *, timeout_s: float) -> Iterator[None]:
    """Hold the lock `name`, which all processes of this user share.

    Raises
    ------
    TimeoutError
        If another process holds it for longer than `timeout_s` seconds. A process that died holds
        no lock.
    StorageError
        If the disk has no space for it.
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


@contextmanager
def exclusive_on_machine(name: str, *, timeout_s: float) -> Iterator[None]:
    """Hold a name that all processes of this machine share, of any user.

    The lock is a Unix socket in the abstract namespace of Linux (unix(7)): one process can bind it,
    it is no file, and it disappears with the process. On other systems nothing is locked.

    Raises
    ------
    TimeoutError
        If another process holds it for longer than `timeout_s` seconds.
    """
    if not sys.platform.startswith("linux"):
        yield
        return
    address = f"\0modelship-{hashlib.sha256(name.encode()).hexdigest()}"
    end_s = time.monotonic() + timeout_s
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as held:
        while not _is_bound(held, address):
            if time.monotonic() >= end_s:
                raise TimeoutError(name)
            time.sleep(_PAUSE_S)
        yield


@contextmanager
def using_caches(*, timeout_s: float) -> Iterator[None]:
    """Keep caches from being removed while the body runs; a shared lock.

    Raises
    ------
    TimeoutError
        If another process removes caches for longer than `timeout_s` seconds.
    """
    with _held(fcntl.LOCK_SH, timeout_s=timeout_s):
        yield


@contextmanager
def clearing_caches(*, timeout_s: float) -> Iterator[None]:
    """Keep all processes of this user from using caches while the body runs.

    Raises
    ------
    TimeoutError
        If one uses them for longer than `timeout_s` seconds.
    """
    with _held(fcntl.LOCK_EX, timeout_s=timeout_s):
        yield


@contextmanager
def _held(how: int, *, timeout_s: float) -> Iterator[None]:
    folder = state_folder() / "locks"
    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder / f"{_CACHES}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        lock_file(descriptor, how, timeout_s=timeout_s)
        yield
    finally:
        os.close(descriptor)


def lock_file(descriptor: int, how: int, *, timeout_s: float) -> None:
    """Lock an open file until it is closed.

    Parameters
    ----------
    descriptor : int
        The file.
    how : int
        ``fcntl.LOCK_SH`` or ``fcntl.LOCK_EX``.
    timeout_s : float
        How long to wait for other processes, in seconds.

    Raises
    ------
    TimeoutError
        If others lock it for longer.
    """
    end_s = time.monotonic() + timeout_s
    while not _is_locked(descriptor, how):
        if time.monotonic() > end_s:
            raise TimeoutError
        time.sleep(_PAUSE_S)


def _is_locked(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_bound(held: socket.socket, address: str) -> bool:
    try:
        held.bind(address)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return False
    return True


def _guarded(folder: Path) -> Path:
    """Return `folder`, unless other users can put files into it that this user would execute."""
    try:
        found = folder.stat()
    except OSError:  # a later write reports why that is not possible
        return folder
    if found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
        raise StorageError(
            path=str(folder),
            cause="every user of this machine may write to it, and what is in it is run",
            advice=f"Look at what is in it, and run: chmod o-w '{folder}'",
        )
    # In containers, root runs with mounted folders of other users.
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
