"""What the figures were measured on, without the machine's name."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import psutil

__all__ = ["describe_machine"]


def describe_machine() -> dict[str, object]:
    """Return processor, cores, memory and kernel of this machine."""
    return {
        "processor": _processor(),
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "load_before": round(psutil.getloadavg()[0], 2),
    }


def _processor() -> str:
    """Return the processor's name, as far as the kernel knows it."""
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()
