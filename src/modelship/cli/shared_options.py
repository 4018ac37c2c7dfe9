"""Options that several commands share, and their parsers."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from modelship.cli.completing import (
    files,
    server_options,
    service_names,
    target_names,
    target_options,
)
from modelship.cli.output import use_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "PATH",
    "bundle_argument",
    "check_option",
    "command",
    "config_option",
    "file_option",
    "gathered",
    "name_argument",
    "name_option",
    "option_option",
    "pair",
    "pairs_option",
    "quiet_option",
    "request_timeout_option",
    "require_option",
    "scalar",
    "server_option",
    "target_option",
    "timeout_option",
    "trust_option",
]

_Command = TypeVar("_Command", bound="Callable[..., Any]")

PATH: Final = click.Path(path_type=Path)


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


def command(
    short_help: str,
    *,
    example: str,
    json_help: str = "Print one JSON document instead of text.",
    **more: Any,
) -> Callable[[Callable[..., Any]], click.Command]:
    """Return a decorator that makes a command of a function; its last option is ``--json``.

    Parameters
    ----------
    short_help : str
        The line of the command in the list of commands.
    example : str
        One way to type it, after ``modelship``.
    json_help : str
        The help of ``--json``.
    **more
        As for ``click.command``.
    """

    def make(function: Callable[..., Any]) -> click.Command:
        epilog = f"Example: modelship {example}"
        making: Any = click.command(short_help=short_help, epilog=epilog, **more)
        made: click.Command = making(function)
        as_json = click.Option(
            ["--json"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=use_json,
            help=json_help,
        )
        made.params.append(as_json)
        return made

    return make


def _server_option(given: str) -> tuple[str, Any]:
    """Parse ``name=value`` by the server's options; the target reports unknown names."""
    from modelship.server.options import OPTIONS

    option = OPTIONS.get(given.partition("=")[0])
    read, expected = (option.parse, option.expected) if option else (scalar, "a value")
    return pair(read, expected=expected)(given)


def gathered(
    options: Sequence[Callable[..., Any]], *, into: str, make: Callable[..., Any] = dict
) -> Callable[[_Command], _Command]:
    """Return a decorator that adds several options to a command and passes them as one value.

    Parameters
    ----------
    options : Sequence[Callable]
        The decorators of the options, in the order of the help.
    into : str
        The parameter of the command that gets the value.
    make : Callable
        Makes it of the values of the options, which are its keywords; by default a mapping.
    """

    def add(command: _Command) -> _Command:
        @functools.wraps(command)
        def gathering(**given: Any) -> Any:
            value = make(**{name: given.pop(name) for name in names})
            return command(**{into: value}, **given)

        before = len(getattr(command, "__click_params__", ()))
        for option in reversed(options):
            gathering = option(gathering)
        names = [each.name for each in vars(gathering)["__click_params__"][before:]]
        return gathering  # type: ignore[return-value]  # of the same kind

    return add


def pairs_option(
    flag: str,
    parameter: str,
    *,
    form: str,
    about: str,
    read: Callable[[str], tuple[str, Any]] | None = None,
    **more: Any,
) -> Callable[[_Command], _Command]:
    """Return a decorator that adds an option for pairs, which may be repeated.

    Parameters
    ----------
    flag, parameter : str
        The option, and the parameter of the command that gets the pairs.
    form : str
        The form of a pair, such as ``"KEY=VALUE"``.
    about : str
        The help.
    read : Callable, optional
        The parser of a pair; by default its value is a text.
    **more
        As for ``click.option``.
    """
    return click.option(
        flag,
        parameter,
        multiple=True,
        type=read or pair(str, expected="text"),
        metavar=form,
        help=f"{about}; may be repeated.",
        **more,
    )


config_option = click.option(
    "--config",
    "config_file",
    type=PATH,
    envvar="MODELSHIP_CONFIG",
    help="Configuration file [default: modelship.yaml here, if there is one].",
)
target_option = click.option(
    "-t",
    "--target",
    metavar="TARGET",
    help="Where services run [default: process].",
    shell_complete=target_names,
)
option_option = pairs_option(
    "--option",
    "options",
    form="KEY=VALUE",
    about="An option of the target, such as base_image=python:3.11-slim",
    read=pair(scalar, expected="a value"),
    shell_complete=target_options,
)
server_option = pairs_option(
    "--server-option",
    "server_options",
    form="NAME=VALUE",
    about="A setting of the server, such as scoring_timeout_ms=60000",
    read=_server_option,
    shell_complete=server_options,
)
name_option = click.option(
    "-n", "--name", metavar="NAME", help="The service's name.", shell_complete=service_names
)
name_argument = click.argument("name", shell_complete=service_names)
bundle_argument = click.argument("bundle_folder", required=False, type=PATH)
trust_option = click.option(
    "--trust-model",
    is_flag=True,
    help="Load the model although that may run code: you trust its author.",
)
check_option = click.option(
    "--check",
    type=click.Choice(["static", "trial", "off"]),
    help="Read the bundle first, also try its script, or neither [default: the target's].",
)
quiet_option = click.option("--quiet", is_flag=True, help="Do not show the steps on stderr.")
request_timeout_option = click.option(
    "--request-timeout",
    "request_timeout_s",
    default=60.0,
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds for each answer [default: 60].",
)


def file_option(flag: str, about: str, *, metavar: str = "FILE") -> Callable[[_Command], _Command]:
    """Return a decorator that adds an option for a path, which shells complete."""
    return click.option(flag, metavar=metavar, shell_complete=files, help=about)


def require_option(about: str) -> Callable[[_Command], _Command]:
    """Return a decorator that adds ``--require``."""
    read = pair(float, expected="a number")
    return pairs_option("--require", "require", form="METRIC=BOUND", about=about, read=read)


def timeout_option(meaning: str) -> Callable[[_Command], _Command]:
    """Return a decorator that adds ``--timeout``, passed on as ``timeout_s``."""
    return click.option(
        "--timeout",
        "timeout_s",
        metavar="SECONDS",
        type=click.FloatRange(min=0, min_open=True),
        help=meaning,
    )
