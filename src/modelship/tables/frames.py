"""Convert columns of values to a DataFrame, a Series or an array, as the model was fitted on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .bodies import require_list
from .checking import EXPECTED, filled, shown
from .makers import maker_of
from .numbers import misshapen
from .refused import Refused
from .times import first_refused, is_of_time, refused_in, require_times
from .typed_columns import as_list, is_no_array, made_of_typed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .schema import Column

__all__ = ["FrameMaker", "as_array", "as_objects", "as_values"]

_NAN = float("nan")
_NUMBERS = frozenset((int, float, bool, type(None)))


class FrameMaker:
    """Builds DataFrames with the columns and dtypes of a schema.

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
            If values cannot be converted to their column's dtype.
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
    if not isinstance(values, list):
        if (made := made_of_typed(make, column, values)) is not None:
            return made
        values = as_list(values) if is_no_array(values) else values
    try:
        if is_of_time(column):
            require_times(column, values)
        return _flat(make(values))
    except Refused:
        raise
    except (ValueError, TypeError, OverflowError, IndexError) as error:
        if is_of_time(column):
            raise refused_in(make, column, values) from None
        row = first_refused(make, values)
        if column.kind not in EXPECTED or row is None:
            raise Refused(f"Column {column.name!r} cannot be read: {error}") from None
        told = f"Row {row}, column {column.name!r}: {shown(values[row])} is given"
        raise Refused(f"{told}; {EXPECTED[column.kind]}.") from None


def _flat(made: Any) -> Any:
    if made.ndim != 1:  # numpy reads lists of one length as an array of more dimensions
        raise ValueError("a value is a list")
    return made


def as_values(column: Column, values: list[Any]) -> Any:
    """Return the values of one unnamed column: a Series if the model was fitted on one."""
    if not column.dtype:
        return _objects(filled(column, values))
    import pandas as pd

    return pd.Series(_made(maker_of(column), column, values), name=column.name or None)


def as_objects(columns: Sequence[Column], values: Sequence[list[Any]]) -> Any:
    """Return an array of objects of shape (n, columns), with each value unchanged."""
    import numpy as np

    made = np.empty((len(values[0]) if values else 0, len(columns)), dtype=object)
    for at, (column, each) in enumerate(zip(columns, values)):
        made[:, at] = filled(column, each)
    return made


def as_array(rows: Any) -> Any:
    """Return rows of an unknown schema, converted by their values alone.

    Numbers become an array of numbers, with null as NaN; records become a DataFrame. Rows with any
    other value become an array of objects, with each value unchanged.

    Raises
    ------
    Refused
        If the rows have different lengths, or are not a list.
    """
    import numpy as np

    if isinstance(rows, dict):
        return _frame(rows.get("data"), rows) if "columns" in rows else _frame(rows, rows)
    require_list(rows)
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
        return _as_floats(made)
    made[made == None] = _NAN  # noqa: E711 - each item is compared
    return made


def _as_floats(made: Any) -> Any:
    try:
        return made.astype(float)
    except OverflowError:
        raise Refused("The rows hold a number that is too large for a float.") from None


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
