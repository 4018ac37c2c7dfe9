"""From a Python value to the body of a request, by the rule of :mod:`modelship.tables.plain`."""

from __future__ import annotations

import json
from typing import Any

from modelship.documents import parse
from modelship.errors import SampleInputError
from modelship.tables import to_plain

__all__ = ["as_sample", "is_frame", "parse_sample", "to_json"]

_MOST_DIGITS = 4000


def to_json(payload: object) -> str:
    """Return `payload` as the JSON text of a request.

    A DataFrame by itself goes as ``{"data": records}``; see :mod:`modelship.tables.plain` for all
    else.

    Raises
    ------
    TypeError, ValueError
        If a part of it has no JSON form; the message names its type.
    """
    return json.dumps(to_plain({"data": payload} if is_frame(payload) else payload))


def is_frame(value: object) -> bool:
    """Return whether a value is a DataFrame, without importing pandas."""
    return hasattr(value, "iloc") and hasattr(value, "columns")


def as_sample(sample: object) -> str | None:
    """Return a sample request as JSON; the order of its keys stays.

    Raises
    ------
    SampleInputError
        If it cannot be written so.
    """
    if sample is None:
        return None
    try:
        text = to_json(sample)
        parse_sample(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise SampleInputError(problem=str(error)) from error
    return text


def parse_sample(text: str) -> Any:
    """Return the value of a sample request; NaN is one, since Azure ML's server reads it.

    Raises
    ------
    DocumentError
        If it is not JSON, or nested more than 100 deep.
    """
    return parse(text, finite=False, most_digits=_MOST_DIGITS)
