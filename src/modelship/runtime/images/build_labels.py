"""Name the builds of images, so that the remains of a killed one can be recognized.

The label of a build has the process that runs it: ``<what>-<8 digits>@<machine>.<pid>.<start>``.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from typing import Final

from modelship.process_identity import machine_since_start, start_of_process

__all__ = ["is_abandoned", "label_of_build"]

_OWNER: Final = re.compile(r".*@([0-9a-f]{16})\.(\d{1,10})\.(\d{1,20})", re.ASCII)


def label_of_build(what: str) -> str:
    """Return a unique label for a build of `what` by this process."""
    unique, pid = f"{what}-{secrets.token_hex(4)}", os.getpid()
    if not (machine := _machine()):
        return unique
    return f"{unique}@{machine}.{pid}.{start_of_process(pid)}"


def is_abandoned(label: str) -> bool:
    """Return whether the process of a build has ended; False if that cannot be seen from here.

    A process of another machine, or of another container, cannot be seen.
    """
    owner = _OWNER.fullmatch(label)
    if owner is None or owner[1] != _machine():
        return False
    return start_of_process(int(owner[2])) != owner[3]


def _machine() -> str:
    machine = machine_since_start()
    return hashlib.sha256(machine.encode()).hexdigest()[:16] if machine else ""
