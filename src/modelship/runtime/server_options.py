"""Validate server options against the server's own table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modelship.errors import InvalidOptionError, nearest
from modelship.runtime.variables import FrozenMapping
from modelship.server.options import OPTIONS

if TYPE_CHECKING:
    from modelship.bundle.profile import Profile
    from modelship.runtime.servers import Server

__all__ = ["checked_options", "option_variables"]

_ON_TARGET = {name: option for name, option in OPTIONS.items() if option.on_target}
_EXAMPLE = "a mapping of names to values, such as {'scoring_timeout_ms': 60000}"


def checked_options(
    server: Server, given: object, *, limits: Profile | None = None
) -> Mapping[str, Any]:
    """Return the options of a server, by name, if `server` supports them.

    Parameters
    ----------
    server : Server
        The server that runs the script.
    given : Mapping or None
        The options, with the names in docs/reference/scoring-server.md.
    limits : Profile, optional
        The place whose limits were chosen; an option that it sets cannot have another value.

    Raises
    ------
    InvalidOptionError
        If an option does not exist, or has an invalid value.
    """
    given = {} if given is None else given
    if not isinstance(given, Mapping):
        raise InvalidOptionError("server_options", given, _EXAMPLE)
    for name, value in given.items():
        _check(server, name, value)
        if limits is not None and OPTIONS[name].variable in limits.variables:
            expected = f"no value, since limits={limits.name!r} sets it"
            raise InvalidOptionError(_said(name), value, expected)
    return FrozenMapping(given)


def option_variables(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment variables of the server for checked options."""
    return {OPTIONS[name].variable: OPTIONS[name].text_of(v) for name, v in options.items()}


def _check(server: Server, name: object, value: object) -> None:
    known = [each for each, option in _ON_TARGET.items() if server.name in option.servers]
    option = OPTIONS.get(name) if isinstance(name, str) else None
    if option is not None and not option.on_target:
        expected = f"no value, since a target does not support it ({option.what})"
        raise InvalidOptionError(_said(option.name), value, expected)
    if option is None:
        expected = f"one of: {', '.join(known)}{nearest(str(name), known)}"
        raise InvalidOptionError(f"an option of the server {server.name!r}", name, expected)
    if server.name not in option.servers:
        expected = f"no value, since only server={option.servers[0]!r} supports it"
        raise InvalidOptionError(_said(option.name), value, expected)
    try:
        option.text_of(value)
    except ValueError as error:
        raise InvalidOptionError(_said(option.name), value, option.expected) from error


def _said(name: str) -> str:
    return f"server_options[{name!r}]"
