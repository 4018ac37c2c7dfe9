"""The listening sockets of a workspace, which are shared with its keeper.

They outlive a workspace that is killed, so that clients wait for the next one in its folder.
"""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from modelship.testing.offline import keeper
from modelship.testing.offline.keeper import DONE, LOCK, MEETING
from modelship.testing.offline.server import listen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typing_extensions import Self  # for type checkers only: Python 3.10 lacks it

__all__ = ["Listeners"]

_HANDOVER_S = 5.0
_PAUSE_S = 0.02
_ENDING_S = 5.0
_LONGEST_MESSAGE = 4096


class Listeners:
    """Opens listening sockets on 127.0.0.1. Its methods may be called from any thread.

    Parameters
    ----------
    folder : Path, optional
        The folder of the workspace; None if no socket has to outlive it.
    held_s : float
        How long clients of a killed workspace wait for the next one in its folder.
    """

    def __init__(self, folder: Path | None = None, *, held_s: float = 60.0) -> None:
        self._inherited = _inherited(folder) if folder else {}
        self._lock = threading.Lock()
        self._channel: socket.socket | None = None
        self._keeper: subprocess.Popen[bytes] | None = None
        if folder:
            self._start_keeper(folder, held_s)

    def _start_keeper(self, folder: Path, held_s: float) -> None:
        self._channel, theirs = socket.socketpair()
        number = theirs.fileno()
        with theirs:
            self._keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", keeper.__file__, str(number), folder, str(held_s)],
                pass_fds=[number],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # so that Ctrl-C only reaches the workspace
            )

    def open(self, name: str, port: int | None = None) -> socket.socket:
        """Return the socket that an earlier workspace had by this name, or a new one.

        Parameters
        ----------
        name : str
            The purpose of the socket.
        port : int, optional
            The port of a new socket, if it is free.
        """
        with self._lock:
            found = self._inherited.pop(name, None)
        listener = found or listen(port)
        self._tell("hold", name, listener.fileno())
        return listener

    def forget(self, name: str) -> None:
        """Let a socket end with this process; the caller has to close it."""
        self._tell("drop", name)

    def settle(self) -> None:
        """Close the sockets of an earlier workspace that have not been opened again."""
        with self._lock:
            while self._inherited:
                self._inherited.popitem()[1].close()

    def close(self) -> None:
        """Stop the keeper. Safe to call twice."""
        self.settle()
        with self._lock:
            if self._channel is None or self._keeper is None:
                return
            with self._channel, suppress(OSError):
                self._channel.sendall(b"end")
            self._channel = None
        try:
            self._keeper.wait(_ENDING_S)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tell(self, verb: str, name: str, *descriptors: int) -> None:
        message = f"{verb} {name}".encode()
        with self._lock:
            if self._channel is None:
                return
            with suppress(OSError):  # without a keeper, the sockets end with this process
                socket.send_fds(self._channel, [message], descriptors)
                self._channel.recv(len(DONE))


def _inherited(folder: Path) -> dict[str, socket.socket]:
    """Return the sockets that a keeper in this folder holds for a killed workspace."""
    deadline = time.monotonic() + _HANDOVER_S
    found: dict[str, socket.socket] = {}
    # If it does not hand them over, its ports are taken, and other ports are used.
    while _is_kept(folder) and time.monotonic() < deadline:
        with suppress(OSError), _meeting(folder) as heir:
            heir.settimeout(_HANDOVER_S)
            found = _taken_over(heir)
        time.sleep(_PAUSE_S)
    return found


def _is_kept(folder: Path) -> bool:
    """Return whether a keeper holds its lock."""
    try:
        with (folder / LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


@contextmanager
def _meeting(folder: Path) -> Iterator[socket.socket]:
    """Connect to the keeper's handover socket, however long its path is."""
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX) as client:
            short = f"/proc/self/fd/{here}/{MEETING}"
            client.connect(short if sys.platform == "linux" else str(folder / MEETING))
            yield client
    finally:
        os.close(here)


def _taken_over(keeper_side: socket.socket) -> dict[str, socket.socket]:
    found: dict[str, socket.socket] = {}
    while True:
        text, descriptors, _, _ = socket.recv_fds(keeper_side, _LONGEST_MESSAGE, 1)
        if not text:
            return found
        listener = socket.socket(fileno=descriptors[0])
        listener.setblocking(True)  # the default of a new socket
        found[text.decode()] = listener
        keeper_side.sendall(DONE)
