"""Validate the variables and secrets of a service, and the sources of secrets."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from modelship.documents import DocumentError, read_regular
from modelship.errors import InvalidOptionError
from modelship.server.options import OPTIONS
from modelship.texts import as_text

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FrozenMapping", "Secret", "as_secrets", "as_variables"]

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Linux does not start a program with a longer one (MAX_ARG_STRLEN of execve(2)).
_MOST_BYTES: Final = 2**17 - 1
_SOURCES: Final = "'env:NAME' (a variable of this process) or 'file:PATH'"
_TEXT: Final = f"text of at most {_MOST_BYTES} bytes in UTF-8, without NUL"

_MODEL_SAYS: Final = "it names the served model"
_BUNDLE_LIES: Final = "the server finds the bundle with it"
_PORT_SAYS: Final = "set the port with Serving(port=...)"
_RESERVED: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{
            option.variable: f"set server_options={{{option.name!r}: ...}} instead"
            for option in OPTIONS.values()
            if option.on_target
        },
        "WORKER_COUNT": "set Serving(workers=...) instead",
        "MODELSHIP_CAPTURE": "set Serving(capture=...) instead",
        "MODELSHIP_KEYS_FILE": "set Serving(auth=True) to require a key",
        **dict.fromkeys(("SERVICE_NAME", "SERVICE_VERSION"), _MODEL_SAYS),
        **dict.fromkeys(
            (
                *("AML_APP_ROOT", "AZUREML_MODEL_DIR", "AZUREML_ENTRY_SCRIPT"),
                *("AZUREML_SOURCE_DIRECTORY", "AZUREML_CONFIG_FILE"),
            ),
            _BUNDLE_LIES,
        ),
        **dict.fromkeys(("SERVER_PORT", "HEALTH_PORT", "SEPERATE_HEALTH_ENDPOINT"), _PORT_SAYS),
        "GUNICORN_CMD_ARGS": "put settings of gunicorn into gunicorn.conf.py next to the script",
        "PATH": "the programs of the bundle's environment are found through it",
        "PYTHONPATH": "the server is found through it; modules next to the script are importable",
        "PYTHONHOME": "Python would not find its standard library",
        "PYTHONUNBUFFERED": "log lines would be delayed or lost",
        "SPT_NOENV": "modelship identifies the service's processes with it",
    }
)
_RESERVED_PREFIXES: Final = {
    "MODELSHIP_": "modelship configures its own programs with them",
    "LISTEN_": "the server gets its socket through them",
}


class FrozenMapping(Mapping[_Key, _Value]):
    """An immutable mapping: it can be hashed, copied and pickled if its items can.

    Parameters
    ----------
    content : Mapping
        The items, which are copied. Two mappings with the same items in another order are equal.
    """

    __slots__ = ("_content",)

    def __init__(self, content: Mapping[_Key, _Value]) -> None:
        self._content = dict(content)

    def __getitem__(self, key: _Key) -> _Value:
        return self._content[key]

    def __iter__(self) -> Iterator[_Key]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)

    def __hash__(self) -> int:
        return hash(frozenset(self._content.items()))

    def __repr__(self) -> str:
        return repr(self._content)

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenMapping, (self._content,)


@dataclass(frozen=True)
class Secret:
    """A value that is never shown: it is neither printed nor pickled.

    Parameters
    ----------
    value : str
        The secret value.
    source : str
        The source of the value, such as ``"env:NAME"``; empty if the value was given directly. Two
        secrets are equal if their values are.

    Raises
    ------
    InvalidOptionError
        If the value is empty, or is not valid in an environment variable. It is not shown.
    """

    value: str = field(repr=False)
    source: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        where = self.source or "the value of a Secret"
        if not _is_text(self.value):
            raise InvalidOptionError(where, type(self.value).__name__, _expected(self.value))
        if not self.value:
            raise InvalidOptionError(where, "", "a value that is not empty")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled: read it from its source where it is needed")


def as_variables(given: object) -> Mapping[str, str]:
    """Return the variables of a service, validated and sorted by name.

    Raises
    ------
    InvalidOptionError
        If it is not a mapping of names to texts, or a name is reserved for the service. No value is
        shown.
    """
    variables: dict[str, str] = {}
    for name, value in _named("variables", given).items():
        if not _is_text(value, name=name):
            found = type(value).__name__
            raise InvalidOptionError(f"variables[{name!r}]", found, _expected(value))
        variables[name] = str(value)
    return FrozenMapping(variables)


def as_secrets(given: object, *, beside: Mapping[str, str]) -> Mapping[str, Secret]:
    """Return the secrets of a service, read from their sources, sorted by name.

    Parameters
    ----------
    given : Mapping[str, str or Secret]
        The secrets by the name of the variable: ``"env:NAME"``, ``"file:PATH"`` or a Secret.
    beside : Mapping[str, str]
        The variables that are not secret; a name cannot be in both.

    Raises
    ------
    InvalidOptionError
        If a name or a source is invalid, or a source is empty. No value is shown.
    """
    secrets = _named("secrets", given)
    for name in secrets:
        if name in beside:
            expected = "a name that is not in variables too"
            raise InvalidOptionError("a name in secrets", name, expected)
    return FrozenMapping({name: _read(name, source) for name, source in secrets.items()})


def _named(option: str, given: object) -> dict[str, object]:
    try:
        found = dict(given)  # type: ignore[call-overload]  # what is no mapping is told
    except (TypeError, ValueError):
        raise InvalidOptionError(option, type(given).__name__, "a mapping by name") from None
    for name in found:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            expected = "letters, digits and underscores, not beginning with a digit"
            raise InvalidOptionError(f"a name in {option}", name, expected)
        if reason := _why_reserved(name):
            raise InvalidOptionError(f"a name in {option}", name, f"another name: {reason}")
    return dict(sorted(found.items()))


def _why_reserved(name: str) -> str:
    """Return why a service cannot have this variable, with advice; else ``""``."""
    prefixes = (why for prefix, why in _RESERVED_PREFIXES.items() if name.startswith(prefix))
    return _RESERVED.get(name) or next(prefixes, "")


def _is_text(value: object, *, name: str = "") -> bool:
    try:
        size = len(f"{name}={value}".encode()) if isinstance(value, str) else _MOST_BYTES
    except UnicodeEncodeError:
        return False
    return size < _MOST_BYTES and "\0" not in str(value)


def _expected(value: object) -> str:
    return _TEXT if isinstance(value, str) else "text, in quotes"


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
        path = _path(option, rest)
        value, source = _content(option, path), f"file:{path}"
    else:  # it may be the secret itself, so it is not shown
        found = "***" if isinstance(source, str) else type(source).__name__
        raise InvalidOptionError(option, found, _SOURCES)
    if not value:
        raise InvalidOptionError(option, source, "a source that is not empty")
    if not _is_text(value, name=name):
        raise InvalidOptionError(option, source, f"a source with {_TEXT}")
    return Secret(value, source=str(source))


def _path(option: str, given: str) -> Path:
    """Return the absolute path: the source is read again later, from another folder."""
    try:
        return Path(given).expanduser().absolute()
    except RuntimeError:
        raise InvalidOptionError(option, f"file:{given}", "a user with a home folder") from None


def _secret_text(content: bytes) -> str:
    try:
        return as_text(content)
    except DocumentError:  # the original error shows a character of it
        raise DocumentError("it is not UTF-8 text without NUL") from None


def _content(option: str, path: Path) -> str:
    """Return the content of a file, without the newline that editors add at its end."""
    try:
        content = _secret_text(read_regular(path, most_bytes=_MOST_BYTES, follow=True))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        expected = f"a file that can be read ({why})"
        raise InvalidOptionError(option, f"file:{path}", expected) from None
    return content.removesuffix("\n").removesuffix("\r")
