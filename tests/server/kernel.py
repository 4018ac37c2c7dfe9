"""What the kernel tells of a server that runs on this machine (proc(5))."""

from __future__ import annotations

import fcntl
import re
import termios
from array import array
from pathlib import Path

from waiting import wait_until

__all__ = ["peak_bytes", "wait_until_read"]


def wait_until_read(connection):
    """Wait until the server has read all that was sent to it on a connection over IPv4."""
    ports = [f":{connection.getpeername()[1]:04X}", f":{connection.getsockname()[1]:04X}"]

    def is_read():
        if _unacknowledged_bytes(connection):
            return False  # it may be on its way still
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
        found = [row for row in rows if [row[1][-5:], row[2][-5:]] == ports]
        return not found or found[0][4].endswith(":00000000")

    wait_until(is_read, pause_s=0.001)


def _unacknowledged_bytes(connection):
    number = array("i", [0])
    fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, number)
    return number[0]


def peak_bytes(pid):
    """Return the most that was ever resident of a process."""
    told = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", told)[1]) << 10
