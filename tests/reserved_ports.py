"""Ports for servers that tests start: nothing else of this machine can listen there meanwhile."""

import socket
from contextlib import contextmanager


def reserve_port():
    """Return a socket that reserves a port of 127.0.0.1 until it is closed, and the port.

    Only a server that sets SO_REUSEADDR can listen there, and it does so while this is open: the
    kernel gives no other process a reserved port.
    """
    reserving = _bound(0)
    return reserving, reserving.getsockname()[1]


@contextmanager
def reserved(port):
    """Reserve the port of a server that has ended until the body is over, for the next one."""
    with _bound(port):
        yield


def _bound(port):
    reserving = socket.socket()
    reserving.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserving.bind(("127.0.0.1", port))
    return reserving
