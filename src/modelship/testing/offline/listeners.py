"""The listening sockets of a workspace, which its keeper holds too.

They outlive a workspace that is killed, so that clients wait for the next one in its folder.
"""

from __future__ import annotations

import fcntl
import json
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
        That of the workspace; None where nothing is to outlive it.
    held_s : float
        How long clients of a workspace that was killed wait for the next one in its folder.
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
                start_new_session=True,  # so that Ctrl-C is for the workspace alone
            )

    def open(self, name: str, port: int | None = None) -> socket.socket:
        """Return the socket that an earlier workspace had by this name, or a new one.

        Parameters
        ----------
        name : str
            What it is for.
        port : int, optional
            The port of a new one, if it is free.
        """
        with self._lock:
            found = self._inherited.pop(name, None)
        listener = found or listen(port)
        self._tell("hold", name, listener.fileno())
        return listener

    def forget(self, name: str) -> None:
        """Let a socket end with this process; it is the caller's to close."""
        self._tell("drop", name)

    def settle(self) -> None:
        """Close what an earlier workspace had, and nobody has asked for."""
        with self._lock:
            while self._inherited:
                self._inherited.popitem()[1].close()

    def close(self) -> None:
        """End the keeper. Twice is harmless."""
        self.settle()
        with self._lock:
            if self._channel is None or self._keeper is None:
                return
            with self._channel, suppress(OSError):
                self._channel.sendall(json.dumps({"end": ""}).encode())
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
        message = json.dumps({verb: name}).encode()
        with self._lock:
            if self._channel is None:
                return
            with suppress(OSError):  # without a keeper, the sockets end with this process
                socket.send_fds(self._channel, [message], descriptors)
                self._channel.recv(len(DONE))


def _inherited(folder: Path) -> dict[str, socket.socket]:
    """Return the sockets that a keeper in this folder holds for a workspace that was killed."""
    deadline = time.monotonic() + _HANDOVER_S
    found: dict[str, socket.socket] = {}
    # If it does not hand over, its ports are taken, and others serve as well.
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
    """Connect to the socket at which a keeper hands over, however long its path is."""
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
        listener.setblocking(True)  # as one that is new; who had it may have changed that
        found[json.loads(text)] = listener
        keeper_side.sendall(DONE)
