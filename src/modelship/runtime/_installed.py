"""Determine which packages of a lock apply to this machine."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from packaging.markers import Marker

from modelship.bundle.lock import linux_variables, locked_lines

if TYPE_CHECKING:
    from modelship.bundle.lock import Lock

__all__ = ["installed_digest"]

_VARIABLE: Final = re.compile(r"[a-z]+(?:_[a-z]+)+")
_OF_THE_MACHINE: Final = {
    "os_name": os.name,
    "platform_machine": platform.machine(),
    "platform_system": platform.system(),
    "sys_platform": sys.platform,
}
_OF_PYTHON: Final = {
    *("python_version", "python_full_version"),
    *("implementation_name", "platform_python_implementation"),
}
_PATCH_RELEASE: Final = re.compile(r"\d+\.\d+\.\d+")


def installed_digest(lock: Lock) -> str:
    """Return the hex sha256 digest of the files that `lock` installs on this machine.

    Locks of the same packages may differ in their markers for other platforms: a lock of exact
    versions is shorter than the one that the versions are from. On this machine both install the
    same files.

    Parameters
    ----------
    lock : Lock
        The lock to install.
    """
    return _digest(lock.python, lock.text)


@lru_cache(maxsize=32)
def _digest(python: str, text: str) -> str:
    here = linux_variables(python) | _OF_THE_MACHINE
    lines = []
    for line, hashes in locked_lines(text):
        requirement, _, marker = (part.strip() for part in line.partition(" ; "))
        if marker and not _is_decided(marker):
            requirement = line
        elif marker and not Marker(marker).evaluate(dict(here)):
            continue
        lines.append(" ".join([requirement, *sorted(hashes)]))
    return hashlib.sha256("\n".join([python, *sorted(lines)]).encode()).hexdigest()


def _is_decided(marker: str) -> bool:
    """Return whether the Python minor version and the machine determine the value of a marker."""
    variables = set(_VARIABLE.findall(re.sub(r"""(["']).*?\1""", "", marker)))
    return variables <= _OF_PYTHON | _OF_THE_MACHINE.keys() and not _PATCH_RELEASE.search(marker)
