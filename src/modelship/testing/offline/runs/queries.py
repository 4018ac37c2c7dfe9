"""Filters, orders and pages of the run history, in the subset of OData that the SDK uses.

The language: https://docs.oasis-open.org/odata/odata/v4.01/odata-v4.01-part2-url-conventions.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.json_exchange import RefusalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["Query"]

_TERM: Final = re.compile(r"(\S+) (eq|ne|gt|ge|lt|le) (.*)", re.DOTALL)
_TOKEN: Final = re.compile(r'"[^"]*"|\'[^\']*\'|[()]| (?:and|or) |.', re.DOTALL)
_MOST_OF_A_PAGE: Final = 500
_MISSING: Final = object()
_COMPARISONS: Final[dict[str, Callable[[str, str], bool]]] = {
    "gt": lambda one, other: one > other,
    "ge": lambda one, other: one >= other,
    "lt": lambda one, other: one < other,
    "le": lambda one, other: one <= other,
}


@dataclass(frozen=True)
class Query:
    """The parameters of a list request.

    Parameters
    ----------
    filter : str
        Such as ``(Status eq Failed)``; empty for all.
    orderby : str
        Such as ``StartTimeUtc desc``.
    top : int
        The page size.
    after : int
        The number of preceding items.
    """

    filter: str = ""
    orderby: str = ""
    top: int = _MOST_OF_A_PAGE
    after: int = 0

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Query:
        """Parse the query parameters in the body, or in the address, of a request of the SDK."""
        given = {name.lstrip("$").lower(): value for name, value in body.items()}
        token = str(given.get("continuationtoken") or given.get("skiptoken") or "0")
        if not token.isdecimal():
            raise RefusalError(400, "InvalidContinuationToken", "the continuation token is invalid")
        top = given.get("top") or 0
        if isinstance(top, str) and not top.isdecimal():
            raise RefusalError(400, "InvalidTop", f"top is {top!r}; it must be a number")
        asked = int(top) if isinstance(top, (int, str)) else 0
        size = asked if 0 < asked <= _MOST_OF_A_PAGE else _MOST_OF_A_PAGE
        orders = given.get("orderby") or ""
        order = orders[0] if isinstance(orders, list) and orders else orders
        return cls(str(given.get("filter") or ""), str(order or ""), size, int(token))

    def page(self, documents: Iterable[dict[str, Any]]) -> dict[str, Any]:
        """Return one page of the matching documents, in order, in the SDK's format."""
        field, _, direction = self.orderby.partition(" ")
        found = [each for each in documents if _holds(each, self.filter.strip())]
        if field:
            found.sort(key=lambda each: str(_value(each, field) or ""), reverse=direction != "asc")
        end = self.after + self.top
        token = str(end) if end < len(found) else None
        return {"value": found[self.after : end], "continuationToken": token}


def _holds(document: Mapping[str, Any], text: str) -> bool:
    """Return whether a filter matches a document."""
    if not text:
        return True
    for word, every in ((" or ", False), (" and ", True)):
        parts = _split(text, word)
        if len(parts) > 1:
            return (all if every else any)(_holds(document, part.strip()) for part in parts)
    if text.startswith("(") and text.endswith(")"):
        return _holds(document, text[1:-1].strip())
    return _term_holds(document, text)


def _split(text: str, word: str) -> list[str]:
    """Split at a word that is neither quoted nor in parentheses."""
    parts, depth = [""], 0
    for token in _TOKEN.findall(text):
        depth += {"(": 1, ")": -1}.get(token, 0)
        if token == word and depth == 0:
            parts.append("")
        else:
            parts[-1] += token
    return parts


def _term_holds(document: Mapping[str, Any], text: str) -> bool:
    term = _TERM.fullmatch(text)
    if term is None:
        raise RefusalError(400, "InvalidFilter", f"the filter {text!r} is invalid or not supported")
    path, comparison, wanted = term.groups()
    found = _value(document, path)
    if found is _MISSING:
        return False
    if wanted == "null":
        return (found is None) == (comparison == "eq")
    expected = wanted.strip("\"'")
    if comparison in {"eq", "ne"}:
        return (str(found) == expected) == (comparison == "eq")
    # Timestamps come with a space in place of the T.
    return _COMPARISONS[comparison](str(found or ""), expected.replace(" ", "T"))


def _value(found: Any, path: str) -> Any:
    """Return the value at a path such as ``Tags/name``, where names may contain slashes."""
    if not path:
        return found
    if isinstance(found, list):
        return path if path in found else _MISSING
    if not isinstance(found, dict):
        return _MISSING
    for key in (path, _field(path)):
        if key in found:
            return found[key]
    first, slash, rest = path.partition("/")
    return _value(found.get(_field(first)), rest) if slash else _MISSING


def _field(name: str) -> str:
    return name[:1].lower() + name[1:]
