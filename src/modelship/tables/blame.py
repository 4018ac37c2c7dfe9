"""Decide whether the request caused an error of predict().

A message that mentions NaN is not enough, since a step of a pipeline may have produced it: the rows
are checked too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .bodies import kind_of, width_problem
from .refused import Refused
from .used_columns import used_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .checking import Check

__all__ = ["blamed"]

_MISSING = re.compile(
    r"contains NaN|np\.nan is an invalid document|missing values"
    r"|'(NoneType|float)' object has no attribute '(lower|upper|split|strip|replace|encode)'"
    r"|expected string or bytes-like object"
)
_INFINITE = re.compile(r"contains infinity")
_UNKNOWN = re.compile(r"Found unknown categories .* in column \d+ during transform")
_NO_ROWS = re.compile(r"Found array with 0 sample|Sample sequence X is empty|Expected 2D array")
_WIDTH = re.compile(r"X has (\d+) features?, but .* is expecting (\d+) features?")
_NO_NUMBER = re.compile(r"could not convert string to float: ")
_NO_VALUE = re.compile(r"Unsupported value type <class '\w+'> for (.*?):", re.IGNORECASE)
_NO_TEXTS = re.compile(r"Unsupported type <class '\w+'> in iterable value")
_TOO_LARGE = re.compile(r"int too large to convert to float")
_OF_ONNX = re.compile(r"The input .* takes whole numbers|Got invalid dimensions for input")
_TOO_DEEP = re.compile(r"Found array with dim \d+")
_SHOWN = 5
_TABLE = 2
_NUMERIC = frozenset(("integer", "number", "boolean"))
_A_VALUE = "a number or a text is expected"
_A_LARGE_NUMBER = "a number that is too large for a float"


def blamed(
    error: Exception,
    data: Any,
    checks: Sequence[Check] = (),
    *,
    width: int | None = None,
    predict: Any = None,
) -> Refused | None:
    """Return the refusal for an error of predict(), or None if the request is not the cause.

    Parameters
    ----------
    error : Exception
        The exception that predict() raised.
    data : DataFrame, Series, ndarray or list
        The rows passed to it.
    checks : sequence of Check
        The check of each column, which knows its categories.
    width : int, optional
        The number of values in a row, where known.
    predict : callable, optional
        What raised the error; columns that its estimator does not use are not the cause.
    """
    said = str(error)
    if _NO_ROWS.search(said) and not len(data):
        return Refused("The request has no rows; at least one is expected.")
    if found := _UNKNOWN.search(said):
        pairs = zip(checks, _columns_of(data))
        told = next(filter(None, (check.unknown_in(values) for check, values in pairs)), "")
        return Refused(told or f"The model refuses values that it does not know: {found[0]}.")
    if isinstance(data, list):
        return _blamed_in_dicts(said, data)
    has_values = hasattr(data, "iloc") or hasattr(data, "dtype")
    if not has_values:
        return None
    used, held = used_of(predict, data, checks)
    return (
        _blamed_in(said, used, held)
        or _misshapen(said, data, width)
        or _no_number(said, used, held)
    )


def _blamed_in(said: str, data: Any, checks: Sequence[Check]) -> Refused | None:
    """Return the refusal of a table's or an array's values, or of its shape."""
    if _MISSING.search(said):
        return _refused_at(_is_missing(data), data, checks, what="a missing value")
    if _INFINITE.search(said):
        return _refused_infinite(said, data)
    if _TOO_LARGE.search(said):
        return _refused_at(_each(_objects(data), _is_too_large), data, what=_A_LARGE_NUMBER)
    return None


def _refused_infinite(said: str, data: Any) -> Refused | None:
    """Return a refusal of a number that is infinite, or overflows as the model reads it."""
    found = _refused_at(_beyond(data, _INF), data, what="an infinite number")
    if found or "float32" not in said:
        return found
    return _refused_at(_beyond(data, _GREATEST), data, what="a number too large for float32")


def _misshapen(said: str, data: Any, width: int | None) -> Refused | None:
    """Return a refusal of rows whose shape is not the model's."""
    if _OF_ONNX.search(said):
        return Refused(f"The model does not take these rows: {said}")
    shape: tuple[int, ...] = getattr(data, "shape", ())
    if (found := _WIDTH.search(said)) and shape[1:] == (int(found[1]),):
        return Refused(f"{width_problem(0, shape[1], found[2])}.")
    if len(shape) == 1 and ("Expected 2D array" in said or width is not None):
        return Refused("Row 0 is a single value; a list of values is expected.")
    if len(shape) == _TABLE and width not in {None, shape[1]}:
        return Refused(f"{width_problem(0, shape[1], width)}.")
    if len(shape) > _TABLE and (_TOO_DEEP.search(said) or width is not None):
        return Refused("Row 0, column 0: a list is given; a number is expected.")
    return None


def _no_number(said: str, data: Any, checks: Sequence[Check]) -> Refused | None:
    """Return a refusal of a text; in a table, only if its column does not hold texts."""
    if not _NO_NUMBER.search(said) or len(data.shape) != _TABLE:
        return None
    is_table = hasattr(data, "iloc")
    flags = _each(data.to_numpy(dtype=object) if is_table else data, _is_no_number)
    if is_table:
        numeric = [check.kind in _NUMERIC for check in checks]
        flags = flags & numeric if len(numeric) == flags.shape[1] else flags[:0]
    return _refused_at(flags, data, what="a text that is not a number")


def _blamed_in_dicts(said: str, rows: list[Any]) -> Refused | None:
    """Return the refusal of a value in rows with keys of their own."""
    if found := _NO_VALUE.search(said):
        return _refused_value(rows, _is_nested, expected=_A_VALUE, key=found[1])
    if _NO_TEXTS.search(said):
        return _refused_value(rows, _is_list_of_others, expected="a list of texts is expected")
    if _MISSING.search(said):
        return _refused_value(rows, _differs, expected="the model does not take a missing value")
    if _TOO_LARGE.search(said):
        expected = f"the model does not take {_A_LARGE_NUMBER}"
        return _refused_value(rows, _is_too_large, expected=expected)
    return None


def _refused_value(
    rows: list[Any], is_so: Callable[[Any], bool], *, expected: str, key: str | None = None
) -> Refused | None:
    """Return a refusal of the first value in rows of objects; of one key only, if known."""
    for at, row in enumerate(rows):
        for name, value in row.items() if isinstance(row, dict) else ():
            if name == (name if key is None else key) and is_so(value):
                return Refused(f"Row {at}, {name!r}: {kind_of(value)} is given; {expected}.")
    return None


def _columns_of(data: Any) -> Iterator[Any]:
    """Yield the values of each column of a DataFrame, or of a two-dimensional array."""
    if hasattr(data, "columns"):
        return (data.iloc[:, at].tolist() for at in range(data.shape[1]))
    return iter(data.T.tolist() if getattr(data, "ndim", 0) > 1 else ())


def _refused_at(
    flags: Any, data: Any, checks: Sequence[Check] = (), *, what: str
) -> Refused | None:
    """Return a refusal that names the first row, and its columns; None if there is none.

    Columns that accept missing values are not the cause, unless there are no others.
    """
    import numpy as np

    flags = flags.reshape(len(flags), -1)
    if len(checks) == flags.shape[1]:
        suspected = flags & [check.column.missing is not True for check in checks]
        flags = suspected if suspected.any() else flags
    rows = np.flatnonzero(flags.any(axis=1))
    if not len(rows):
        return None
    columns = [_name(data, at) for at in np.flatnonzero(flags[rows[0]]).tolist()]
    more = f" and {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else ""
    noun = "column" if len(columns) == 1 else "columns"
    where = f"{noun} {', '.join(columns[:_SHOWN])}{more}"
    return Refused(f"Row {rows[0]}, {where}: the model does not take {what}.")


def _name(data: Any, at: int) -> str:
    columns = getattr(data, "columns", None)
    return str(at) if columns is None else repr(columns[at])


def _is_missing(data: Any) -> Any:
    import numpy as np

    if hasattr(data, "isna"):
        return data.isna().to_numpy()
    return np.not_equal(data, data) if data.dtype.kind != "O" else _each(data, _differs)


def _beyond(data: Any, limit: float) -> Any:
    return _each(_objects(data), lambda value: isinstance(value, _NUMBERS) and abs(value) >= limit)


def _objects(data: Any) -> Any:
    import numpy as np

    return data.to_numpy(dtype=object) if hasattr(data, "iloc") else np.asarray(data)


def _each(values: Any, is_so: Any) -> Any:
    import numpy as np

    flat = np.array([bool(is_so(value)) for value in values.flat], dtype=bool)
    return flat.reshape(values.shape)


def _differs(value: Any) -> bool:
    return value is None or bool(value != value)  # noqa: PLR0124 - NaN alone does


def _is_no_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return value is not None
    return False


def _is_nested(value: Any) -> bool:
    return isinstance(value, (dict, list))


def _is_list_of_others(value: Any) -> bool:
    return _is_nested(value) and not all(isinstance(each, str) for each in value)


def _is_too_large(value: Any) -> bool:
    return isinstance(value, int) and value.bit_length() > _MOST_BITS


_INF = float("inf")
_GREATEST = 3.4028235e38  # from here on, a number overflows float32
_NUMBERS = (int, float)
_MOST_BITS = 1023  # an integer of so many bits always fits in a float
