"""Check the values of a column against the schema, and count unseen ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .coded_texts import count_unseen
from .refused import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .schema import Column

__all__ = ["EXPECTED", "Check", "filled", "shown"]

_NAN = float("nan")
_NONE = type(None)
_NESTED = frozenset((list, dict))
_NUMBERS = frozenset((int, float))
_LISTED = 5
_TYPES: dict[str, frozenset[type]] = {
    "integer": frozenset((int, float, bool)),  # as in pandas, true is 1
    "number": frozenset((int, float, bool)),
    "boolean": frozenset((bool,)),
    "text": frozenset((str,)),
    "date": frozenset((str,)),
}
EXPECTED = {
    "integer": "a number is expected",
    "number": "a number is expected",
    "boolean": "true or false is expected",
    "text": "a text is expected",
    "date": "a date in ISO 8601 is expected, such as 2024-05-31",
}
"""The expected values of each kind, in words."""


def filled(column: Column, values: list[Any]) -> list[Any]:
    """Return the values with null replaced by the marker for a missing value."""
    if column.missing_as == "none" or None not in values:
        return values
    return [_NAN if value is None else value for value in values]


class Check:
    """Checks the values of one column.

    Parameters
    ----------
    column : Column
        The column.
    at : int
        Its position, for the message about an unnamed column.

    Attributes
    ----------
    name : str
        The column's name in messages.
    kind : str
        The kind that its values must have; ``""`` for any.
    unseen : int
        The number of values that are not among the categories known to the model.
    last_unseen : object
        The last of these.
    outside : int
        The number of values below the minimum or above the maximum of the sample.
    """

    def __init__(self, column: Column, at: int) -> None:
        self.name = f"column {column.name!r}" if column.name else f"column {at}"
        self.unseen = self.outside = 0
        self.last_unseen: Any = None
        self.column = column
        self.kind = _kind_of_values(column)
        self._types = _TYPES.get(self.kind)
        self._allowed = self._types and (
            self._types if column.missing is False else self._types | {_NONE}
        )
        is_date = self.kind == "date"  # a date can be written in many ways
        self._known = frozenset(() if is_date else column.categories)
        self._low, self._high = column.low, column.high

    def require(self, values: Sequence[Any]) -> None:
        """Raise Refused at the first value that is not of the column's kind."""
        allowed = self._allowed
        if allowed is None or allowed.issuperset(map(type, values)):
            return
        for row, value in enumerate(values):
            if type(value) in allowed or (value != value and _NONE in allowed):  # noqa: PLR0124 - NaN
                continue
            raise Refused(f"Row {row}, {self.name}: {shown(value)} is given; {self._expected()}.")

    def require_single(self, values: Sequence[Any]) -> None:
        """Raise Refused at the first list or object, unless the column may hold such."""
        if self._types is None or _NESTED.isdisjoint(map(type, values)):
            return
        row = next(at for at, value in enumerate(values) if type(value) in _NESTED)
        raise Refused(f"Row {row}, {self.name}: {shown(values[row])} is given; {self._expected()}.")

    def count(self, values: Any) -> bool:
        """Count values unseen by the model or the sample; return whether there are any."""
        if self._known and hasattr(values, "codes"):
            return self._count_coded(values)
        if self._known:
            known = self._known
            new = [v for v in values if v not in known and v is not None and v == v]  # noqa: PLR0124
            if new:
                self.unseen += len(new)
                self.last_unseen = new[-1]
            return bool(new)
        if self._low is None or self._high is None:
            return False
        low, high = self._low, self._high
        if hasattr(values, "codes") or hasattr(values, "zone"):
            return False
        if hasattr(values, "dtype"):
            outside = int(((values < low) | (values > high)).sum())
        else:
            outside = sum(1 for v in values if type(v) in _NUMBERS and (v < low or v > high))
        self.outside += outside
        return outside > 0

    def _count_coded(self, values: Any) -> bool:
        unseen, last = count_unseen(values, self._known)
        self.unseen += unseen
        if unseen:
            self.last_unseen = last
        return unseen > 0

    def counted(self) -> str:
        """Return a text with the counts; ``""`` if they are 0."""
        if self.unseen:
            noun = "value" if self.unseen == 1 else "values"
            such = f"unknown to the model, such as {shown(self.last_unseen)}"
            return f"{self.name}: {self.unseen} {noun} {such}"
        if self.outside:
            noun = "number" if self.outside == 1 else "numbers"
            sample = f"the sample's {self._low:g} to {self._high:g}"
            return f"{self.name}: {self.outside} {noun} outside {sample}"
        return ""

    def unknown_in(self, values: Sequence[Any]) -> str:
        """Return a message on the first value unknown to the model; ``""`` if there is none."""
        for row, value in enumerate(values if self._known else ()):
            if value not in self._known and value is not None and value == value:  # noqa: PLR0124
                known = self.column.categories[:_LISTED]
                more = ", ..." if len(self.column.categories) > _LISTED else ""
                expected = f"the model knows {', '.join(map(shown, known))}{more}"
                return f"Row {row}, {self.name}: {shown(value)} is given; {expected}."
        return ""

    def _expected(self) -> str:
        some = ""
        if self.column.example is not None and self.kind != "boolean":
            some = f", such as {shown(self.column.example)}"
        elif self.column.categories:
            some = f", such as {shown(self.column.categories[0])}"
        if self.kind == "date":
            some = ""
        return EXPECTED[self.kind] + some


def _kind_of_values(column: Column) -> str:
    """Return the kind of a column's values; for a category, that of its categories."""
    if column.kind != "category":
        return column.kind
    kinds = {type(value) for value in column.categories}
    for kind in ("boolean", "text", "number"):
        if kinds and kinds <= _TYPES[kind]:
            return kind
    return ""


def shown(value: Any) -> str:
    """Return a value as JSON, truncated to a line's length."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(value.item() if hasattr(value, "item") else value)
    return text if len(text) <= 60 else f"{text[:59]}…"  # noqa: PLR2004 - a line's worth
