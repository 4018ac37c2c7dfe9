"""Whether an error of predict() is the caller's: what the estimator refuses is in the request.

That its text speaks of NaN is not enough, since a step of a pipeline may have made one: the rows
are asked, too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .refused import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .checking import Check

__all__ = ["blamed"]

_MISSING = re.compile(r"contains NaN|np\.nan is an invalid document|missing values")
_INFINITE = re.compile(r"contains infinity")
_UNKNOWN = re.compile(r"Found unknown categories .* in column \d+ during transform")
_NO_ROWS = re.compile(r"Found array with 0 sample")
_SHOWN = 5


def blamed(error: ValueError, data: Any, checks: Sequence[Check] = ()) -> Refused | None:
    """Return the refusal that an error of predict() amounts to, or None if it is another's.

    Parameters
    ----------
    error : ValueError
        What predict() raised.
    data : DataFrame, Series or ndarray
        The rows that it was given.
    checks : sequence of Check
        The check of each column, which knows its categories.
    """
    said = str(error)
    if _NO_ROWS.search(said) and not len(data):
        return Refused("The request holds no rows; at least one is expected.")
    if found := _UNKNOWN.search(said):
        told = next(filter(None, map(_unknown_in, checks, _columns_of(data))), "")
        return Refused(told or f"The model refuses values that it does not know: {found[0]}.")
    if not hasattr(data, "iloc") and not hasattr(data, "dtype"):
        return None
    if _MISSING.search(said):
        return _refused_at(_is_missing(data), data, what="a missing value")
    if _INFINITE.search(said):
        return _refused_at(_is_infinite(data), data, what="an infinite number")
    return None


def _unknown_in(check: Check, values: Any) -> str:
    return check.unknown_in(values)


def _columns_of(data: Any) -> Iterator[Any]:
    """Yield the values of each column of a DataFrame, or of an array with two dimensions."""
    if hasattr(data, "columns"):
        return (data.iloc[:, at].tolist() for at in range(data.shape[1]))
    return iter(data.T.tolist() if getattr(data, "ndim", 0) > 1 else ())


def _refused_at(flags: Any, data: Any, *, what: str) -> Refused | None:
    """Return a refusal that names the columns, and the first row; None if there is none."""
    import numpy as np

    flags = flags.reshape(len(flags), -1)
    rows = np.flatnonzero(flags.any(axis=1))
    if not len(rows):
        return None
    columns = [_name(data, at) for at in np.flatnonzero(flags.any(axis=0)).tolist()]
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


def _is_infinite(data: Any) -> Any:
    import numpy as np

    values = data.to_numpy(dtype=object) if hasattr(data, "iloc") else np.asarray(data)
    return _each(values, lambda value: isinstance(value, float) and value in {_INF, -_INF})


def _each(values: Any, is_so: Any) -> Any:
    import numpy as np

    flat = np.array([bool(is_so(value)) for value in values.flat], dtype=bool)
    return flat.reshape(values.shape)


def _differs(value: Any) -> bool:
    return value is None or bool(value != value)  # noqa: PLR0124 - NaN alone does


_INF = float("inf")
