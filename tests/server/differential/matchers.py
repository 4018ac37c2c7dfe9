"""On which differences a row of the table holds: each on the narrowest condition."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from modelship.comparison.values import are_equal

if TYPE_CHECKING:
    from collections.abc import Callable

    from differential.comparing import Found

__all__ = [
    "allows",
    "cannot_be_written",
    "has_nan",
    "labelled",
    "says_who",
    "stays_open",
    "tells_of_bad_http",
    "tells_of_no_answer",
    "unknown_method",
]

_PAGE = b"<html>\n  <head>\n    <title>"  # gunicorn's own, when it does not ask the application
_INTERNAL = b"An unexpected internal error occurred"
_PAGE_PARTS = ("content type", "body", "header date", "header x-ms-run-function-failed")
_VERSION = re.compile(r"(azmlinfsrv|modelship)/[\d.]+")


def says_who(found: Found) -> bool:
    """Return whether only the server's name and version differ."""
    one, other = (_VERSION.sub("?", value) for value in found.values)
    return found.what == "header x-ms-server-version" and one == other


def stays_open(found: Found) -> bool:
    """Return whether it is that the connection is kept open."""
    if found.what == "answer":  # another one on the same connection
        return len(found.sent.methods) > 1 and not found.reference.status
    return found.what == "header connection" and found.values == ("close", "(absent)")


def cannot_be_written(found: Found) -> bool:
    """Return whether it is who failed where the answer cannot be serialized."""
    return (
        found.what == "header x-ms-run-function-failed"
        and found.values == ("False", "True")
        and found.script in ("plain", "raw")  # whose run() has returned; a typed one may not have
        and found.reference.status == found.ours.status == 500
        and _INTERNAL in found.reference.body
    )


def has_nan(found: Found) -> bool:
    """Return whether only NaN and infinities differ from null."""
    return (
        found.what == "body"
        and re.search(rb"NaN|Infinity", found.reference.body) is not None
        and are_equal(_with_null(found.reference.value), found.ours.value)
    )


def _with_null(value: Any) -> Any:
    return json.loads(json.dumps(value), parse_constant=lambda _: None)


def allows(found: Found) -> bool:
    """Return whether it is the Allow of a 405."""
    return (
        found.what == "header allow"
        and found.values[0] == "(absent)"
        and found.ours.status == found.reference.status == 405
    )


def _is_a_page(found: Found) -> bool:
    return found.reference.body.startswith(_PAGE)


def tells_of_bad_http(found: Found) -> bool:
    """Return whether both refuse the same HTTP, each in its form."""
    return (
        found.what in _PAGE_PARTS
        and _is_a_page(found)
        and found.ours.status == found.reference.status in (400, 414, 431)
        and found.ours.content_type == "application/json"
    )


def tells_of_no_answer(found: Found) -> bool:
    """Return whether both tell that there is no answer, each in its form."""
    ids = ("header x-request-id", "header x-ms-request-id", "header x-ms-server-version")
    return (
        found.what in (*_PAGE_PARTS, *ids, "header x-ms-client-request-id", "header traceid")
        and _is_a_page(found)
        and found.ours.status == found.reference.status == 500
        and found.ours.content_type == "application/json"
    )


def labelled(*labels: str, ours: int, reference: int) -> Callable[[Found], bool]:
    """Return a matcher of what differs in the answers to these requests alone.

    ``ours`` and ``reference`` are the statuses that there have to be; 0 for no answer.
    """
    statuses = (reference, ours)
    return lambda found: (
        found.sent.label in labels and (found.reference.status, found.ours.status) == statuses
    )


def unknown_method(found: Found) -> bool:
    """Return whether it is a method that the HTTP parser does not know."""
    return found.sent.methods == ("BREW",) and found.ours.status == 400
