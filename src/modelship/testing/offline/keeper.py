"""Keeps the listening sockets of a workspace that was killed, until it is started again.

It runs as a separate program, with few modules of the standard library: each workspace starts one,
and waits for it. While the workspace is alive it does
nothing: a socket shared by two processes is served by the one that accepts. After the workspace has
been killed, clients still connect, and wait. The next workspace in the folder takes over the
sockets and serves them. If none starts in time, the clients get an error response, and the keeper
exits.
"""

from __future__ import annotations

import fcntl
import os
import socket
import sys
from contextlib import suppress

__all__ = ["DONE", "LOCK", "MEETING", "keep"]

LOCK = "keeper.lock"
"""The lock file of the keeper in a workspace's folder."""

MEETING = "keeper"
"""The Unix socket in a workspace's folder through which its keeper hands over."""

DONE = b"."
"""The acknowledgment of a message, before the next one."""

_TURN_S = 5.0
_READ_S = 1.0
_LONGEST_MESSAGE = 4096
_LARGEST_HEAD_BYTES = 1 << 16


def keep(channel: socket.socket, folder: str, *, held_s: float) -> None:
    """Hold sockets for a workspace until it exits, and hand them over if it was killed.

    Parameters
    ----------
    channel : socket
        The workspace's side sends ``hold NAME`` with a socket, ``drop NAME``, and ``end`` when it
        is closed.
    folder : str
        The folder of the workspace.
    held_s : float
        How long to wait for another workspace.
    """
    os.chdir(folder)  # the path of a Unix socket has to be short
    with open(LOCK, "wb") as lock:  # noqa: PTH123 - in the current folder
        fcntl.flock(lock, fcntl.LOCK_EX)
        held = _held_at_the_end(channel)
        if held is not None:
            _hand_over(held, folder, held_s)


def _held_at_the_end(channel: socket.socket) -> dict[str, socket.socket] | None:
    """Return the sockets held when the workspace was killed; None if it was closed."""
    held: dict[str, socket.socket] = {}
    while True:
        text, descriptors, _, _ = socket.recv_fds(channel, _LONGEST_MESSAGE, 1)
        if not text:
            return held
        verb, _, name = text.decode().partition(" ")
        if verb == "end":
            return None
        if old := held.pop(name, None):
            old.close()
        for descriptor in descriptors:
            held[name] = socket.socket(fileno=descriptor)
        channel.sendall(DONE)


def _hand_over(held: dict[str, socket.socket], folder: str, held_s: float) -> None:
    with suppress(FileNotFoundError):
        os.unlink(MEETING)  # noqa: PTH108 - in the current folder
    with socket.socket(socket.AF_UNIX) as meeting:
        meeting.bind(MEETING)
        meeting.listen(1)
        meeting.settimeout(held_s)
        try:
            heir, _ = meeting.accept()
        except TimeoutError:
            _refuse_all(held, folder)
        else:
            with heir:
                heir.settimeout(_TURN_S)
                for name, each in held.items():
                    socket.send_fds(heir, [name.encode()], [each.fileno()])
                    heir.recv(len(DONE))
        finally:
            os.unlink(MEETING)  # noqa: PTH108 - in the current folder


def _refuse_all(held: dict[str, socket.socket], folder: str) -> None:
    """Send an error response to waiting clients."""
    words = f"The offline workspace was killed: start it again in the folder {folder}"
    line = words.encode("ascii", "replace").decode()
    answer = f"HTTP/1.1 503 {line}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
    for each in held.values():
        each.setblocking(False)
        with suppress(OSError):  # no client is left
            while True:
                client, _ = each.accept()
                with client, suppress(OSError):
                    client.settimeout(_READ_S)
                    with suppress(TimeoutError):  # of a client that is slow
                        client.recv(_LARGEST_HEAD_BYTES)  # unread, it would cause a reset
                    client.sendall(answer)


if __name__ == "__main__":
    _, number, path, seconds = sys.argv
    keep(socket.socket(fileno=int(number)), path, held_s=float(seconds))
