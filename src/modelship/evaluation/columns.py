"""Convert labels and predictions to arrays, one per output, of one type and without gaps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from modelship.tables.plain import is_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["as_column", "as_columns", "is_missing", "is_text", "is_whole", "stacked"]

_TABLE: Final = 2  # dimensions


def as_columns(values: Any, *, noun: str) -> tuple[NDArray[Any], ...]:
    """Return the values of each output as a read-only array of shape (n,).

    Parameters
    ----------
    values : array-like, data frame or sparse matrix of shape (n,) or (n, k)
        Numbers, booleans or strings; each output has its own type.
    noun : str
        What one value is called in an error.

    Raises
    ------
    ValueError
        As :func:`as_column`.
    """
    import numpy as np

    if is_frame(values):
        frame = [values.iloc[:, place] for place in range(values.shape[1])]
        return tuple(as_column(each, noun=noun) for each in frame)
    if hasattr(values, "toarray"):
        values = values.toarray()
    array = np.asarray(values) if hasattr(values, "__array__") else _as_objects(values, noun=noun)
    if array.ndim != _TABLE or not array.shape[1]:
        return (as_column(array, noun=noun),)
    return tuple(as_column(array[:, place], noun=noun) for place in range(array.shape[1]))


def stacked(columns: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return one column of shape (n,), or several as a read-only array of shape (n, k).

    Columns of different types become an array of objects.
    """
    import numpy as np

    if len(columns) == 1:
        return columns[0]
    kinds = {"t" if is_text(each) else "b" if each.dtype.kind == "b" else "n" for each in columns}
    if len(kinds) == 1:
        table = np.column_stack(columns)
    else:
        table = np.empty((len(columns[0]), len(columns)), dtype=object)
        for place, each in enumerate(columns):
            table[:, place] = each.tolist()
    table.setflags(write=False)
    return table


def as_column(values: object, *, noun: str) -> NDArray[Any]:
    """Return `values` as a new read-only array of shape (n,).

    Parameters
    ----------
    values : array-like of shape (n,) or (n, 1)
        Numbers, booleans or strings.
    noun : str
        What one value is called in an error.

    Returns
    -------
    ndarray of shape (n,)
        Of a boolean, integer, floating or str dtype.

    Raises
    ------
    ValueError
        If it has another shape, a value is missing or not finite, or types are mixed.
    """
    import numpy as np

    # NumPy would convert ["a", nan] and ["a", 1] to strings; as objects they keep their types.
    array = np.asarray(values) if hasattr(values, "__array__") else _as_objects(values, noun=noun)
    if array.ndim == _TABLE and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(f"the {noun}s have the shape {array.shape}, and (n,) is expected")
    column = _of_one_kind(array, noun=noun) if array.dtype.kind == "O" else array.copy()
    if column.dtype.kind == "T":
        column = column.astype(str)
    if column.dtype.kind not in "biufU":
        raise ValueError(f"the {noun}s are of dtype {column.dtype}; numbers or text are expected")
    if column.dtype.kind == "f" and not (finite := np.isfinite(column)).all():
        place = int(np.argmin(finite))
        raise ValueError(f"{noun} {place} is {column[place]}")
    column.setflags(write=False)
    return column


def is_text(column: NDArray[Any]) -> bool:
    """Return whether the values are strings."""
    return column.dtype.kind == "U"


def is_missing(value: object) -> bool:
    """Return whether a value is missing: None, NaN, or what pandas has for it."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    return type(value).__name__ in {"NAType", "NaTType"}  # pandas' own, without importing it


def is_whole(column: NDArray[Any]) -> bool:
    """Return whether all numbers are integral, whatever their dtype."""
    return column.dtype.kind != "f" or bool((column % 1 == 0).all())


def _as_objects(values: object, *, noun: str) -> NDArray[Any]:
    import numpy as np

    try:
        return np.array(values, dtype=object)
    except ValueError:
        raise ValueError(
            f"the {noun}s are arrays of several shapes; numbers or text are expected"
        ) from None


def _of_one_kind(array: NDArray[Any], *, noun: str) -> NDArray[Any]:
    import numpy as np

    values = [value.item() if isinstance(value, np.generic) else value for value in array.tolist()]
    for place, value in enumerate(values):
        if is_missing(value):
            raise ValueError(f"{noun} {place} is {value!r}")
    kinds = {_kind(value) for value in values}
    if len(kinds) > 1:
        raise ValueError(f"the {noun}s are of several kinds: {', '.join(sorted(kinds))}")
    if not kinds <= {"text", "truth value", "number"}:
        raise ValueError(f"the {noun}s are of type {kinds.pop()}; numbers or text are expected")
    return np.array(values)


def _kind(value: object) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool):
        return "truth value"
    return "number" if isinstance(value, int | float) else type(value).__name__
