"""Explain why a text is not JSON: usually it is Python's ``str()`` output."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import json

__all__ = ["REMEDY", "explained"]

REMEDY = "Write the body with json.dumps, and arrays as array.tolist()."
"""The advice for a body in Python's own notation."""

_KNOWN = (
    (r"np\.(\w+)\(", "it holds np.{}(…), the repr of a numpy 2 scalar"),
    (r"(array)\(", "it holds {}(…), the repr of a numpy array"),
    (r"(nan|-?inf|None|True|False)\b", "it holds {}, as Python writes it"),
    (r"\d*()\.\.\.", "it holds ..., as Python shortens a large array"),
    (r"()'", "it holds single quotes, as Python writes text"),
    (r"()$", "it ends too early"),
)


def explained(error: json.JSONDecodeError) -> str:
    """Return why the text is not JSON, or ``""`` if the reason is unknown.

    The returned text contains no value of the input.
    """
    if not error.doc.strip():
        return "it is empty"
    for pattern, said in _KNOWN:
        if match := re.compile(pattern).match(error.doc, error.pos):
            return said.format(match[1])
    return ""
