"""Determine the user at the other end of a local connection, if the platform supports it.

This rejects other users early. It is not what protects a workspace: its keys are.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from contextlib import suppress

__all__ = ["is_another_users", "user_of"]

# Linux, sock_diag(7): one query for one socket, by its two addresses.
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_ANY_STATE = 0xFFFFFFFF
_HEADER = struct.Struct("=IHHII")  # nlmsghdr
_QUESTION = struct.Struct("=BBBxI")  # inet_diag_req_v2, up to its inet_diag_sockid
_SOCKET = struct.Struct("!HH16s16s4x8s")  # inet_diag_sockid, with no interface
_ANSWER = struct.Struct("=4x48x8xIII")  # inet_diag_msg: unused fields, wqueue, uid, inode
_NO_COOKIE = b"\xff" * 8
_TIMEOUT_S = 1.0
_ROOT = 0
_UNMAPPED = 65534  # a user without a number in this user namespace


def is_another_users(connection: socket.socket) -> bool:
    """Return whether a client on this machine is neither this user nor root."""
    user = user_of(connection)
    return user is not None and user not in {_ROOT, os.geteuid()}


def user_of(connection: socket.socket) -> int | None:
    """Return the id of the user who opened the other end of a connection; None if unknown.

    It is unknown on platforms other than Linux, for a client that has already closed its end, and
    for one in another network namespace, such as a container.
    """
    if sys.platform != "linux" or connection.family is not socket.AF_INET:
        return None
    with suppress(OSError, struct.error):
        return _ask(connection.getpeername(), connection.getsockname())
    return None


def _ask(theirs: tuple[str, int], ours: tuple[str, int]) -> int | None:
    addresses = [socket.inet_aton(host).ljust(16, b"\0") for host, _ in (theirs, ours)]
    question = _QUESTION.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, _ANY_STATE)
    question += _SOCKET.pack(theirs[1], ours[1], *addresses, _NO_COOKIE)
    size = _HEADER.size + len(question)
    head = _HEADER.pack(size, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(_TIMEOUT_S)
        kernel.send(head + question)
        answer = kernel.recv(1 << 12)
    if _HEADER.unpack_from(answer)[1] != _SOCK_DIAG_BY_FAMILY:
        return None  # an error: there is no such socket here
    _, user, inode = _ANSWER.unpack_from(answer, _HEADER.size)
    # Without an inode it is closed and has no owner.
    return int(user) if inode and user != _UNMAPPED else None
