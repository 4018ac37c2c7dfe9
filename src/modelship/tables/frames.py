"""From columns of JSON values to what a model was fitted on: a DataFrame, or an array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .refused import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .schema import Column

__all__ = ["as_array", "as_frame", "as_objects"]

_NAN = float("nan")


def as_frame(columns: Sequence[Column], values: Sequence[list[Any]], *, validate: bool) -> Any:
    """Return a DataFrame with the columns and dtypes of a schema.

    Raises
    ------
    Refused
        If a value is not of its column's kind, and `validate` asks for that.
    """
    import pandas as pd

    made = {
        column.name: _series(column, each, validate=validate)
        for column, each in zip(columns, values)
    }
    return pd.DataFrame(made, columns=[column.name for column in columns])


def as_objects(columns: Sequence[Column], values: Sequence[list[Any]], *, validate: bool) -> Any:
    """Return an array of objects of shape (n, columns), in which each value stays what it is.

    Raises
    ------
    Refused
        If a value is not of its column's kind, and `validate` asks for that.
    """
    import numpy as np

    made = np.empty((len(values[0]) if values else 0, len(columns)), dtype=object)
    for at, (column, each) in enumerate(zip(columns, values)):
        if validate:
            _require(column, each, at=at)
        made[:, at] = _filled(column, each)
    return made


def as_array(rows: Any) -> Any:
    """Return rows as an array: of numbers if all are, or else of objects, each as it is.

    Raises
    ------
    Refused
        If the rows have different lengths.
    """
    import numpy as np

    try:
        array = np.array(rows)
    except ValueError:
        raise Refused("The rows have different lengths.") from None
    if array.dtype.kind not in "OUS":
        return array
    made = np.array(rows, dtype=object)
    made[made == None] = _NAN  # noqa: E711 - each item is compared
    return made


def _series(column: Column, values: list[Any], *, validate: bool) -> Any:
    import pandas as pd

    if validate:
        _require(column, values)
    filled = _filled(column, values)
    try:
        if column.kind == "date":
            dates = pd.to_datetime(pd.Series(filled, dtype="object"), format="ISO8601")
            return dates.astype(column.dtype) if column.dtype else dates
        if column.dtype == "category":
            kinds = pd.CategoricalDtype(list(column.categories) or None, ordered=column.ordered)
            return pd.Series(filled).astype(kinds)
        return pd.Series(filled, dtype=_dtype(column, filled))
    except (ValueError, TypeError) as error:
        raise Refused(f"Column {column.name!r} cannot be read: {error}") from None


def _dtype(column: Column, values: list[Any]) -> str | None:
    """Return the dtype of a series: what the model was fitted on, unless the values forbid it."""
    if column.dtype:
        is_whole = all(type(value) is int for value in values)
        return column.dtype if is_whole or not column.dtype.startswith(("int", "uint")) else None
    if column.kind in {"integer", "number"} and not all(type(value) is int for value in values):
        return "float64"
    return None


def _filled(column: Column, values: list[Any]) -> list[Any]:
    """Return the values with what stands for a missing one in the place of null."""
    if column.missing_as == "none" or None not in values:
        return values
    return [_NAN if value is None else value for value in values]


def _require(column: Column, values: list[Any], *, at: int = 0) -> None:
    """Raise Refused at the first value that is not of the column's kind."""
    fits = _FITS.get(column.kind)
    if fits is None:
        return
    for row, value in enumerate(values):
        if value is None:
            if column.missing is not False:
                continue
        elif fits(value):
            continue
        name = f"column {column.name!r}" if column.name else f"column {at}"
        raise Refused(f"Row {row}, {name}: {value!r:.60} is given; {_EXPECTED[column.kind]}.")


def _is_number(value: Any) -> bool:
    return type(value) in {int, float}


_FITS: Mapping[str, Callable[[Any], bool]] = {
    "integer": _is_number,
    "number": _is_number,
    "boolean": lambda value: type(value) is bool,
    "text": lambda value: type(value) is str,
    "date": lambda value: type(value) is str,
}
_EXPECTED: Mapping[str, str] = {
    "integer": "a number is expected",
    "number": "a number is expected",
    "boolean": "true or false is expected",
    "text": "a text is expected",
    "date": "a date in ISO 8601 is expected, such as 2024-05-31",
}
