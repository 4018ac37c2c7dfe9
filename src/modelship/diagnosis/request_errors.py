"""Explain exceptions of run() caused by a request or an answer, and what to write instead."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from modelship.diagnosis.diagnosis_tables import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from modelship.diagnosis.raised import Raised
    from modelship.findings import Diagnosis

__all__ = [
    "explain_body",
    "explain_no_model",
    "explain_refused_rows",
    "explain_unserializable",
    "of_generated",
    "remedy_of",
]

_NO_METHOD = re.compile(
    r"(?:This )?'(?P<kind>\w+)'(?: object)? has no attribute "
    r"'(?P<name>predict\w*|transform|decision_function)'"
)
_PARTS: Final = frozenset({"dict", "list", "tuple", "ndarray", "set", "str"})
_OWN_SCRIPT: Final = (
    "Write a score.py with init() and run(raw_data) that defines what to do with it, and pass it "
    "as entry_script."
)
# Libraries' messages about a table whose dtypes differ from those that the model was fitted on, and
# these dtypes. The texts are pandas', LightGBM's and XGBoost's.
_DATE: Final = r"'(?:str|[\w.]*(?:date|[Tt]ime)\w*)'"
_NO_DATES: Final = re.compile(
    r"Can only use \.dt accessor with datetimelike values"
    r"|'str' object has no attribute '(?:year|month|day|hour|date|weekday|isoformat|toordinal"
    r"|timestamp|strftime|isocalendar)\w*'"
    rf"|unsupported operand type\(s\) for -: {_DATE} and {_DATE}"
    rf"|not supported between instances of {_DATE} and {_DATE}"
    r"|Invalid comparison between dtype=(?:str|object|string) and (?:Timestamp|date)"
    r"|operation 'r?sub' not supported for dtype '\w+' with object of type <class '[\w.]*"
    r"(?:Timestamp|date\w*)'>"
)
_NO_CATEGORIES: Final = re.compile(
    r"train and valid dataset categorical_feature do not match"
    r"|pandas dtypes must be int, float or bool"
    r"|DataFrame\.dtypes for data must be int, float, bool or category"
)
_DTYPES: Final = ((_NO_DATES, "dates"), (_NO_CATEGORIES, "categories"))
_TELL_DTYPES: Final = (
    "Create the bundle with a sample that contains them: sample_input=X.head() "
    "(--sample-input X.parquet), where X is the table that the model was fitted on. Or write them "
    "into the schema.json of the bundle, and pass schema='schema.json' (--schema schema.json)"
)
_KEY = re.compile(r"\[\s*['\"](?P<key>[^'\"]+)['\"]\s*\]")


def explain_no_model(raised: Raised) -> Diagnosis | None:
    """Explain a model file that holds something that does not predict."""
    match = _NO_METHOD.search(raised.message)
    if raised.kind != "AttributeError" or match is None:
        return None
    kind, name = match["kind"], match["name"]
    cause = f"The model file contains a {kind}, which has no {name}()."
    if raised.around.is_generated:
        return raised.diagnosis("MS503", cause, _OWN_SCRIPT)
    if kind not in _PARTS:
        return None
    return raised.diagnosis(
        "MS503",
        f"{raised.actor} calls {name}() on a {kind}, which has no such method.",
        f"If the model file contains a {kind} with the model in it, extract the model from it.",
    )


def explain_refused_rows(raised: Raised) -> Diagnosis | None:
    """Explain columns of other dtypes than the model takes, and a missing key of a request."""
    if raised.phase != "run":
        return None
    for pattern, which in _DTYPES:
        if pattern.search(raised.message) and raised.around.is_generated:
            return _of_other_dtypes(raised, which)
    key = raised.message.strip("'\" ")
    keys = [match["key"] for line in raised.evidence for match in _KEY.finditer(line)]
    if raised.kind != "KeyError" or key not in keys:
        return None
    cause = f"run() raised {raised.brief.rstrip('.')}."
    advice = f"Send a request that has the key {key!r}{raised.or_correct}."
    return raised.diagnosis("MS503", cause, advice)


def _of_other_dtypes(raised: Raised, which: str) -> Diagnosis:
    """Explain columns whose dtypes neither the model's file nor a JSON sample declares."""
    cause = (
        f"The model takes {which}, and neither its file nor the sample says which columns contain "
        f"{which}: run() raised {raised.brief.rstrip('.')}."
    )
    return raised.diagnosis("MS503", cause, f"{_TELL_DTYPES}.")


def of_generated(raised: Raised) -> str:
    """Return the advice for an exception in the generated script."""
    own = "or pass your own score.py as entry_script"
    if raised.phase == "run":
        return f"modelship wrote this script: send rows that the model takes, {own}."
    return f"modelship wrote this script: find out why the model does not load there, {own}."


_TYPE = re.compile(r"Object of type (?P<name>\w+) is not JSON serializable")
_OLD_TYPE = re.compile(r"^(?P<name>.+) is not JSON serializable")
_KEY_KIND = re.compile(r"keys must be str, int, float, bool or None, not (?P<name>\w+)")
_NO_JSON = (
    (
        "Expecting value",
        ", and arrays as array.tolist(): str(list(row)) writes numpy 2 scalars as np.float64(…)",
    ),
    ("in double quotes", ": str() of a dict writes single quotes, which JSON does not allow"),
)


def explain_unserializable(raised: Raised) -> Diagnosis | None:
    """Explain an answer that the server cannot serialize as JSON."""
    key = _KEY_KIND.search(raised.message)
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
