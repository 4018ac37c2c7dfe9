"""Parse dates, durations and periods, if they are unambiguous.

pandas accepts more: "05:00" as five o'clock today, "01/02/2020" as the second of January, "2020" as
a duration of as many nanoseconds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .checking import shown
from .refused import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .schema import Column

__all__ = ["first_refused", "is_of_time", "refused_in", "require_times"]

_DATE = re.compile(
    r"\d{4}([-/. ]?\d{1,2}([-/. ]?\d{1,2}([T ][\d:.,]+ ?(Z|[+-][\d:]+)?)?)?)?", re.ASCII
)
_DURATION = re.compile(r"[^:A-Za-z]*[:A-Za-z].*")  # "P1D", "1 days", "01:30:00"
_PERIOD = re.compile(r".*")
_LONGEST = 64  # characters of a text to parse: dateutil needs minutes for a million digits
_MISSING = frozenset(("", "nan", "nat"))  # as in pandas
_KINDS = frozenset(("date", "mixed", ""))
_NO_ZONE = "a date without a time zone is expected"
_A_DATE = "a date in ISO 8601 that the model can take is expected, such as 2024-05-31"
_A_DURATION = "a duration in ISO 8601 is expected, such as P1DT2H"


def is_of_time(column: Column) -> bool:
    """Return whether a column holds dates, durations or periods."""
    if column.kind not in _KINDS:
        return False
    return column.kind == "date" or _pattern_of(column) is not _DATE


def require_times(column: Column, values: Iterable[Any]) -> None:
    """Raise Refused at the first value that pandas would misread.

    Parameters
    ----------
    column : Column
        A column of dates, durations or periods.
    values : iterable
        Texts, None, or the values of an Arrow column.
    """
    pattern = _pattern_of(column)
    for row, value in enumerate(values):
        if isinstance(value, str):
            is_read = len(value) <= _LONGEST and _means_one(value, pattern)
        else:
            is_read = pattern is _DATE or not _is_number(value)
        if not is_read:
            raise _refused(column, row, value)


def refused_in(make: Any, column: Column, values: Sequence[Any]) -> Refused:
    """Return a refusal that names the first value that cannot be converted by itself.

    Parameters
    ----------
    make : callable
        The maker that rejected the values.
    column : Column
        A column of dates, durations or periods.
    values : sequence
        The values of the column.
    """
    row = first_refused(make, values)
    if row is not None:
        said = _error_of(make, values[row : row + 1])
        return _refused(column, row, values[row], expected=_NO_ZONE if said == _NO_ZONE else "")
    mixed = "its dates have different time zones, or some have none"
    return Refused(f"Column {column.name!r} cannot be read: {mixed}; one for all is expected.")


def first_refused(make: Any, values: Sequence[Any]) -> int | None:
    """Return the row of the first value that cannot be converted by itself, or None.

    Parameters
    ----------
    make : callable
        The maker that rejected the values.
    values : sequence
        The values of the column.
    """
    low, high = 0, len(values)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _error_of(make, values[low:middle]) else (middle, high)
    return low if _error_of(make, values[low:high]) else None


def _pattern_of(column: Column) -> re.Pattern[str]:
    if column.kind == "date":
        return _DATE
    if column.dtype.startswith(("timedelta64", "duration")):
        return _DURATION
    return _PERIOD if column.dtype.startswith("period") else _DATE


def _means_one(text: str, pattern: re.Pattern[str]) -> bool:
    return bool(pattern.fullmatch(text)) or text.lower() in _MISSING


def _refused(column: Column, row: int, value: Any, *, expected: str = "") -> Refused:
    such = f", such as {column.example!r}" if isinstance(column.example, str) else ""
    usual = {
        _DATE: _A_DATE,
        _DURATION: _A_DURATION,
        _PERIOD: f"the text of a {column.dtype} is expected{such}",
    }
    told = f"Row {row}, column {column.name!r}: {shown(value)} is given"
    return Refused(f"{told}; {expected or usual[_pattern_of(column)]}.")


def _is_number(value: Any) -> bool:
    is_missing = bool(value is None or value != value)  # noqa: PLR0124 - NaN
    return not is_missing and (isinstance(value, (int, float)) or hasattr(value, "itemsize"))


def _error_of(make: Any, values: Any) -> str:
    """Return the error text for values; ``""`` if they can be converted."""
    try:
        make(values)
    except (ValueError, TypeError, OverflowError, IndexError) as error:
        return str(error) or type(error).__name__
    return ""
