"""Identify a process by more than its id, which another process gets later."""

from __future__ import annotations

from pathlib import Path

__all__ = ["machine_since_start", "start_of_process"]


def machine_since_start() -> str:
    """Return what identifies the processes of this machine, or this container, since its start.

    ``""`` on a system without ``/proc``.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def start_of_process(pid: int) -> str:
    """Return when a process of this machine started, in its own unit; ``""`` if it has ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state[0] == "Z" else state[19]
