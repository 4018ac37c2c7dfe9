"""The address of a name, as whoever deploys sees it: opened once, and handed from one instance on.

All instances of a name hold the same listening socket, and take connections from it only while
their gate is open (:mod:`modelship.server.gate`). In its folder, each has a Unix socket for
commands, ``gate``, which only this user can reach.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from modelship.errors import PortTakenError, TargetUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "GATE",
    "IS_SUPPORTED",
    "VARIABLE",
    "calls_in",
    "fetch",
    "hand_over",
    "listen",
    "tell",
]

IS_SUPPORTED: Final = hasattr(select, "epoll")
"""Whether this system has what a gate needs: Linux has."""
VARIABLE: Final = "MODELSHIP_GATE"
GATE: Final = "gate"

_BACKLOG: Final = 2048
_CALL_TIMEOUT_S: Final = 10.0
_MOST_CALLERS: Final = 16


def listen(port: int | None) -> socket.socket:
    """Return a socket that listens on 127.0.0.1; on a free port if `port` is None.

    Raises
    ------
    PortTakenError
        If another program listens on `port`.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections have it from here; without it, the end of an answer may wait for 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind(("127.0.0.1", port or 0))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise PortTakenError(port=port or 0) from error
    return listener


@contextmanager
def calls_in(folder: Path, *, name: str = GATE, mode: int = 0o600) -> Iterator[socket.socket]:
    """Yield a Unix socket that listens in `folder`; the file stays there.

    Raises
    ------
    OSError
        If it cannot be made there.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener, _short(folder) as place:
        os.fchmod(listener.fileno(), mode)  # the file has it from the first moment on
        with suppress(FileNotFoundError):
            (folder / name).unlink()
        listener.bind(f"{place}/{name}")
        listener.listen(_MOST_CALLERS)
        yield listener


def hand_over(leash: socket.socket, *, address: socket.socket, commands: socket.socket) -> None:
    """Send an instance that starts what it needs for a gate; it need not be there yet.

    Raises
    ------
    OSError
        If it is gone.
    """
    passed = struct.pack("2i", address.fileno(), commands.fileno())
    leash.sendmsg([b"g"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)])


def tell(folder: Path, *, on: bool, target: str) -> None:
    """Open or close the gate of the instance in `folder`; its processes have followed then.

    Raises
    ------
    TargetUnavailableError
        If it does not do so. One that is gone is closed.
    """
    command = b"on" if on else b"off"
    try:
        with _call(folder, command) as call:
            if call.recv(len(command)) == command:
                return
        cause = "it ends, and takes no commands any more"
    except OSError as error:
        cause = error.strerror or str(error)
    if on:
        raise TargetUnavailableError(
            target=target,
            cause=f"the instance in {folder} does not take what comes to its address ({cause})",
            advice="Look at its log, and deploy again.",
        )


def fetch(folder: Path) -> socket.socket | None:
    """Return a duplicate of the address of the instance in `folder`; None if it has none."""
    size = struct.calcsize("i")
    with suppress(OSError), _call(folder, b"address") as call:
        _, parts, _, _ = call.recvmsg(16, socket.CMSG_SPACE(size), socket.MSG_CMSG_CLOEXEC)
        for level, kind, passed in parts:
            if (level, kind, len(passed)) == (socket.SOL_SOCKET, socket.SCM_RIGHTS, size):
                return socket.socket(fileno=struct.unpack("i", passed)[0])
    return None


@contextmanager
def _call(folder: Path, command: bytes) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as call, _short(folder) as place:
        call.settimeout(_CALL_TIMEOUT_S)
        call.connect(f"{place}/{GATE}")
        call.sendall(command)
        yield call


@contextmanager
def _short(folder: Path) -> Iterator[str]:
    """Yield a path to `folder` that fits in the address of a Unix socket, 107 bytes."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{opened}"
    finally:
        os.close(opened)
