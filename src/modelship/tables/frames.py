"""From columns of values to what a model was fitted on: a DataFrame, a Series, or an array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .bodies import kind_of
from .checking import EXPECTED, filled
from .makers import maker_of
from .numbers import misshapen
from .refused import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .schema import Column

__all__ = ["FrameMaker", "as_array", "as_objects", "as_values"]

_NAN = float("nan")
_WORDS = frozenset(("now", "today"))
_NO_ZONE = "a date without a time zone is expected"
_A_DATE = "a date in ISO 8601 that the model can take is expected, such as 2024-05-31"
_NUMBERS = frozenset((int, float, bool, type(None)))


class FrameMaker:
    """Makes DataFrames with the columns and dtypes of a schema.

    Parameters
    ----------
    columns : sequence of Column
        The columns, in the model's order.

    Raises
    ------
    ImportError
        If pandas is not installed.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        import pandas as pd

        self._frame = pd.DataFrame
        self._columns = columns
        self._names = pd.Index([column.name for column in columns])
        self._makers = [maker_of(column) for column in columns]
        self._is_uniform = all(column.dtype == "float64" for column in columns)

    def frame(self, values: Sequence[Any]) -> Any:
        """Return a DataFrame.

        Parameters
        ----------
        values : sequence of list or ndarray
            The values of each column; None is a missing one.

        Raises
        ------
        Refused
            If values cannot be read as what their column holds.
        """
        made = [
            _made(make, column, each)
            for make, column, each in zip(self._makers, self._columns, values)
        ]
        if self._is_uniform and made:  # one block: as fast as an array
            import numpy as np

            return self._frame(np.array(made).T, columns=self._names, copy=False)
        frame = self._frame(dict(enumerate(made)), copy=False)
        frame.columns = self._names
        return frame


def _made(make: Any, column: Column, values: Any) -> Any:
    try:
        if column.kind == "date":
            _require_no_words(column, values)
        return make(values)
    except Refused:
        raise
    except (ValueError, TypeError, OverflowError) as error:
        if column.kind == "date":
            raise _refused_date(make, column, values) from None
        row = _first_refused(make, values)
        if column.kind not in EXPECTED or row is None:
            raise Refused(f"Column {column.name!r} cannot be read: {error}") from None
        raise _refused(row, column, values[row], expected=EXPECTED[column.kind]) from None


def _require_no_words(column: Column, values: Any) -> None:
    """Raise Refused at a word that pandas takes for a date, though it is none."""
    for row, value in enumerate(values):
        if isinstance(value, str) and value.strip().lower() in _WORDS:
            raise _refused(row, column, value)


def _refused(row: int, column: Column, value: Any, *, expected: str = _A_DATE) -> Refused:
    told = f"Row {row}, column {column.name!r}: {value!r} is given"
    return Refused(f"{told}; {expected}.")


def _first_refused(make: Any, values: Sequence[Any]) -> int | None:
    """Return the row of the first value which cannot be read by itself; None if each can."""
    low, high = 0, len(values)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _error_of(make, values[low:middle]) else (middle, high)
    return low if _error_of(make, values[low:high]) else None


def _refused_date(make: Any, column: Column, values: Sequence[Any]) -> Refused:
    """Return a refusal that names the first date which cannot be read by itself."""
    row = _first_refused(make, values)
    if row is not None:
        is_zoned = _error_of(make, values[row : row + 1]) == _NO_ZONE
        expected = _NO_ZONE if is_zoned else _A_DATE
        return _refused(row, column, values[row], expected=expected)
    mixed = "its dates have different time zones, or some have none"
    return Refused(f"Column {column.name!r} cannot be read: {mixed}; one for all is expected.")


def _error_of(make: Any, values: Any) -> str:
    """Return what is said against values; ``""`` if they can be read."""
    try:
        make(values)
    except (ValueError, TypeError, OverflowError) as error:
        return str(error) or type(error).__name__
    return ""


def as_values(column: Column, values: list[Any]) -> Any:
    """Return the values of one nameless column: a Series where the model was fitted on one."""
    if not column.dtype:
        return _objects(filled(column, values))
    import pandas as pd

    return pd.Series(_made(maker_of(column), column, values), name=column.name or None)


def as_objects(columns: Sequence[Column], values: Sequence[list[Any]]) -> Any:
    """Return an array of objects of shape (n, columns), in which each value stays what it is."""
    import numpy as np

    made = np.empty((len(values[0]) if values else 0, len(columns)), dtype=object)
    for at, (column, each) in enumerate(zip(columns, values)):
        made[:, at] = filled(column, each)
    return made


def as_array(rows: Any) -> Any:
    """Return rows of which no more is known as what they look like.

    Numbers become an array of numbers, and null is NaN; records become a DataFrame. Rows in which
    there is anything else become an array of objects, each of which stays as it is.

    Raises
    ------
    Refused
        If the rows have different lengths, or are no list.
    """
    import numpy as np

    if isinstance(rows, dict):
        return _frame(rows.get("data"), rows) if "columns" in rows else _frame(rows, rows)
    if not isinstance(rows, list):
        raise Refused(f"The rows are {kind_of(rows)}; a list of rows is expected.")
    if rows and all(isinstance(row, dict) for row in rows):
        return _frame(rows, {})
    try:
        array = np.array(rows)
    except ValueError:
        told = misshapen(rows, is_numeric=False)
        raise told or Refused("The rows do not all have the same shape.") from None
    if array.dtype.kind not in "OUS":
        return array
    made = np.array(rows, dtype=object)
    if all(type(value) in _NUMBERS for value in made.flat):
        return made.astype(float)
    made[made == None] = _NAN  # noqa: E711 - each item is compared
    return made


def _frame(rows: Any, found: dict[str, Any]) -> Any:
    try:
        import pandas as pd
    except ImportError:
        raise Refused("The rows are objects; lists of values are expected.") from None
    try:
        return pd.DataFrame(rows, columns=found.get("columns"))
    except (ValueError, TypeError, AssertionError) as error:
        raise Refused(f"The rows cannot be read as a table: {error}") from None


def _objects(values: list[Any]) -> Any:
    import numpy as np

    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made
