"""Check single settings of online endpoints; no message shows the value of a variable."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from modelship.errors import InvalidOptionError

__all__ = [
    "check_choice",
    "check_kind",
    "check_seconds",
    "check_switch",
    "check_text",
    "check_whole",
    "frozen_texts",
]


def check_whole(option: str, found: object, *, least: int, most: int | None = None) -> None:
    """Refuse a value that is not None or a whole number in a range.

    Raises
    ------
    InvalidOptionError
        If it is neither.
    """
    if found is None:
        return
    is_whole = isinstance(found, int) and not isinstance(found, bool)
    if not is_whole or found < least or (most is not None and found > most):  # type: ignore[operator]
        bounds = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise InvalidOptionError(option, found, f"a whole number {bounds}")


def check_seconds(option: str, found: object, *, most: float) -> None:
    """Refuse a value that is not None or a number of seconds from 0 to `most`.

    Raises
    ------
    InvalidOptionError
        If it is neither.
    """
    if found is None:
        return
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    if not is_number or not 0 <= found <= most:  # type: ignore[operator]
        raise InvalidOptionError(option, found, f"seconds from 0 to {most:g}")


def check_text(option: str, found: object) -> None:
    """Refuse a value that is not None or a text that is not blank.

    Raises
    ------
    InvalidOptionError
        If it is neither.
    """
    if found is not None and not (isinstance(found, str) and found.strip()):
        raise InvalidOptionError(option, found, "text that is not blank")


def check_switch(option: str, found: object) -> None:
    """Refuse a value that is not None, True or False.

    Raises
    ------
    InvalidOptionError
        If it is another one.
    """
    if found is not None and not isinstance(found, bool):
        raise InvalidOptionError(option, found, "true or false")


def check_choice(option: str, found: object, choices: tuple[str, ...]) -> None:
    """Refuse a value that is not None or one of a few texts.

    Raises
    ------
    InvalidOptionError
        If it is neither.
    """
    if found is not None and found not in choices:
        raise InvalidOptionError(option, found, " or ".join(map(repr, choices)))


def check_kind(option: str, found: object, kind: type) -> None:
    """Refuse a value that is not None or an instance of `kind`.

    Raises
    ------
    InvalidOptionError
        If it is neither.
    """
    if found is not None and not isinstance(found, kind):
        raise InvalidOptionError(option, found, f"a value of the type {kind.__name__}")


def frozen_texts(option: str, given: object, *, is_shown: bool = True) -> Mapping[str, str]:
    """Return a read-only copy of a mapping of str to str; None is an empty one.

    Raises
    ------
    InvalidOptionError
        If it has another type, or a key is blank. A value that may be a secret is not shown.
    """
    if given is None:
        return MappingProxyType({})
    if not isinstance(given, Mapping):
        shown: Any = given if is_shown else type(given).__name__
        raise InvalidOptionError(option, shown, "a mapping of text to text")
    for key, value in given.items():
        if not isinstance(key, str) or not key.strip():
            raise InvalidOptionError(f"a key of {option}", key, "text that is not blank")
        if not isinstance(value, str):
            shown = value if is_shown else type(value).__name__
            raise InvalidOptionError(f"{option}.{key}", shown, "text")
    return MappingProxyType(dict(given))
