"""Options that several commands share, and their parsers."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from modelship.cli.completing import (
    server_options,
    service_names,
    target_names,
    target_options,
)
from modelship.cli.output import use_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "check_option",
    "config_option",
    "gathered",
    "json_option",
    "name_argument",
    "name_option",
    "option_option",
    "pair",
    "quiet_option",
    "request_timeout_option",
    "scalar",
    "server_option",
    "target_option",
    "timeout_option",
    "trust_option",
]

_Command = TypeVar("_Command", bound="Callable[..., Any]")


def pair(
    read: Callable[[str], Any], *, expected: str, shown: bool = True
) -> Callable[[str], tuple[str, Any]]:
    """Return a parser of one ``key=value``; for the type of an option.

    Parameters
    ----------
    read : Callable
        Converts the text after the ``=`` to the value; raises ValueError if it cannot.
    expected : str
        A description of valid values.
    shown : bool
        Whether a message may quote the typed text; False if it may be a secret by mistake.
    """

    def convert(given: str) -> tuple[str, Any]:
        key, equals, text = given.partition("=")
        if not key or not equals:
            found = repr(given) if shown else "what was given"
            raise click.BadParameter(f"{found} is not of the form key=value.")
        try:
            return key, read(text)
        except ValueError as error:
            raise click.BadParameter(f"{text!r} in {given!r} is not {expected}.") from error

    return convert


def scalar(text: str) -> Any:
    """Parse `text` as a JSON number, boolean, null or string; otherwise return it unchanged."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def gathered(
    options: Sequence[Callable[[_Command], _Command]], names: Sequence[str], *, into: str
) -> Callable[[_Command], _Command]:
    """Return a decorator that adds several options to a command and passes them as one mapping.

    Parameters
    ----------
    options : Sequence[Callable]
        The decorators of the options, in the order of the help.
    names : Sequence[str]
        The names of their values.
    into : str
        The parameter of the command that gets the mapping.
    """

    def add(command: _Command) -> _Command:
        @functools.wraps(command)
        def gathering(**given: Any) -> Any:
            return command(**{into: {name: given.pop(name) for name in names}}, **given)

        for option in reversed(options):
            gathering = option(gathering)
        return gathering  # type: ignore[return-value]  # of the same kind

    return add


def json_option(command: _Command) -> _Command:
    """Add ``--json``."""
    return click.option(
        "--json",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=use_json,
        help="Print one JSON document instead of text.",
    )(command)


def config_option(command: _Command) -> _Command:
    """Add ``--config``, passed on as ``config_file``."""
    return click.option(
        "--config",
        "config_file",
        type=click.Path(path_type=Path),
        envvar="MODELSHIP_CONFIG",
        help="Configuration file [default: modelship.yaml here, if there is one].",
    )(command)


def target_option(command: _Command) -> _Command:
    """Add ``-t``."""
    return click.option(
        "-t",
        "--target",
        metavar="TARGET",
        help="Where services run [default: process].",
        shell_complete=target_names,
    )(command)


def option_option(command: _Command) -> _Command:
    """Add ``--option``, passed on as ``options``: pairs for the target's class."""
    return click.option(
        "--option",
        "options",
        multiple=True,
        type=pair(scalar, expected="a value"),
        metavar="KEY=VALUE",
        shell_complete=target_options,
        help="An option of the target, such as base_image=python:3.11-slim; may be repeated.",
    )(command)


def _server_option(given: str) -> tuple[str, Any]:
    """Parse ``name=value`` by the server's options; the target reports unknown names."""
    from modelship.server.options import OPTIONS

    option = OPTIONS.get(given.partition("=")[0])
    if option is None:
        return pair(scalar, expected="a value")(given)
    return pair(option.parse, expected=option.expected)(given)


def server_option(command: _Command) -> _Command:
    """Add ``--server-option``, passed on as ``server_options``: pairs for the server."""
    return click.option(
        "--server-option",
        "server_options",
        multiple=True,
        type=_server_option,
        metavar="NAME=VALUE",
        shell_complete=server_options,
        help="A setting of the server, such as scoring_timeout_ms=60000; may be repeated.",
    )(command)


def name_option(command: _Command) -> _Command:
    """Add ``-n``."""
    return click.option(
        "-n", "--name", metavar="NAME", help="The service's name.", shell_complete=service_names
    )(command)


def name_argument(command: _Command) -> _Command:
    """Add NAME, the service's name."""
    return click.argument("name", shell_complete=service_names)(command)


def trust_option(command: _Command) -> _Command:
    """Add ``--trust-model``."""
    return click.option(
        "--trust-model",
        is_flag=True,
        help="Load the model although that may run code: you trust its author.",
    )(command)


def check_option(command: _Command) -> _Command:
    """Add ``--check``."""
    return click.option(
        "--check",
        type=click.Choice(["static", "trial", "off"]),
        help="Read the bundle first, also try its script, or neither [default: the target's].",
    )(command)


def quiet_option(command: _Command) -> _Command:
    """Add ``--quiet``."""
    return click.option("--quiet", is_flag=True, help="Do not show the steps on stderr.")(command)


def request_timeout_option(command: _Command) -> _Command:
    """Add ``--request-timeout``, passed on as ``request_timeout_s``."""
    return click.option(
        "--request-timeout",
        "request_timeout_s",
        default=60.0,
        metavar="SECONDS",
        type=click.FloatRange(min=0, min_open=True),
        help="Seconds for each answer [default: 60].",
    )(command)


def timeout_option(meaning: str) -> Callable[[_Command], _Command]:
    """Return a decorator that adds ``--timeout``, passed on as ``timeout_s``."""
    return click.option(
        "--timeout",
        "timeout_s",
        metavar="SECONDS",
        type=click.FloatRange(min=0, min_open=True),
        help=meaning,
    )
