"""Let one driver at a time write to the folder of a job, also on a shared file system."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from modelship.errors import BatchOutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["driving", "is_driven"]

_WITHOUT_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
_READ_BYTES = 1 << 12
_LOOKING_S = 0.01
_MOST_LOOKING_S = 10.0


@contextmanager
def driving(path: Path) -> Iterator[None]:
    """Hold the lock of a job while the body runs, in a file that says who holds it.

    The system releases it when this process ends, however it ends. On Linux, flock(2) also locks
    files on NFS and SMB. On a file system without locks, only the manifest finds a second driver.

    Raises
    ------
    BatchOutputError
        If another process holds it, or looks at it for longer than some seconds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            _lock(descriptor)
        except BlockingIOError:
            raise BatchOutputError(
                str(path.parent.parent),
                f"{_holder(descriptor)} writes to it",
                "Wait until that one has ended, or end it, and run the same command again.",
            ) from None
        except TimeoutError:
            raise BatchOutputError(
                str(path.parent.parent),
                f"another process has locked {path}, and is no batch job",
                "End the process that has this file open, such as a command that shows the status "
                "of the job and hangs, and run the same command again.",
            ) from None
        except OSError as error:
            if error.errno not in _WITHOUT_LOCKS:
                raise
        document = {"host": socket.gethostname(), "pid": os.getpid(), "since": time.time()}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(document).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Lock a file that others share for a moment, to look.

    Raises
    ------
    BlockingIOError
        If a driver holds it.
    TimeoutError
        If others share it for too long.
    """
    end_s = time.monotonic() + _MOST_LOOKING_S
    while time.monotonic() < end_s:
        with suppress(BlockingIOError):
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        time.sleep(_LOOKING_S)
    raise TimeoutError


def is_driven(path: Path) -> bool:
    """Return whether another process holds the lock of a job; False where there are no locks."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def _holder(descriptor: int) -> str:
    try:
        found = json.loads(os.pread(descriptor, _READ_BYTES, 0))
        return f"another batch job (process {found['pid']} on {found['host']})"
    except (ValueError, KeyError, TypeError):  # it has not written it yet
        return "another batch job"
