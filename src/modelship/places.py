"""Where modelship keeps things on this machine, and locks that processes share.

``MODELSHIP_HOME`` moves all of it below one folder.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["cache_folder", "exclusive", "state_folder"]


def state_folder() -> Path:
    """Return the folder of what must not be lost: the services that run here."""
    return _home("state")


def cache_folder() -> Path:
    """Return the folder of what can be made again: environments."""
    return _home("cache")


@contextmanager
def exclusive(name: str, *, timeout_s: float) -> Iterator[None]:
    """Hold the lock `name`, which all processes of this user share.

    Raises
    ------
    TimeoutError
        If another process holds it for longer than `timeout_s` seconds.
    """
    from filelock import FileLock

    folder = state_folder() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{name}.lock", timeout=timeout_s):
        yield


def _home(kind: str) -> Path:
    if home := os.environ.get("MODELSHIP_HOME"):
        return Path(home).expanduser().absolute() / kind
    import platformdirs

    if kind == "cache":
        return platformdirs.user_cache_path("modelship")
    return platformdirs.user_state_path("modelship")
