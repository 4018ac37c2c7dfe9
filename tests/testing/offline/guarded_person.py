"""A user of an offline workspace: code runs in a process and a home of its own, under a guard.

The guard lets no connection leave the machine and no name be looked up, so that a host that is
reached without the proxy is noticed too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

GUARD = """
import ipaddress, socket

def check(host):
    host = host.decode() if isinstance(host, bytes) else host
    if host in (None, "", "localhost"):
        return
    try:
        safe = ipaddress.ip_address(host).is_loopback
    except ValueError:
        safe = False
    if not safe:
        with open("escapes.txt", "a") as file:
            print(host, file=file)
        raise OSError(f"the guard lets nothing through to {host}")

def guarded(function, address_of):
    def call(*arguments, **options):
        check(address_of(*arguments))
        return function(*arguments, **options)
    return call

for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
    setattr(socket, name, guarded(getattr(socket, name), lambda host, *_: host))

class Socket(socket.socket):
    pass

for name in ("connect", "connect_ex", "sendto"):
    of_address = lambda self, *rest: rest[-1][0] if isinstance(rest[-1], tuple) else None
    setattr(Socket, name, guarded(getattr(socket.socket, name), of_address))
socket.socket = Socket
"""


class Person:
    """A user with a home, a folder, and a terminal with the workspace's variables."""

    def __init__(self, folder, offline):
        self.offline = offline
        self.here = folder / "code"
        for path in (self.here, folder / "home", folder / "guard"):
            path.mkdir()
        (folder / "guard" / "sitecustomize.py").write_text(GUARD)
        shutil.copy(offline.config_path, self.here / "config.json")
        self._terminal = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "home"),
            "PYTHONPATH": str(folder / "guard"),
            "PYTHONWARNINGS": "ignore",
        }

    def runs(self, code, *, python=sys.executable, arguments=(), **variables):
        """Run some code, with some variables changed or left out (None); return how it ended."""
        found = {**self._terminal, **self.offline.environment, **variables}
        return subprocess.run(
            [str(python), "-c", code, *arguments],
            cwd=self.here,
            env={name: value for name, value in found.items() if value is not None},
            capture_output=True,
            text=True,
            timeout=280,
        )

    @property
    def escapes(self):
        """The hosts that code of theirs tried to reach without the proxy."""
        path = self.here / "escapes.txt"
        return path.read_text().split() if path.exists() else []
