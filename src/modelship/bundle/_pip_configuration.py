"""Read pip's configuration files and ``PIP_…`` variables."""

from __future__ import annotations

import configparser
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from modelship.errors import EnvironmentSpecError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["pip_settings"]


def pip_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the configuration of ``pip install``, by option name, such as ``index-url``.

    The section ``[install]`` beats ``[global]``, ``PIP_…`` variables beat both, and an
    empty value counts as absent, all as in pip.

    Raises
    ------
    EnvironmentSpecError
        If a configuration file cannot be parsed.
    """
    common: dict[str, str] = {}
    install: dict[str, str] = {}
    for path in _files(environ):
        parser = _parse(path)
        for section, settings in (("global", common), ("install", install)):
            if parser.has_section(section):
                settings |= {_key(k): v for k, v in parser.items(section) if v.strip()}
    variables = {
        _key(name[4:]): value
        for name, value in environ.items()
        if name.startswith("PIP_") and value.strip()
    }
    return common | install | variables


def _key(name: str) -> str:
    key = name.lower().replace("_", "-")
    return "timeout" if key == "default-timeout" else key


def _files(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield pip's configuration files, from the lowest to the highest precedence.

    The order and the rules for PIP_CONFIG_FILE are those of pip's ``configuration.py``: os.devnull
    disables all files, and an existing file replaces the user's.
    """
    given = environ.get("PIP_CONFIG_FILE", "")
    if given == os.devnull:
        return
    yield from (folder / "pip.conf" for folder in _global_folders(environ))
    if not (given and Path(given).exists()):
        home = Path(environ.get("HOME") or Path.home())
        yield home / ".pip" / "pip.conf"
        yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"
        if sys.platform == "darwin":
            yield home / "Library" / "Application Support" / "pip" / "pip.conf"
    yield Path(sys.prefix) / "pip.conf"
    if given:
        yield Path(given)


def _global_folders(environ: Mapping[str, str]) -> list[Path]:
    if sys.platform == "darwin":
        return [Path("/Library/Application Support/pip")]
    folders = (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)
    return [Path(folder) / "pip" for folder in folders if folder] + [Path("/etc")]


def _parse(path: Path) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        # The parser's message quotes the line, which may contain a password.
        raise EnvironmentSpecError(
            str(path),
            f"it is not a configuration file that pip can read ({type(error).__name__}).",
            "See what is wrong with: pip config debug",
        ) from None
    return parser
