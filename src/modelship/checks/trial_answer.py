"""Find values that run() returned and JSON cannot represent. Runs in the bundle's environment.

It imports only the standard library, and nothing of modelship. It also runs on Python 3.8.
"""

from __future__ import annotations

import json
import re
import sys
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEYS = (str, int, float, bool, type(None))
_SHOWN = 60
_MOST, _LOOKED_AT = 5, 1000
_SAID = 200
_ERROR_KEYS = {"error", "errors", "err", "exception", "traceback", "failure"}
_ERROR_KEYS |= {f"error{sign}{word}" for sign in ("", "_") for word in ("message", "msg", "text")}
_ERROR_TEXT = re.compile(
    r"\w*(error|exception)\s*:|traceback \(most|(failed|unable|could not) |.*\berror occurred",
    re.IGNORECASE,
)
_STATUS = {"status", "state", "result"}
_FAILED = {"error", "failed", "failure", "fail"}
_NO_ERROR = {"", "no", "none", "null", "ok", "false"}


def unsendable(value: object) -> list[dict[str, Any]]:
    """Return the parts of an answer without a JSON form, their types, and whether they are keys.

    Only the first of each type; a long answer is not searched completely.
    """
    found = {
        (each["what"].rpartition(" ")[2], each["key"]): each
        for each in reversed([*islice(_unsendable(value, "the answer", ()), _LOOKED_AT)])
    }
    return [*reversed(found.values())][:_MOST]


def _unsendable(value: object, at: str, within: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    if id(value) in within:
        yield {"what": f"{at} holds itself", "kinds": [], "key": False}
        return
    known = True
    for key in (
        [each for each in value if not isinstance(each, _KEYS)] if isinstance(value, dict) else ()
    ):
        known = False
        what = f"a key of {at} is {type_name(type(key))}"
        yield {"what": what, "kinds": kinds_of(key), "key": True}
    for part, place in _parts(value, at):
        if not is_sendable(part):
            known = False
            yield from _unsendable(part, place, (*within, id(value)))
    if known:
        what = f"{at} is of the type {type_name(type(value))}"
        yield {"what": what, "kinds": kinds_of(value), "key": False}


def _parts(value: object, at: str) -> Iterator[tuple[object, str]]:
    if isinstance(value, dict):
        yield from ((each, f"{at}[{shown(key)}]") for key, each in value.items())
    elif isinstance(value, (list, tuple)):
        yield from ((each, f"{at}[{number}]") for number, each in enumerate(value))


def shown(value: object, *, longest: int = _SHOWN) -> str:
    """Return a short representation of a value."""
    text = repr(value)
    return text if len(text) <= longest else f"{text[:longest]}…"


def kinds_of(value: object) -> list[str]:
    """Return the class of a value, and its base classes."""
    names = [type_name(each) for each in type(value).__mro__[:-1]]
    return [*names, *(["a dataclass"] if hasattr(type(value), "__dataclass_fields__") else [])]


def type_name(kind: type) -> str:
    """Return the shortest name that a type can be imported by, such as ``pandas.Timestamp``."""
    module, name = kind.__module__, kind.__qualname__
    parts = module.split(".")
    for size in range(1, len(parts) + 1):
        within = ".".join(parts[:size])
        if getattr(sys.modules.get(within), name, None) is kind:
            module = within
            break
    return name if module in {"builtins", "__main__", "entry_module"} else f"{module}.{name}"


def is_sendable(value: object) -> bool:
    """Return whether a value has a JSON form."""
    try:
        json.dumps(value)
    except Exception:  # noqa: BLE001 - whatever a value's own methods raise
        return False
    return True


def is_json(output: object) -> bool:
    """Return whether an answer is text that holds a JSON object or list."""
    if not isinstance(output, str):
        return False
    try:
        return isinstance(json.loads(output), (dict, list))
    except ValueError:
        return False


def has_nan(output: object) -> bool:
    """Return whether an answer holds NaN or an infinity, which JSON does not have."""
    try:
        json.dumps(output, allow_nan=False)
    except ValueError:
        return True
    return False


def error_in(said: Any, *, certainly: bool) -> str:
    """Return a short form of the error that an answer reports, or ``""``.

    Parameters
    ----------
    said : object
        The answer.
    certainly : bool
        Whether a single word does not count, since it may be a prediction: a state, or a kind of
        error.
    """
    if isinstance(said, str):
        tells = len(said) <= _SAID and _ERROR_TEXT.match(said.strip()) is not None
    elif isinstance(said, dict):
        tells = any(_is_error(key, said[key], certainly) for key in said if isinstance(key, str))
    else:
        tells = False
    return shown(said, longest=_SAID) if tells else ""


def _is_error(key: str, value: object, certainly: bool) -> bool:  # noqa: FBT001 - as above
    if key.lower() in _STATUS:
        return not certainly and isinstance(value, str) and value.lower() in _FAILED
    if key.lower() == "success":
        return value is False and not certainly
    if key.lower() not in _ERROR_KEYS or not isinstance(value, (str, dict)):
        return False
    text = str(value).strip()
    return text.lower() not in _NO_ERROR and (" " in text or not certainly)


def is_empty(said: Any) -> bool:
    """Return whether an answer is empty."""
    return said is None or (isinstance(said, (str, list, tuple, dict)) and not said)
