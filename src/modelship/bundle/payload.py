"""From a Python value to the body of a request."""

from __future__ import annotations

import json

__all__ = ["to_json"]


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
