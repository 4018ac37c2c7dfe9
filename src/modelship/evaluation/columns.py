"""Labels and predictions as plain arrays: one kind of value, and none missing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["as_column", "is_text", "is_whole"]


def as_column(values: object, *, noun: str) -> NDArray[Any]:
    """Return `values` as a new read-only array of shape (n,).

    Parameters
    ----------
    values : array-like of shape (n,) or (n, 1)
        Numbers, booleans or strings.
    noun : str
        What one of them is called in an error.

    Returns
    -------
    ndarray of shape (n,)
        Of a boolean, integer, floating or str dtype.

    Raises
    ------
    ValueError
        If it has another shape, a value is missing or not finite, or kinds are mixed.
    """
    import numpy as np

    # NumPy would turn ["a", nan] and ["a", 1] into strings; as objects they show what they are.
    array = np.asarray(values) if hasattr(values, "__array__") else _as_objects(values, noun=noun)
    if array.ndim == 2 and array.shape[1] == 1:  # noqa: PLR2004 - a column has two dimensions
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
    """Tell whether the values are strings."""
    return column.dtype.kind == "U"


def is_whole(column: NDArray[Any]) -> bool:
    """Tell whether all numbers are whole, whatever their dtype."""
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
        if _is_missing(value):
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


def _is_missing(value: object) -> bool:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    return type(value).__name__ in {"NAType", "NaTType"}  # pandas' own, without importing it
