"""Read settings from values of a YAML file, with errors that name the key and its line.

A reader is a function of a value and the path of its key, such as ``"request_settings.timeout"``.
What ``az ml`` accepts is accepted, such as a number in quotes, unless the meaning would change: a
fraction of an instance, which it drops silently, is refused.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from modelship.errors import (
    DeploymentFileError,
    InvalidNameError,
    InvalidOptionError,
    nearest,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from modelship.targets.online_endpoint.az_yaml.yaml_tree import YamlValue

__all__ = [
    "Reader",
    "Table",
    "built",
    "choice",
    "each_of",
    "number",
    "record",
    "settings",
    "switch",
    "text",
    "texts",
    "version",
    "whole",
]

Reader = Callable[["YamlValue", str], Any]
Table = Mapping[str, Reader]
_Made = TypeVar("_Made")
_KEY: Final = "a key of "

# What a bool may be written as, in and without quotes; as azure-ai-ml reads it.
_TRUE: Final = frozenset(("1", "t", "true", "y", "yes", "on"))
_FALSE: Final = frozenset(("0", "f", "false", "n", "no", "off"))


def text(node: YamlValue, where: str) -> str:
    """Read a text; a number or a date is refused, as ``az ml`` does."""
    if isinstance(node.content, str):
        return node.content
    raise _unfit(node, where, "text: put it in quotes" if node.written else "text")


def version(node: YamlValue, where: str) -> str:
    """Read the version of an asset, which may be a number."""
    if isinstance(node.content, (str, int, float)) and not isinstance(node.content, bool):
        return node.written
    raise _unfit(node, where, "a version, such as 1")


def whole(node: YamlValue, where: str) -> int:
    """Read a whole number, which may be in quotes."""
    try:
        found = number(node, where)
        if found == int(found):
            return int(found)
    except (DeploymentFileError, ValueError, OverflowError):  # the last two for nan and inf
        pass
    raise _unfit(node, where, "a whole number")


def number(node: YamlValue, where: str) -> float:
    """Read a number, which may be in quotes."""
    try:
        if isinstance(node.content, (str, int, float)) and not isinstance(node.content, bool):
            return float(node.content)
    except (ValueError, OverflowError):
        pass
    raise _unfit(node, where, "a number")


def switch(node: YamlValue, where: str) -> bool:
    """Read true or false, which may be in quotes."""
    word = node.written.casefold()
    if word in _TRUE | _FALSE:
        return word in _TRUE
    raise _unfit(node, where, "true or false")


def choice(*words: str) -> Reader:
    """Return the reader of one of a few words in snake case; also in camel case, as Azure's."""
    by_letters = {_letters(each): each for each in words}

    def read(node: YamlValue, where: str) -> str:
        found = by_letters.get(_letters(node.content)) if isinstance(node.content, str) else None
        if found is None:
            quoted = "" if isinstance(node.content, str) else ", in quotes"
            raise _unfit(node, where, " or ".join(map(repr, words)) + quoted)
        return found

    return read


def texts(node: YamlValue, where: str, *, is_shown: bool = True) -> dict[str, str]:
    """Read a mapping of text to text; numbers and booleans are taken as they are written."""
    if not isinstance(node.content, Mapping):
        raise _unfit(node, where, "a mapping of name to text", is_shown=is_shown)
    for key, each in node.keys.items():
        if isinstance(each.content, (Mapping, tuple)) or each.content is None:
            raise _unfit(each, f"{where}.{key}", "text", is_shown=is_shown)
    return {key: each.written for key, each in node.keys.items()}


def each_of(reader: Reader) -> Reader:
    """Return the reader of a mapping of any names to values that `reader` reads."""

    def read(node: YamlValue, where: str) -> dict[str, Any]:
        if not isinstance(node.content, Mapping):
            raise _unfit(node, where, "a mapping")
        return {key: reader(each, f"{where}.{key}") for key, each in node.keys.items()}

    return read


def record(
    node: YamlValue,
    where: str,
    table: Table,
    *,
    required: Collection[str] = (),
    ignored: Collection[str] = (),
) -> dict[str, Any]:
    """Read a mapping with the keys of `table`, and no others.

    Raises
    ------
    DeploymentFileError
        If a key is missing or unknown, or a value is invalid.
    """
    if not isinstance(node.content, Mapping):
        raise _unfit(node, where, f"a mapping of {', '.join(table)}")
    for key, each in node.keys.items():
        if key not in table and key not in ignored:
            inside = f" in {where}" if where else ""
            raise each.error(f"there is no key {key!r}{inside}{_suggested(key, table)}.")
    for key in required:
        if key not in node.keys:
            raise node.error(f"{_below(where, key)} is missing.")
    read = {key: each for key, each in node.keys.items() if key in table}
    return {key: table[key](each, _below(where, key)) for key, each in read.items()}


def settings(make: Callable[..., _Made], table: Table, *, required: Collection[str] = ()) -> Reader:
    """Return the reader of a mapping that becomes a value with the keys as parameters."""

    def read(node: YamlValue, where: str) -> _Made:
        return built(node, where, make, record(node, where, table, required=required))

    return read


def built(
    node: YamlValue, where: str, make: Callable[..., _Made], given: Mapping[str, Any]
) -> _Made:
    """Make a value of a mapping that was read; an error gets the line of its key.

    Raises
    ------
    DeploymentFileError
        If the value is refused.
    """
    try:
        return make(**given)
    except InvalidOptionError as error:
        path = error.option.removeprefix(_KEY).split(".")
        option = ".".join(path if path[0] in node.keys or len(path) == 1 else path[1:])
        what = (_KEY if error.option.startswith(_KEY) else "") + _below(where, option)
        problem = f"{what} is {error.found!r}; expected {error.expected}."
        raise _deepest(node, option.split(".")).error(problem) from error
    except InvalidNameError as error:
        raise _named(node, error.name).error(error.message) from error


def _deepest(node: YamlValue, path: list[str]) -> YamlValue:
    for key in path:
        node = node.keys.get(key, node)
    return node


def _named(node: YamlValue, name: object) -> YamlValue:
    """Return the value that is the name, or the one whose key is; else the mapping."""
    for key, each in node.keys.items():
        if name in (each.content, key):
            return each
        if name in each.keys:
            return each.keys[str(name)]
    return node


def _unfit(
    node: YamlValue, where: str, expected: str, *, is_shown: bool = True
) -> DeploymentFileError:
    if node.content is None:
        return node.error(f"{where} has no value; expected {expected}.")
    shown = reprlib.repr(node.plain) if is_shown else type(node.plain).__name__
    return node.error(f"{where or 'the file'} is {shown}; expected {expected}.")


def _suggested(key: str, known: Collection[str]) -> str:
    return nearest(key, known) or f"; known: {', '.join(known)}"


def _letters(word: str) -> str:
    return word.replace("_", "").casefold()


def _below(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
