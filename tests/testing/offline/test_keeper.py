"""Sockets of a workspace that is killed: they outlive it, and are those of the next one.

``test_offline_services.py`` has clients that wait for that.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psutil
import pytest
import requests

from modelship.testing.offline.listeners import Listeners
from waiting import wait_until

KILLED = """
import os, sys
from pathlib import Path
{opening}
print({said}, flush=True)
sys.stdin.read()
os.kill(os.getpid(), 9)
"""
LISTENERS = """
from modelship.testing.offline.listeners import Listeners
listeners = Listeners(Path(sys.argv[1]), held_s=float(sys.argv[2]))
listener = listeners.open("http")
"""
PORT = "listener.getsockname()[1]"
WAIT_S = 60


@contextmanager
def killed_at_the_end(opening, said, *arguments):
    """Run a program that opens something; yield what it says of that, and kill it afterwards."""
    program = KILLED.format(opening=opening, said=said)
    command = [sys.executable, "-c", program, *map(str, arguments)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        yield process.stdout.readline().strip()
    assert process.returncode == -signal.SIGKILL


def killed(opening, said, *arguments):
    """Run a program that opens something, says where it is, and is killed; return what it said."""
    with killed_at_the_end(opening, said, *arguments) as found:
        return found


def is_refused(port):
    """Return whether nobody listens."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


def is_connected(port):
    """Return whether this process has a connection to a port, accepted or not."""
    found = psutil.Process().net_connections("tcp4")
    return any(each.raddr and each.raddr.port == port for each in found)


def test_who_waits_in_vain_is_told(tmp_path):
    """A workspace that nobody starts again says so, and its port is free."""
    options = {"timeout": WAIT_S}
    with ThreadPoolExecutor() as pool:
        with killed_at_the_end(LISTENERS, PORT, tmp_path, 1) as port:
            options["proxies"] = {"https": f"http://127.0.0.1:{port}"}
            asked = pool.submit(requests.get, "https://management.azure.com/", **options)
            wait_until(lambda: is_connected(int(port)))
        with pytest.raises(requests.exceptions.ProxyError, match=f"again in the folder {tmp_path}"):
            asked.result()
    wait_until(lambda: is_refused(int(port)))


def test_a_workspace_that_is_closed_leaves_no_keeper(tmp_path):
    """Its port is free at once, and a client is refused instead of waiting."""
    with Listeners(tmp_path) as listeners:
        listener = listeners.open("http")
        port = listener.getsockname()[1]
        listener.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_what_is_forgotten_or_not_asked_for_is_closed(tmp_path):
    """A service that is gone has no address any more, also after a workspace was killed."""
    opening = LISTENERS + 'gone = listeners.open("gone")\nlisteners.forget("gone")\n'
    opening += 'other = listeners.open("other")\n'
    said = f"{PORT}, gone.getsockname()[1], other.getsockname()[1]"
    kept, gone, other = map(int, killed(opening, said, tmp_path, WAIT_S).split())
    with Listeners(tmp_path) as listeners:
        with listeners.open("http") as listener, listeners.open("gone") as another:
            assert listener.getsockname()[1] == kept
            assert another.getsockname()[1] != gone
        listeners.settle()
        with socket.socket() as client:
            assert client.connect_ex(("127.0.0.1", other)) != 0


def test_a_long_path_is_no_obstacle(tmp_path):
    """A Unix socket takes 107 bytes, and folders of tests are longer."""
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    port = int(killed(LISTENERS, PORT, folder, WAIT_S))
    with Listeners(folder) as listeners, listeners.open("http") as listener:
        assert listener.getsockname()[1] == port
