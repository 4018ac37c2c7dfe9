"""Read untrusted JSON documents with limits, and check them against a schema.

A schema is a function of a value and its location. It returns the validated value, or raises
:class:`DocumentError` with what was found and what was expected::

    SCHEMA = record({"name": text(most=40), "sizes": listing(number(above=0))})
    SCHEMA(parse(content), "")
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import NoReturn

    Schema = Callable[[Any, str], Any]

__all__ = [
    "DocumentError",
    "choice",
    "listing",
    "mapping",
    "number",
    "optional",
    "parse",
    "read_regular",
    "record",
    "text",
]

MOST_DIGITS: Final = 40
MOST_NESTED: Final = 100
_CHUNK_BYTES: Final = 1 << 20
_SHOWN: Final = 60


class DocumentError(ValueError):
    """A document is invalid; its text is a clause such as ``tags is a list, …``."""


def read_regular(path: Path, *, most_bytes: int, follow: bool = False) -> bytes:
    """Read a regular file of at most `most_bytes` bytes, without blocking.

    Parameters
    ----------
    path : Path
        The file. A pipe or a device is rejected, and so is a link unless `follow`.
    most_bytes : int
        The limit, in bytes.
    follow : bool
        Whether the file may be a link.

    Raises
    ------
    DocumentError
        If it is not a regular file, or larger.
    OSError
        If it does not exist or cannot be read.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
    if not follow and path.is_symlink():
        raise DocumentError(f"{path.name!r} is a link, and not a file")
    if not stat.S_ISREG(path.stat().st_mode):
        raise DocumentError(f"{path.name!r} is not a file")
    with open(os.open(path, flags), "rb") as file:  # noqa: PTH123 - Path.open() takes no descriptor
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise DocumentError(f"{path.name!r} has more than {most_bytes} bytes")
    return content


def parse(content: bytes | str, *, finite: bool = True, most_digits: int = MOST_DIGITS) -> Any:
    """Parse a JSON document, strictly.

    Parameters
    ----------
    content : bytes or str
        The document; bytes are UTF-8.
    finite : bool
        Whether NaN and the infinities, which JSON does not have, are rejected.
    most_digits : int
        The maximum number of digits of an integer.

    Raises
    ------
    DocumentError
        If it is not JSON, has a duplicate key or a longer number, or is nested more than 100 deep.
    """
    try:
        decoded = content if isinstance(content, str) else content.decode()
        value = json.loads(
            decoded,
            object_pairs_hook=_once,
            parse_int=partial(_integer, most=most_digits),
            parse_constant=_refuse_constant if finite else None,
        )
        decoded.encode()
    except RecursionError:
        raise DocumentError("it is nested too deeply") from None
    except DocumentError:
        raise
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError too
        raise DocumentError(f"it is not JSON: {error}") from error
    _refuse_depth(value)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        times = Counter(name for name, _ in pairs)
        twice = next(name for name, count in times.items() if count > 1)
        raise DocumentError(f"it holds the key {_shown(twice)} twice")
    return found


def _integer(digits: str, *, most: int) -> int:
    if len(digits) > most:
        raise DocumentError(f"it holds a number of {len(digits)} digits")
    return int(digits)


def _refuse_constant(name: str) -> NoReturn:
    raise DocumentError(f"it holds {name}, which is not a JSON number")


def _refuse_depth(value: Any) -> None:
    level = [value]
    for _ in range(MOST_NESTED):
        level = [inner for each in level for inner in _inner(each)]
        if not level:
            return
    raise DocumentError(f"it is nested more than {MOST_NESTED} deep")


def _inner(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def text(
    *, pattern: str = "", said: str = "", most: int = 100_000, encoding: str = "strict"
) -> Schema:
    """Return the schema of a text that `pattern` matches fully; `said` describes that.

    Lone surrogates are rejected, unless `encoding` is ``"surrogateescape"``: file names that are
    not UTF-8 are written with those of :pep:`383`.
    """
    matches = re.compile(pattern or r".*", re.DOTALL).fullmatch
    expected = said or "text"

    def check(value: Any, where: str) -> str:
        if not isinstance(value, str) or len(value) > most or not matches(value):
            raise _unfit(value, where, expected)
        try:
            value.encode(errors=encoding)
        except UnicodeEncodeError:
            raise _unfit(value, where, "Unicode text") from None
        return value

    return check


def number(*, above: float = -math.inf, whole: bool = False) -> Schema:
    """Return the schema of a finite number above `above`; only of an int if `whole`."""
    kinds = (int,) if whole else (int, float)
    expected = ("a whole number" if whole else "a number") + (
        f" above {above:g}" if above > -math.inf else ""
    )

    def check(value: Any, where: str) -> float:
        is_number = isinstance(value, kinds) and not isinstance(value, bool)
        if not is_number or not above < value < math.inf:
            raise _unfit(value, where, expected)
        return value  # type: ignore[no-any-return]

    return check


def choice(*values: object) -> Schema:
    """Return the schema of one of a few values."""

    def check(value: Any, where: str) -> Any:
        if not any(type(value) is type(each) and value == each for each in values):
            raise _unfit(value, where, " or ".join(map(repr, values)))
        return value

    return check


def optional(schema: Schema) -> Schema:
    """Return the schema of null, or of what `schema` accepts."""

    def check(value: Any, where: str) -> Any:
        return None if value is None else schema(value, where)

    return check


def listing(of: Schema, *, most: int = 100_000) -> Schema:
    """Return the schema of a list of at most `most` values."""

    def check(value: Any, where: str) -> list[Any]:
        if not isinstance(value, list) or len(value) > most:
            raise _unfit(value, where, f"a list of at most {most}")
        return [of(each, f"{where}[{index}]") for index, each in enumerate(value)]

    return check


def mapping(of: Schema, *, keys: Schema | None = None, most: int = 10_000) -> Schema:
    """Return the schema of an object with any keys, at most `most`, and values of schema `of`."""
    checked_key = keys or text()

    def check(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict) or len(value) > most:
            raise _unfit(value, where, f"an object of at most {most} keys")
        return {
            checked_key(key, f"a key of {where}"): of(each, _below(where, key))
            for key, each in value.items()
        }

    return check


def record(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """Return the schema of an object with these keys and no others."""
    known = {**required, **(optional or {})}

    def check(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _unfit(value, where, "an object")
        for key in required:
            if key not in value:
                raise DocumentError(f"it lacks {_below(where, key)!r}")
        for key in value:
            if key not in known:
                raise DocumentError(f"it has {_shown(_below(where, key))}, which is not known")
        return {key: known[key](each, _below(where, key)) for key, each in value.items()}

    return check


def _below(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _unfit(value: Any, where: str, expected: str) -> DocumentError:
    found = _shown(value)
    if isinstance(value, (dict, list)):
        found = "an object" if isinstance(value, dict) else "a list"
    name = ascii(where[:_SHOWN])[1:-1] if where else "it"
    return DocumentError(f"{name} is {found}, and must be {expected}")


def _shown(value: object) -> str:
    shown = ascii(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
