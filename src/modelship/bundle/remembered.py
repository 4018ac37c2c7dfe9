"""Cache locks for a day, so that an environment is resolved once for all its bundles.

A resolution takes seconds, and queries an index whose answer may change at any time. So the result
is cached, keyed by all of its inputs: the requirements, the minor version of Python, and the index
with its settings. A new release is used from the next day on, in UTC, or on request: by
:func:`upgraded_lock`, or with ``MODELSHIP_REFRESH_LOCKS=1``.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import json
import os
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from modelship.bundle._package_index import uv_configuration, without_secrets
from modelship.bundle._pip_configuration import pip_settings
from modelship.bundle.lock import Lock, lock, lock_problem, minor_of, wheels_only
from modelship.documents import choice, parse, read_regular, record, text
from modelship.errors import EnvironmentSpecError, StorageError
from modelship.process_variables import process_variables
from modelship.staging import write_atomic
from modelship.state_paths import cache_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from modelship.bundle.environment import Environment

__all__ = ["index_identity", "todays_lock", "upgraded_lock"]

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
_SECRET: Final = re.compile(r"USERNAME|PASSWORD|TOKEN|SECRET|_KEY$")
_FILES: Final = ("UV_CONSTRAINT", "UV_OVERRIDE", "UV_BUILD_CONSTRAINT", "UV_EXCLUDE")
_PLACE: Final = re.compile(r"[^\s,'\"\[\]=]+")
_OWN_HOSTS: Final = re.compile(r"localhost|127\.[\d.]+|::1|0\.0\.0\.0")
_MOST_ENTRIES: Final = 20_000


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
    index = index_identity(process_variables())
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


# --- the index ------------------------------------------------------------------------


def index_identity(environ: Mapping[str, str]) -> list[str] | None:
    """Return the settings that determine the packages of an index, without passwords and tokens.

    Parameters
    ----------
    environ : Mapping[str, str]
        The variables of this process.

    Returns
    -------
    list[str] or None
        Texts; None if the content may change at any time, undetected: an index that this machine
        itself serves, or files of constraints.
    """
    if any(environ.get(name) for name in _FILES):
        return None
    try:
        pip = pip_settings(environ)
    except EnvironmentSpecError:  # reported when the index is queried
        return None
    told = [f"{key}={value}" for key, value in sorted(pip.items())]
    told += [f"{key}={value}" for key, value in sorted(environ.items()) if _tells(key)]
    told.append(uv_configuration(environ))
    places = [place for text in told for place in _PLACE.findall(text)]
    if any(_is_served_here(place) for place in places):
        return None
    return [*map(without_secrets, told), *(str(each) for place in places for each in _state(place))]


def _tells(variable: str) -> bool:
    return variable.startswith("UV_") and not _SECRET.search(variable)


def _is_served_here(place: str) -> bool:
    try:
        return bool(_OWN_HOSTS.fullmatch(urlsplit(place).hostname or ""))
    except ValueError:
        return False


def _state(place: str) -> Iterator[tuple[str, int]]:
    """Yield the modification time of each entry of a package folder; nothing for anything else."""
    folder = unquote(urlsplit(place).path) if place.startswith("file:") else place
    if not folder.startswith(("/", "~", ".")):
        return
    try:
        with os.scandir(Path(folder).expanduser()) as entries:
            listed = itertools.islice(entries, _MOST_ENTRIES)
            found = [(each.name, each.stat().st_mtime_ns) for each in listed]
    except (OSError, RuntimeError):
        return
    yield from sorted(found)
