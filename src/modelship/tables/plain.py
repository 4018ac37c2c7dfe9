"""Convert Python values to JSON values, by one rule for requests, answers and samples.

A DataFrame becomes a list of records, with its columns as keys in their order, or a list of rows if
its column names are not texts. Arrays, including sparse ones, become lists. A missing value (NaN,
NaT, NA) becomes null. Dates and durations become ISO 8601 texts. NumPy scalars and Decimal become
numbers; a UUID and a period become their texts. JSON has no infinities: in an answer they become
null, like NaN; everywhere else they keep the form that Python's json module writes and reads, since
dropping them would change the request.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["NoPlainForm", "is_frame", "lists_of", "records_of", "to_answer", "to_json", "to_plain"]

_AS_THEY_ARE = frozenset((str, int, bool, type(None)))
_CELLS = _AS_THEY_ARE | {float}
_INFINITY = float("inf")
_MISSING = frozenset(("NaTType", "NAType"))  # of pandas, without importing it


class NoPlainForm(TypeError):  # noqa: N818 - the clause of its text is what matters
    """A value has no JSON form; the text is a clause that names its type and where it is."""


def to_json(value: Any) -> str:
    """Return `value` as JSON text.

    Raises
    ------
    NoPlainForm
        If part of it has no JSON form.
    """
    return json.dumps(to_plain(value))


def to_plain(value: Any, *, where: str = "") -> Any:
    """Return `value` as JSON values: dicts, lists, texts, numbers, booleans and None.

    Parameters
    ----------
    value : object
        The value to convert.
    where : str
        Its location, for the error; such as ``"data[0].age"``.

    Raises
    ------
    NoPlainForm
        If part of it has no JSON form.
    """
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is float:
        return None if value != value else value  # noqa: PLR0124 - NaN alone differs from itself
    if isinstance(value, dict):
        return {
            _key(key, where=where): to_plain(each, where=f"{where}.{key}" if where else str(key))
            for key, each in value.items()
        }
    if isinstance(value, (list, tuple)):
        return _of_list(value, where=where)
    return _of_other(value, where=where)


def _of_list(values: Sequence[Any], *, where: str) -> list[Any]:
    kinds = set(map(type, values))
    if kinds <= _AS_THEY_ARE:
        return list(values)
    if kinds <= _CELLS:  # a row of a table: no value in it needs a location for an error
        return [None if each != each else each for each in values]  # noqa: PLR0124 - as above
    return [to_plain(each, where=f"{where}[{at}]") for at, each in enumerate(values)]


def to_answer(value: Any) -> Any:
    """Return predictions as JSON values; a number that is not finite is null.

    Raises
    ------
    NoPlainForm
        If part of them has no JSON form.
    """
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    is_finite = kind in {"b", "i", "u", "U"} or (
        kind == "f" and not (abs(value) == _INFINITY).any()
    )
    plain = to_plain(value)
    return plain if is_finite else _finite(plain)


def _finite(plain: Any) -> Any:
    if isinstance(plain, list):
        return [_finite(each) for each in plain]
    if isinstance(plain, dict):
        return {key: _finite(each) for key, each in plain.items()}
    return None if plain in (_INFINITY, -_INFINITY) else plain


def is_frame(value: object) -> bool:
    """Return whether a value is a DataFrame, without importing pandas."""
    return hasattr(value, "iloc") and hasattr(value, "columns")


def records_of(frame: Any) -> list[Any]:
    """Return the rows of a DataFrame: objects by column, or lists if its columns have no names.

    Raises
    ------
    NoPlainForm
        If two columns have the same name, or a value has no JSON form.
    """
    names = list(frame.columns)
    if not all(isinstance(name, str) for name in names):
        return lists_of(frame)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise NoPlainForm(f"two columns of the DataFrame are named {twice!r}")
    return [dict(zip(names, row)) for row in lists_of(frame)]


def lists_of(frame: Any) -> list[list[Any]]:
    """Return the rows of a DataFrame as lists, in the order of its columns.

    Raises
    ------
    NoPlainForm
        If a value has no JSON form.
    """
    columns = [
        to_plain(frame.iloc[:, at].tolist(), where=str(name))
        for at, name in enumerate(frame.columns)
    ]
    return [list(row) for row in zip(*columns)]


def _key(key: Any, *, where: str) -> Any:
    if isinstance(key, str) or key is None or isinstance(key, (bool, int, float)):
        return key
    plain = _of_other(key, where=where)
    if isinstance(plain, (list, dict)):
        raise _no_form(key, where=where)
    return plain


def _of_other(value: Any, *, where: str) -> Any:
    for type_, write in _WRITERS:
        if isinstance(value, type_):
            return write(value)
    if type(value).__name__ in _MISSING:
        return None
    if type(value).__name__ == "Period":  # of pandas; its text includes its frequency
        return str(value)
    if is_frame(value):
        return records_of(value)
    if hasattr(value, "toarray") or hasattr(value, "tolist"):
        return _of_array(value, where=where)
    if isinstance(value, (str, int, float)):  # of a class of their own
        return json.loads(json.dumps(value))
    raise _no_form(value, where=where)


def _of_array(value: Any, *, where: str) -> Any:
    """Return the form of an array, a sparse matrix, a NumPy scalar, a series or an index."""
    array = value.toarray() if hasattr(value, "toarray") else value
    if type(array).__name__ in {"datetime64", "timedelta64"}:
        return None if str(array) == "NaT" else str(array)
    plain = array.tolist()
    if _holds_plain_numbers(array) or type(plain) is type(array):
        return plain
    return to_plain(plain, where=where)


def _holds_plain_numbers(value: Any) -> bool:
    """Return whether a value is an array of numbers without missing ones."""
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    return kind in {"b", "i", "u"} or (kind == "f" and not (value != value).any())  # noqa: PLR0124 - NaN


def _no_form(value: object, *, where: str) -> NoPlainForm:
    place = f" at {where}" if where else ""
    return NoPlainForm(f"a value of type {type(value).__name__}{place} has no JSON form")


def _of_date(value: Any) -> str | None:
    text: str = value.isoformat()
    return None if text == "NaT" else text


def _of_decimal(value: decimal.Decimal) -> float | None:
    return None if value.is_nan() else float(value)


def _of_duration(value: dt.timedelta) -> str | None:
    if hasattr(value, "isoformat"):  # of pandas
        return _of_date(value)
    return f"PT{value.total_seconds():.6f}".rstrip("0").rstrip(".") + "S"


_WRITERS: Sequence[tuple[Any, Callable[[Any], Any]]] = (
    ((dt.date, dt.time), _of_date),
    (dt.timedelta, _of_duration),
    (decimal.Decimal, _of_decimal),
    (uuid.UUID, str),
)
