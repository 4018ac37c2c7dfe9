"""Explain bodies and answers that are not JSON, and what to write instead."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from modelship.diagnosis.diagnosis_tables import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from modelship.diagnosis.raised import Raised
    from modelship.findings import Diagnosis

__all__ = ["explain_body", "explain_unserializable", "remedy_of"]

_TYPE = re.compile(r"Object of type (?P<name>\w+) is not JSON serializable")
_OLD_TYPE = re.compile(r"^(?P<name>.+) is not JSON serializable")
_KEY = re.compile(r"keys must be str, int, float, bool or None, not (?P<name>\w+)")
_NO_JSON = (
    (
        "Expecting value",
        ", and arrays as array.tolist(): str(list(row)) writes numpy 2 scalars as np.float64(…)",
    ),
    ("in double quotes", ": str() of a dict writes single quotes, which JSON does not allow"),
)


def explain_unserializable(raised: Raised) -> Diagnosis | None:
    """Explain an answer that the server cannot serialize as JSON."""
    key = _KEY.search(raised.message)
    match = key or _TYPE.search(raised.message) or _OLD_TYPE.search(raised.message)
    if raised.kind != "TypeError" or match is None:
        return None
    name = match["name"]
    if name == "coroutine":
        return raised.diagnosis("MS113", "run() is asynchronous, and nothing awaits it.")
    where = "run() returns" if not raised.where else "The script serializes"
    what = f"a dictionary with keys of type {name}" if key else f"a value of type {name}"
    advice = remedy_of([name], is_key=key is not None)
    return raised.diagnosis("MS107", f"{where} {what}, which is not JSON serializable.", advice)


def explain_body(raised: Raised) -> Diagnosis | None:
    """Explain a body that run() cannot parse as JSON."""
    reads = any("loads(" in line for line in raised.evidence)
    if raised.kind != "JSONDecodeError" or raised.phase != "run" or not reads:
        return None
    cause = f"run() calls loads() on text that is not JSON: {raised.message.strip()}."
    if "(char 0)" in raised.message:
        return raised.diagnosis("MS511", cause, "Send JSON: the body is empty or not JSON.")
    hint = next((hint for words, hint in _NO_JSON if words in raised.message), "")
    return raised.diagnosis("MS511", cause, f"Write the body with json.dumps{hint}.")


# For NumPy scalars a log has only the name.
_NUMBERS: Final = (
    ("uint", "integer"),
    ("int", "integer"),
    ("float", "floating"),
    ("bool", "bool_"),
)


def remedy_of(kinds: Sequence[str], *, is_key: bool = False) -> str:
    """Return what to write instead of a value, as a sentence.

    Parameters
    ----------
    kinds : Sequence[str]
        The names of its class and base classes, the nearest first; with or without their modules.
    is_key : bool
        Whether it is a key of an object.
    """
    known = _written("keys" if is_key else "values")
    found = (known[name] for name in _names(kinds) if name in known)
    if written := next(found, "str(key)" if is_key else ""):
        return f"Write {written}."
    return "Return its content as plain values: dict, list, str, numbers, True, False and None."


@cache
def _written(instead_of: str) -> Mapping[str, str]:
    """Return what to write, by the name of a class."""
    rows = table("plain_values")[instead_of]
    return {name: written for written, names in rows.items() for name in names}


def _names(kinds: Iterable[str]) -> Iterable[str]:
    for kind in kinds:
        name = kind.rpartition(".")[2]
        yield kind
        yield name
        bare = name.rstrip("0123456789_")
        yield from (above for begin, above in _NUMBERS if bare == begin != name)
