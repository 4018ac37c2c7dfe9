"""From a Python value to the body of a request."""

from __future__ import annotations

import json
from typing import Any

from modelship.documents import parse
from modelship.errors import SampleInputError

__all__ = ["as_sample", "parse_sample", "to_json"]

_MOST_DIGITS = 4000


def to_json(payload: object) -> str:
    """Return `payload` as JSON text.

    Arrays, array scalars and data frames go as lists (whatever has ``tolist``, or
    ``values`` that has it). NaN and infinities are written as Python's json module
    writes and reads them, which is what Azure ML's server does too.

    Raises
    ------
    TypeError, ValueError
        If a part of it has no JSON form; the message names its type.
    """
    return json.dumps(payload, default=_as_plain)


def _as_plain(value: object) -> object:
    array = value if hasattr(value, "tolist") else getattr(value, "values", None)
    if hasattr(array, "tolist"):
        return array.tolist()
    raise TypeError(f"a value of type {type(value).__name__} has no JSON form")


def as_sample(sample: object) -> str | None:
    """Return a sample request as JSON.

    Raises
    ------
    SampleInputError
        If it cannot be written so.
    """
    if sample is None:
        return None
    try:
        plain = parse_sample(to_json(sample))
    except (TypeError, ValueError, RecursionError) as error:
        raise SampleInputError(problem=str(error)) from error
    return json.dumps(plain, sort_keys=True)


def parse_sample(text: str) -> Any:
    """Return the value of a sample request; NaN is one, since Azure ML's server reads it.

    Raises
    ------
    DocumentError
        If it is not JSON, or nested more than 100 deep.
    """
    return parse(text, finite=False, most_digits=_MOST_DIGITS)
