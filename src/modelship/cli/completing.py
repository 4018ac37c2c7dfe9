"""Complete command-line arguments: fast, and never with an error.

A shell calls this at each Tab, so nothing here imports deployment code or queries a place: services
are those that were deployed from this machine, or that ``modelship.yaml`` names.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import click

__all__ = [
    "OUR_TARGETS",
    "files",
    "profiles",
    "server_options",
    "servers",
    "service_names",
    "services_of_file",
    "target_names",
    "target_options",
]

_DIGITS: Final = 64
OUR_TARGETS: Final = ("aci", "docker", "online-endpoint", "process")


def _complete(
    words: Callable[[click.Context], Iterable[str]],
) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Return completions for those of `words` that start with the typed text; none on an error."""

    @functools.wraps(words)
    def complete(
        context: click.Context, _parameter: click.Parameter, typed: str
    ) -> list[CompletionItem]:
        try:
            found = sorted({word for word in words(context) if word.startswith(typed)})
        except Exception:  # noqa: BLE001 - a shell has no place for an error
            return []
        return [CompletionItem(word) for word in found]

    return complete


def files(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Let the shell complete file names."""
    return [CompletionItem(typed, type="file")]


@_complete
def target_names(_context: click.Context) -> Iterator[str]:
    """Yield the names of targets, including installed plug-ins."""
    from importlib.metadata import entry_points

    yield from OUR_TARGETS
    yield from (each.name for each in entry_points(group="modelship.targets"))


@_complete
def service_names(context: click.Context) -> Iterator[str]:
    """Yield the names deployed from this machine, on the typed target if any."""
    from modelship.state_paths import state_folder

    target = context.params.get("target") or "*"
    home = state_folder()
    for folder in home.glob(f"releases/{target}/*"):
        if len(folder.parent.name) != _DIGITS:  # releases are next to them, by their digests
            yield folder.name
    yield from (each.stem for each in home.glob(f"failures/{target}/*.json"))
    yield from _labels(context)


@_complete
def services_of_file(context: click.Context) -> Iterable[str]:
    """Yield the keys of the services in modelship.yaml."""
    return _labels(context)


def _labels(context: click.Context) -> Iterable[str]:
    from pathlib import Path

    from modelship.cli.config import FILE_NAME, Config

    path = context.params.get("config_file")
    if path is None and not Path(FILE_NAME).exists():
        return ()
    return [*Config.find(path).services]


@_complete
def servers(_context: click.Context) -> Iterable[str]:
    """Yield the names of the servers."""
    return ("azmlinfsrv", "modelship")


@_complete
def profiles(_context: click.Context) -> Iterable[str]:
    """Yield the places with known limits."""
    from modelship.bundle.profile import PROFILES

    return PROFILES


@_complete
def server_options(_context: click.Context) -> Iterator[str]:
    """Yield the settings of the server, each with the text before its value."""
    from modelship.server.options import OPTIONS

    yield from (f"{name}=" for name in OPTIONS)


@_complete
def target_options(context: click.Context) -> Iterator[str]:
    """Yield the options of the typed target, or of the default one."""
    import inspect

    from modelship.targets.known import TARGETS

    backend = TARGETS.load(context.params.get("target") or "process")
    yield from (f"{name}=" for name in inspect.signature(backend).parameters)
