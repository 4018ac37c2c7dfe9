"""Cache locks for a day, so that an environment is resolved once for all its bundles.

A resolution takes seconds, and queries an index whose answer may change at any time. So the result
is cached, keyed by all of its inputs: the requirements, the minor version of Python, and the index
with its settings. A new release is used from the next day on, in UTC, or on request: by
:func:`upgraded_lock`, or with ``MODELSHIP_REFRESH_LOCKS=1``.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from modelship.bundle._index_identity import index_identity
from modelship.bundle.lock import Lock, lock, lock_problem, minor_of, wheels_only
from modelship.documents import choice, parse, read_regular, record, text
from modelship.errors import StorageError
from modelship.staging import write_atomic
from modelship.state_paths import cache_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modelship.bundle.environment import Environment

__all__ = ["todays_lock", "upgraded_lock"]

_FORMAT: Final = 2
_MOST_BYTES: Final = 64 * 2**20
_KEPT_S: Final = 2 * 86400.0
_SCHEMA: Final = record(
    {
        "format": choice(_FORMAT),
        "day": text(most=10),
        "digest": text(most=64),
        "text": text(most=_MOST_BYTES),
    }
)


def todays_lock(environment: Environment, *, resolve: Callable[[Environment], Lock] = lock) -> Lock:
    """Return today's lock of `environment`, or resolve it now.

    Parameters
    ----------
    environment : Environment
        The environment to resolve.
    resolve : Callable
        The function that resolves it.

    Raises
    ------
    ResolutionError
        If no set of versions satisfies the requirements, or the index cannot be reached.
    """
    place = _place(environment)
    if place is not None and os.environ.get("MODELSHIP_REFRESH_LOCKS", "") in {"", "0"}:
        with suppress(OSError, ValueError):
            return _read(place, python=minor_of(environment.python))
    return upgraded_lock(environment, resolve=resolve)


def upgraded_lock(
    environment: Environment, *, resolve: Callable[[Environment], Lock] = lock
) -> Lock:
    """Resolve `environment` now, and use the result as its lock for the rest of the day.

    Parameters
    ----------
    environment : Environment
        The environment to resolve.
    resolve : Callable
        The function that resolves it.

    Raises
    ------
    ResolutionError
        If no set of versions satisfies the requirements, or the index cannot be reached.
    """
    resolved = resolve(environment)
    place = _place(environment)
    if place is not None:
        with suppress(OSError):  # then the next bundle resolves it again
            _write(place, resolved)
    return resolved


def _place(environment: Environment) -> Path | None:
    """Return the file of an environment's lock; None if it is not cached."""
    index = index_identity(os.environ)
    if index is None:
        return None
    python = minor_of(environment.python)
    asked = [_FORMAT, python, environment.requirements, index, wheels_only()]
    key = hashlib.sha256(json.dumps(asked).encode()).hexdigest()
    try:
        return cache_folder() / "locks" / f"{key}.json"
    except StorageError:  # nobody may put a lock there
        return None


def _read(place: Path, *, python: str) -> Lock:
    """Return the cached lock; raise ValueError if there is no complete one of today."""
    kept = _SCHEMA(parse(read_regular(place, most_bytes=_MOST_BYTES)), "")
    found = Lock(python=python, text=kept["text"])
    if kept["day"] != _today() or kept["digest"] != found.digest or lock_problem(found.text):
        raise ValueError(place)
    return found


def _write(place: Path, resolved: Lock) -> None:
    kept = {
        "format": _FORMAT,
        "day": _today(),
        "digest": resolved.digest,
        "text": resolved.text,
    }
    write_atomic(place, json.dumps(kept))
    before = time.time() - _KEPT_S
    for each in place.parent.iterdir():
        with suppress(OSError):  # another process removed it
            if each.lstat().st_mtime < before:
                each.unlink()


def _today() -> str:
    return dt.datetime.now(dt.timezone.utc).date().isoformat()
