"""Locks of a short while ago, so that checking again and again need not resolve each time."""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from modelship.bundle.lock import Lock, lock, lock_problem, minor_of
from modelship.documents import read_regular
from modelship.places import cache_folder
from modelship.staging import write_atomic

if TYPE_CHECKING:
    from modelship.bundle.environment import Environment

__all__ = ["recent_lock"]

_FORMAT = 1
_MOST_BYTES = 64 * 2**20
# They say where packages come from, and which are allowed.
_TELLING = ("UV_", "PIP_")


def recent_lock(environment: Environment, *, within_s: float = 600.0) -> Lock:
    """Return the lock that `environment` had a short while ago, or resolve it now.

    What is deployed is resolved anew, so that nobody gets yesterday's packages by surprise.

    Parameters
    ----------
    environment : Environment
        What to resolve.
    within_s : float
        How old a lock may be, in seconds.

    Raises
    ------
    ResolutionError
        If no set of versions satisfies the requirements, or the index cannot be reached.
    """
    path = cache_folder() / "locks" / f"{_key(environment)}.txt"
    python = minor_of(environment.python)
    with suppress(OSError, ValueError):
        if 0 <= time.time() - path.stat().st_mtime < within_s:
            text = read_regular(path, most_bytes=_MOST_BYTES).decode()
            if text and not lock_problem(text):
                return Lock(python=python, text=text)
    resolved = lock(environment)
    with suppress(OSError):  # then the next check resolves once more
        write_atomic(path, resolved.text)
    return resolved


def _key(environment: Environment) -> str:
    told = {key: value for key, value in os.environ.items() if key.startswith(_TELLING)}
    asked = [_FORMAT, environment.python, environment.requirements, told]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
