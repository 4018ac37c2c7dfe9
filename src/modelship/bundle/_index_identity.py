"""Compute a cache key of the configured package index without revealing its credentials."""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from modelship.bundle._package_index import uv_configuration, without_secrets
from modelship.bundle._pip_configuration import pip_settings
from modelship.errors import EnvironmentSpecError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["index_identity"]

_SECRET: Final = re.compile(r"USERNAME|PASSWORD|TOKEN|SECRET|_KEY$")
_FILES: Final = ("UV_CONSTRAINT", "UV_OVERRIDE", "UV_BUILD_CONSTRAINT", "UV_EXCLUDE")
_PLACE: Final = re.compile(r"[^\s,'\"\[\]=]+")
_OWN_HOSTS: Final = re.compile(r"localhost|127\.[\d.]+|::1|0\.0\.0\.0")
_MOST_ENTRIES: Final = 20_000


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
