"""What the kernel tells of a server that runs on this machine (proc(5))."""

from __future__ import annotations

import re
import time
from pathlib import Path

__all__ = ["peak_bytes", "wait_until_read"]

_TIMEOUT_S = 20.0


def wait_until_read(connection):
    """Wait until the server has read all that was sent to it on a connection over IPv4."""
    ports = [f":{connection.getpeername()[1]:04X}", f":{connection.getsockname()[1]:04X}"]
    end_s = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < end_s:
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
        found = [row for row in rows if [row[1][-5:], row[2][-5:]] == ports]
        if not found or found[0][4].endswith(":00000000"):
            return
        time.sleep(0.001)
    raise TimeoutError


def peak_bytes(pid):
    """Return the most that was ever resident of a process."""
    told = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", told)[1]) << 10
