"""The environments that deployments share, one for each lock."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from modelship.bundle.install import create_environment
from modelship.places import cache_folder, exclusive

if TYPE_CHECKING:
    from pathlib import Path

    from modelship.bundle import Lock
    from modelship.targets.progress import Deadline

__all__ = ["environment_python"]

_COMPLETE = ".modelship-complete"


def environment_python(lock: Lock, *, deadline: Deadline) -> Path:
    """Return the Python of the environment that holds just what `lock` names.

    It is made on first use. Two processes that ask for it at once get the same one; one that
    dies while making it leaves an unfinished folder that the next one makes anew.

    Raises
    ------
    EnvironmentSpecError
        If it cannot be made.
    """
    folder = cache_folder() / "environments" / lock.digest[:16]
    python = folder / "bin" / "python"
    if (folder / _COMPLETE).exists() and python.exists():
        return python
    with exclusive(f"environment-{lock.digest[:16]}", timeout_s=deadline.remaining_s):
        if not ((folder / _COMPLETE).exists() and python.exists()):
            shutil.rmtree(folder, ignore_errors=True)
            folder.parent.mkdir(parents=True, exist_ok=True)
            create_environment(lock, folder, timeout_s=deadline.remaining_s)
            (folder / _COMPLETE).touch()
    return python
