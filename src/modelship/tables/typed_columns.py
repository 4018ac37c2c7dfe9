"""Convert columns that are typed arrays, as a batch job has them, instead of a request's values.

They are what an Arrow body is read as, or would be: an array of numbers or booleans, a list, texts
that repeat (an object with ``texts`` and a code for each row), or times (an object with an array of
datetime64 and a ``zone``). The two kinds of objects are converted without a Python object for each
row, if the result is certain to be the same; otherwise they become lists first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .coded_texts import used_texts
from .plain import to_plain
from .refused import Refused
from .times import is_of_time, require_times

if TYPE_CHECKING:
    from collections.abc import Callable

    from .checking import Check
    from .column import Column

__all__ = [
    "as_list",
    "as_objects_of",
    "is_no_array",
    "made_of_typed",
    "typed_values",
]

_FITTING = {
    "integer": ("number", "boolean"),
    "number": ("number", "boolean"),
    "boolean": ("boolean",),
    "text": ("text", "date"),
    "date": ("date", "text"),
}
_OF_TYPE = {str: "text", bool: "boolean", int: "number", float: "number"}


def typed_values(held: Any, check: Check, *, validate: bool) -> Any:
    """Return the values of one column, in a form that its maker takes.

    Parameters
    ----------
    held : ndarray, list, or an object as described above
        The column.
    check : Check
        The schema of the values.
    validate : bool
        Whether to reject other values. In floats, NaN is a missing value.

    Raises
    ------
    Refused
        If it is of another kind, or has a missing value that the model does not accept.
    """
    found = _kind_of(held)
    if validate:
        _require(held, found, check)
    if found == "date" and check.kind == "text":
        return to_plain(as_list(held))
    values = held if _is_kept(held, found, check.column) else as_list(held)
    if not validate and isinstance(values, list):
        check.require_single(values)
    return values


def _is_kept(held: Any, found: str, column: Column) -> bool:
    """Return whether a column need not be a list, to be counted and made an array."""
    if found == "boolean":
        return column.dtype == "bool" and column.kind == "boolean"
    if hasattr(held, "zone"):
        return column.dtype.startswith("datetime64") and column.kind == "date"
    return getattr(held, "ndim", 1) == 1


def is_no_array(held: Any) -> bool:
    """Return whether a column is one of the objects described above, or an array of booleans."""
    return not hasattr(held, "dtype") or held.dtype.kind == "b"


def _kind_of(held: Any) -> str:
    """Return the kind of a column: as :attr:`Column.kind`, or ``""``; ``"null"`` without values."""
    if hasattr(held, "codes"):
        return "text"
    if hasattr(held, "zone"):
        return "date" if held.array.dtype.kind == "M" else ""
    if hasattr(held, "dtype"):
        is_flat = held.ndim == 1
        return ("boolean" if held.dtype.kind == "b" else "number") if is_flat else ""
    first = next((each for each in held if each is not None), None)
    return "null" if first is None else _OF_TYPE.get(type(first), "")


def _require(held: Any, found: str, check: Check) -> None:
    fitting = _FITTING.get(check.kind)
    if fitting and found not in fitting and found != "null" and not _is_all_missing(held):
        of = f"values of the kind {found!r}" if found else "values of another kind"
        expected = f"values of the kind {check.kind!r} are expected"
        raise Refused(f"The rows, {check.name}: they hold {of}; {expected}.")
    if check.column.missing is False and _has_missing(held):
        raise Refused(f"The rows, {check.name}: a value is missing; none may be.")


def _is_all_missing(held: Any) -> bool:
    return bool(_is_missing(held).all())


def _has_missing(held: Any) -> bool:
    return bool(_is_missing(held).any())


def _is_missing(held: Any) -> Any:
    """Return an array of booleans, of which one is true where a value is missing."""
    import numpy as np

    if hasattr(held, "codes"):
        return held.codes < 0
    if hasattr(held, "zone"):
        return np.isnat(held.array)
    if hasattr(held, "dtype"):
        return held != held  # noqa: PLR0124 - NaN
    return np.array([each is None for each in held], dtype=bool)


def as_list(held: Any) -> Any:
    """Return the values of a column as a list of Python's objects, as an Arrow body's are."""
    if hasattr(held, "zone"):
        return _times(held)
    return held if isinstance(held, list) else held.tolist()


def as_objects_of(held: Any) -> list[Any]:
    """Return the values of a column as a list in which a missing number is None."""
    is_float = getattr(getattr(held, "dtype", None), "kind", "") == "f"
    return list(to_plain(as_list(held)) if is_float else as_list(held))


def _times(held: Any) -> list[Any]:
    unit = str(held.array.dtype).partition("[")[2][:-1]
    if unit == "D":
        return list(held.array.tolist())
    if unit != "ns" and held.zone is None:
        return list(held.array.astype(f"{held.array.dtype.kind}8[us]").tolist())
    import pandas as pd

    times = pd.Series(held.array)
    if held.zone is not None:
        times = times.dt.tz_localize("UTC").dt.tz_convert(held.zone)
    found = [None if each is pd.NaT else each for each in times]
    if unit == "ns":
        return found
    return [None if each is None else each.to_pydatetime() for each in found]


def made_of_typed(make: Callable[[Any], Any], column: Column, values: Any) -> Any:
    """Return the array of a column; None if only a list of its values is certain to be right."""
    is_truths = getattr(getattr(values, "dtype", None), "kind", "") == "b"
    if is_truths and column.dtype == "bool":
        return values.copy()
    try:
        if hasattr(values, "codes"):
            texts, codes = used_texts(values)
            if is_of_time(column):
                require_times(column, texts)
            return make(texts).take(codes)
        if hasattr(values, "zone") and column.dtype.startswith("datetime64"):
            return _moments(values, column.dtype)
    except (ValueError, TypeError, OverflowError, IndexError, AttributeError):
        pass  # the list of values tells which row it is
    return None


def _moments(held: Any, dtype: str) -> Any:
    """Return times of a dtype; those without a zone are UTC if it has one."""
    import pandas as pd

    wanted: Any = pd.api.types.pandas_dtype(dtype)
    unit = str(held.array.dtype).partition("[")[2][:-1]
    times = pd.Series(held.array.astype("M8[s]") if unit == "D" else held.array.copy())
    if getattr(wanted, "tz", None) is not None:
        return times.dt.tz_localize("UTC").dt.tz_convert(wanted.tz).astype(wanted).array
    if held.zone is not None:
        raise ValueError("a date without a time zone is expected")
    return times.astype(wanted).array
