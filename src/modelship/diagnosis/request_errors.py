"""Explain exceptions of run() caused by a request: rows that the model rejects."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from modelship.diagnosis.raised import Raised
    from modelship.findings import Diagnosis

__all__ = ["explain_no_model", "explain_refused_rows", "of_generated"]

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
