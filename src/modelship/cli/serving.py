"""Options for how a bundle is served, combined with those of the file into a Serving."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from modelship.cli.completing import profiles, servers
from modelship.cli.shared_options import gathered, pair, pairs_option, server_option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from modelship.cli.config import Config
    from modelship.targets import Serving

__all__ = [
    "environment_options",
    "environment_under",
    "flag_of",
    "secret_option",
    "serving_from",
    "serving_options",
    "stated_options",
]

_Command = TypeVar("_Command", bound="Callable[..., Any]")

_MAPPINGS = ("variables", "secrets", "server_options")
_FLAGS = {
    "limits": "--as",
    "variables": "--variable",
    "secrets": "--secret",
    "server_options": "--server-option",
}
variable_option = pairs_option(
    "--variable", "variables", form="NAME=TEXT", about="An environment variable of the service"
)
secret_option = pairs_option(
    "--secret",
    "secrets",
    form="NAME=SOURCE",
    about="A secret variable, read from env:NAME or file:PATH",
    read=pair(str, expected="a source", shown=False),
)
_OPTIONS = (
    click.option(
        "--server", metavar="SERVER", shell_complete=servers,
        help="The server: azmlinfsrv or modelship.",
    ),
    click.option("--workers", type=int, metavar="N", help="Processes that run it [default: 1]."),
    click.option("--port", type=int, help="The port of the service [default: a free one]."),
    click.option(
        "--auth/--no-auth", default=None, help="Whether requests need a key [default: as before]."
    ),
    click.option("--traces", is_flag=True, default=None, help="Send spans of the requests."),
    click.option("--capture", metavar="FOLDER", help="Capture failed requests, for replay."),
    click.option(
        "--as", "limits", metavar="PROFILE", shell_complete=profiles,
        help="Run it here under the limits of another place: aci, aks or online-endpoint.",
    ),
    variable_option,
    secret_option,
    server_option,
)  # fmt: skip
serving_options = gathered(_OPTIONS, into="serving")


def environment_options(command: _Command) -> _Command:
    """Add the options for the variables and the secrets of a service."""
    return variable_option(secret_option(command))


def environment_under(
    config: Config, variables: Iterable[tuple[str, str]], secrets: Iterable[tuple[str, str]]
) -> dict[str, Any]:
    """Return the variables and secrets of a service: the file's, overridden by the given ones.

    The keys are the parameter names of :class:`modelship.Serving`.
    """
    given = {"variables": dict(variables), "secrets": dict(secrets)}
    return {option: {**config.serving.get(option, {}), **each} for option, each in given.items()}


def serving_from(config: Config, given: Mapping[str, Any]) -> Serving:
    """Return how a bundle is served: as in the file, overridden by the given options.

    Raises
    ------
    InvalidOptionError
        If an option has an invalid value.
    """
    from modelship.targets import Serving

    return Serving(**config.overridden_by(serving=stated_options(given)).serving)


def stated_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given options as fields of Serving: pairs become mappings."""
    stated = {name: value for name, value in given.items() if value not in (None, ())}
    return {name: dict(value) if name in _MAPPINGS else value for name, value in stated.items()}


def flag_of(option: str) -> str:
    """Return the command-line flag of a field of Serving."""
    return _FLAGS.get(option, f"--{option}")
