"""Define the type of each key of ``modelship.yaml``, and the error for invalid values."""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelship.errors import InvalidOptionError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import yaml

__all__ = ["KINDS", "OF_SERVING", "Kind", "Problem", "problem_of", "problems_in"]

OF_SERVING: Final = MappingProxyType(
    {
        **{name: name for name in ("server", "workers", "port", "auth", "traces", "capture")},
        **{name: name for name in ("limits", "variables", "secrets", "server_options")},
        "auth_enabled": "auth",
        "profile": "limits",
    }
)
"""The fields of Serving, also under the names that they had as options of a target."""

_MERGED: Final = "<<"


class Problem(NamedTuple):
    """The problem with a value, and its line in the file; lines count from 1."""

    line: int
    text: str


@dataclass(frozen=True)
class Kind:
    """The valid values of a key.

    Parameters
    ----------
    expected : str
        A description of them.
    fits : Callable
        Returns whether a value is valid.
    keys : Mapping[str, Kind] or Kind, optional
        For a mapping: the kind of each of its keys, or one Kind if any key is allowed.
    is_shown : bool
        Whether a value may be shown in a message; False if it may contain a secret.
    of_serving : str
        The field of Serving that the value is for, if Serving validates it.
    """

    expected: str
    fits: Callable[[Any], bool]
    keys: Mapping[str, Kind] | Kind = field(default_factory=dict)
    is_shown: bool = True
    of_serving: str = ""


def problem_of(name: str, value: object, kind: Kind) -> str:
    """Return the problem with a value itself, not with what a mapping contains; or ``""``."""
    if kind.fits(value):
        return _refusal(name, value, kind.of_serving) if kind.of_serving else ""
    found = reprlib.repr(value) if kind.is_shown else type(value).__name__
    return f"{name} is {found}; expected {kind.expected}."


def _refusal(name: str, value: object, option: str) -> str:
    """Return the error of Serving for an invalid value, or ``""``."""
    from modelship.targets import Serving

    try:
        Serving(**{option: value})  # type: ignore[arg-type]  # its type fits
    except InvalidOptionError as error:
        return f"{name} is {error.found!r}; expected {error.expected}."
    return ""


def problems_in(
    node: yaml.Node, values: Mapping[Any, Any], keys: Mapping[str, Kind] | Kind, *, of: str = ""
) -> Iterator[Problem]:
    """Yield the problems with the keys of a mapping, and of nested ones.

    Parameters
    ----------
    node : yaml.Node
        The mapping with its lines.
    values : Mapping
        The same mapping as values.
    keys : Mapping[str, Kind] or Kind
        The kind of each key.
    of : str
        The path of the mapping, such as ``"serving."``.
    """
    seen: set[str] = set()
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        key = str(key_node.value)
        if key == _MERGED and of:  # merged content was read, and checked, where it is written
            continue
        kind = keys if isinstance(keys, Kind) else keys.get(key)
        if problem := _problem(key, kind, values, keys, of=of, seen=seen):
            yield Problem(line, problem)
        elif kind is not None and kind.keys and isinstance(values[key], Mapping):
            yield from problems_in(value_node, values[key], kind.keys, of=f"{of}{key}.")
        seen.add(key)


def _problem(
    key: str,
    kind: Kind | None,
    values: Mapping[Any, Any],
    keys: Mapping[str, Kind] | Kind,
    *,
    of: str,
    seen: set[str],
) -> str:
    if kind is None:
        known = [*keys] if isinstance(keys, Mapping) else []
        where = f" in {of.rstrip('.')}" if of else ""
        if isinstance(keys, Mapping) and _is_of_serving(key, keys):
            return f"there is no key {key!r}{where}; write it as serving: {{{key}: ...}}."
        return f"there is no key {key!r}{where}{nearest(key, known)}; known: {', '.join(known)}."
    if key not in values:  # a tag such as !!binary changed its type
        return f"{of}{key} is not written as text."
    if key in seen:
        return f"{of}{key} is given twice."
    return _moved(key, of=of) or problem_of(f"{of}{key}", values[key], kind)


def _is_of_serving(key: str, keys: Mapping[str, Kind]) -> bool:
    serving = keys.get("serving")
    return serving is not None and isinstance(serving.keys, Mapping) and key in serving.keys


def _moved(key: str, *, of: str) -> str:
    """Return where an option of a target has moved, if it is now an option of serving."""
    is_option = of.startswith("options.") or ".options." in of
    if not is_option or key not in OF_SERVING:
        return ""
    return (
        f"{of}{key} says how a bundle is served, and is not an option of a target; "
        f"write it as serving: {{{OF_SERVING[key]}: ...}}."
    )


# --- what a value is --------------------------------------------------------------------


def _is_string(value: object) -> bool:
    return isinstance(value, str)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_number(value: object) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and -sys.float_info.max <= value <= sys.float_info.max  # type: ignore[operator]


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_dict(value: object) -> bool:
    return isinstance(value, dict)


def _is_mapping(value: object, of: Callable[[Any], bool]) -> bool:
    return isinstance(value, dict) and all(_is_text(key) and of(value[key]) for key in value)


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_text_or_texts(value: object) -> bool:
    return _is_text(value) or (bool(value) and _is_list_of_texts(value))


def _is_source(value: object) -> bool:
    return isinstance(value, str) and value.startswith(("env:", "file:"))


def _one_of(*known: str) -> Kind:
    return Kind(" or ".join(known), lambda value: value in known)


_ANY: Final = Kind("a value", lambda _: True, is_shown=False)
_TEXT: Final = Kind("text", _is_text)
_PATH: Final = Kind("a path", _is_text)
_POSITIVE: Final = Kind("a number above 0", lambda value: _is_number(value) and value > 0)
_WHOLE: Final = Kind("a whole number", _is_whole)
_SWITCH: Final = Kind("true or false", lambda value: isinstance(value, bool))
_FUNCTION: Final = Kind("MODULE:FUNCTION, or FILE.py:FUNCTION", _is_text)
_SOURCE: Final = Kind(
    "env:NAME or file:PATH, and not the secret itself", _is_source, is_shown=False
)
_SETTING: Final = Kind(
    "a number, true, false or text",
    lambda value: _is_number(value) or isinstance(value, (str, bool)),
)

_SERVING: Final = {
    "server": replace(_TEXT, of_serving="server"),
    "workers": replace(_WHOLE, of_serving="workers"),
    "port": replace(_WHOLE, of_serving="port"),
    "auth": _SWITCH,
    "traces": _SWITCH,
    "capture": _PATH,
    "limits": replace(_TEXT, of_serving="limits"),
    "variables": Kind(
        "a mapping of name to text", _is_dict, keys=Kind("text: put it in quotes", _is_string)
    ),
    "secrets": Kind(
        "a mapping of name to where it is read from", _is_dict, keys=_SOURCE, is_shown=False
    ),
    "server_options": Kind("a mapping of option to value", _is_dict, keys=_SETTING),
}

_ONE: Final = {
    "model": Kind("a path or a URI, or a list of them", _is_text_or_texts),
    "entry_script": _PATH,
    "source_directory": _PATH,
    "environment": Kind("a path (packages alone stand under packages)", _is_text),
    "packages": Kind("a list of packages, such as [pandas, pyarrow>=15]", _is_list_of_texts),
    "sample_input": Kind(
        "a mapping, a list, or the path of a JSON, CSV or Parquet file",
        lambda value: _is_text(value) or isinstance(value, (dict, list)),
    ),
    "schema": _PATH,
    "output": _one_of("labels", "proba"),
    "validate": _SWITCH,
    "cpu_cores": _POSITIVE,
    "memory_gb": _POSITIVE,
    "tags": Kind("a mapping of text to text", lambda value: _is_mapping(value, _is_text)),
    "description": Kind("text", _is_string),
    "name": _TEXT,
    "target": _TEXT,
    "options": Kind(
        "a mapping of target to its options, such as {docker: {base_image: python:3.11-slim}}",
        lambda value: _is_mapping(value, _is_dict),
        keys=Kind("a mapping of options", _is_dict, keys=_ANY),
        is_shown=False,
    ),
    "serving": Kind(
        "a mapping of options, such as {workers: 2}", _is_dict, keys=_SERVING, is_shown=False
    ),
    "require": Kind("a mapping of metric to number", lambda value: _is_mapping(value, _is_number)),
    "data": _PATH,
    "label": Kind("the column with y, or a list of them", _is_text_or_texts),
    "task": _one_of("classification", "regression"),
    "separator": Kind("a character, or tab", lambda value: isinstance(value, str) and bool(value)),
    "decimal": Kind("a character", lambda value: isinstance(value, str) and len(value) == 1),
    "encode": _FUNCTION,
    "decode": _FUNCTION,
    "timeout_s": _POSITIVE,
}

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        **_ONE,
        "services": Kind(
            "a mapping of service to its settings, such as {staging: {target: docker}}",
            lambda value: isinstance(value, dict) and bool(value),
            keys=Kind(
                "a mapping of settings, such as {target: docker}",
                _is_dict,
                keys=_ONE,
                is_shown=False,
            ),
            is_shown=False,
        ),
    }
)
"""The keys, in the order of the documentation."""
