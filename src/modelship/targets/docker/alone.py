"""Lock out other deployers that share the engine but not ``MODELSHIP_HOME``."""

from __future__ import annotations

import errno
import hashlib
import socket
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["held_on_this_machine"]

_PAUSE_S: Final = 0.1


@contextmanager
def held_on_this_machine(name: str, *, timeout_s: float) -> Iterator[None]:
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
        while not _bound(held, address):
            if time.monotonic() >= end_s:
                raise TimeoutError(name)
            time.sleep(_PAUSE_S)
        yield


def _bound(held: socket.socket, address: str) -> bool:
    try:
        held.bind(address)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return False
    return True
