"""Messages between the host and a scoring process: a header of JSON, and bytes.

A message is the length of its header and that of its bytes, 8 bytes each, little-endian, and then
both. Both sides use this module.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket

__all__ = ["receive", "send"]

_LENGTHS = struct.Struct("<QQ")


def send(connection: socket.socket, header: dict[str, Any], content: bytes = b"") -> None:
    """Send a message.

    Raises
    ------
    OSError
        If the other side has ended.
    """
    text = json.dumps(header).encode()
    connection.sendall(_LENGTHS.pack(len(text), len(content)) + text)
    if content:
        connection.sendall(content)


def receive(connection: socket.socket) -> tuple[dict[str, Any], bytearray]:
    """Wait for a message, and return its header and its bytes.

    Raises
    ------
    EOFError
        If the other side has ended.
    OSError
        If it was killed; TimeoutError if the connection has a timeout, which passed.
    """
    head, size = _LENGTHS.unpack(_exactly(connection, _LENGTHS.size))
    header: dict[str, Any] = json.loads(_exactly(connection, head))
    return header, _exactly(connection, size)


def _exactly(connection: socket.socket, size: int) -> bytearray:
    content = bytearray(size)
    view, at = memoryview(content), 0
    while at < size:
        got = connection.recv_into(view[at:])
        if not got:
            raise EOFError
        at += got
    return content
