"""The variables and the secrets of a service: their names, and where a secret is read from."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelship.errors import InvalidOptionError
from modelship.targets.recorded import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["as_secrets", "as_variables"]

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OURS: Final = re.compile(
    r"(MODELSHIP|AML|AZUREML|LISTEN|SPT)_.*|PYTHON(PATH|HOME|UNBUFFERED)|PATH|LD_.*"
    r"|WORKER_COUNT|SCORING_TIMEOUT_MS|GUNICORN_CMD_ARGS|SERVICE_(NAME|VERSION)"
)
_EXPECTED_SOURCE: Final = "'env:NAME' (a variable of this process) or 'file:PATH'"


def as_variables(given: object) -> Mapping[str, str]:
    """Return the variables of a service, checked.

    Raises
    ------
    InvalidOptionError
        If it is no mapping of names to texts, or a name is one that modelship sets itself.
    """
    variables: dict[str, str] = {}
    for name, value in _named("variables", given).items():
        if not isinstance(value, str) or "\0" in value:
            raise InvalidOptionError(f"variables[{name!r}]", type(value).__name__, "text")
        variables[name] = value
    return MappingProxyType(variables)


def as_secrets(given: object, *, beside: Mapping[str, str]) -> Mapping[str, Secret]:
    """Return the secrets of a service, read from where they are.

    Parameters
    ----------
    given : Mapping[str, str or Secret]
        By the name of the variable: ``"env:NAME"``, ``"file:PATH"`` or a Secret.
    beside : Mapping[str, str]
        The variables that are no secrets; a name cannot be in both.

    Raises
    ------
    InvalidOptionError
        If a name or a source cannot be used, or there is nothing in it. No value is shown.
    """
    secrets = _named("secrets", given)
    for name in secrets:
        if name in beside:
            raise InvalidOptionError("secrets", name, "names that are not in variables too")
    return MappingProxyType({name: _read(name, source) for name, source in secrets.items()})


def _named(option: str, given: object) -> dict[str, object]:
    try:
        found = dict(given)  # type: ignore[call-overload]  # what is no mapping is told
    except (TypeError, ValueError):
        raise InvalidOptionError(option, type(given).__name__, "a mapping by name") from None
    for name in found:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InvalidOptionError(option, name, "names of letters, digits and underscores")
        if _OURS.fullmatch(name):
            raise InvalidOptionError(option, name, "left out: modelship or the server sets it")
    return dict(sorted(found.items()))


def _read(name: str, source: object) -> Secret:
    if isinstance(source, Secret):
        return source
    option = f"secrets[{name!r}]"
    kind, _, rest = source.partition(":") if isinstance(source, str) else ("", "", "")
    if kind == "env" and rest:
        value = os.environ.get(rest)
        if value is None:
            raise InvalidOptionError(option, source, f"a variable that is set: {rest} is not")
    elif kind == "file" and rest:
        value = _content(option, Path(rest).expanduser())
    else:  # it may be the secret itself: it is not shown
        raise InvalidOptionError(option, type(source).__name__, _EXPECTED_SOURCE)
    if not value or "\0" in value:
        raise InvalidOptionError(option, source, "a source that is not empty, and is text")
    return Secret(value, source=str(source))


def _content(option: str, path: Path) -> str:
    try:
        return path.read_text().removesuffix("\n")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InvalidOptionError(
            option, f"file:{path}", f"a file that can be read ({why})"
        ) from None
