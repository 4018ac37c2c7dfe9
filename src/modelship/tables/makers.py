"""Convert the values of one column to an array of the dtype that the model was fitted on.

A maker takes a list of JSON values, or the values of an Arrow column, and returns a NumPy or pandas
array. It is created once for each column, since resolving a pandas dtype costs more than converting
a row.
"""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from .checking import filled

if TYPE_CHECKING:
    from collections.abc import Callable

    from .schema import Column

    Maker = Callable[[Any], Any]

__all__ = ["maker_of"]


def maker_of(column: Column) -> Maker:
    """Return the function that creates the array of a column.

    The maker raises ValueError, TypeError or OverflowError for values that it cannot convert.
    """
    if column.dtype == "category" and column.kind == "date":
        return partial(_date_categories, column=column)
    if column.dtype == "category":
        return _categories_maker(column) if column.categories else partial(_new_categories, column)
    dtype = _known_dtype(column.dtype)
    if column.kind == "boolean":
        return partial(_truths, make=_maker_of_dtype(column, dtype), is_strict=_is_bool(dtype))
    return _maker_of_dtype(column, dtype)


def _maker_of_dtype(column: Column, dtype: Any) -> Maker:
    code = getattr(dtype, "kind", "")
    if column.kind == "date" and code != "O":
        return partial(_dates, dtype=dtype)
    if dtype is None:
        return _maker_of_kind(column)
    if make := _OF_CODE.get(code):
        is_own = _is_numpy(dtype) or code in "Mm"
        return partial(make if is_own else _extension, dtype=dtype)
    return _objects_maker(column) if _is_numpy(dtype) else partial(_extension, dtype=dtype)


def _is_bool(dtype: Any) -> bool:
    return getattr(dtype, "kind", "") == "b"


def _truths(values: Any, *, make: Maker, is_strict: bool) -> Any:
    """Return booleans, of which some may be texts or the numbers 0 and 1.

    Those occur only without validation. If the dtype holds only booleans, no other text is
    accepted.
    """
    if not isinstance(values, list) or {bool, type(None)}.issuperset(map(type, values)):
        return make(values)
    read = [_TRUTHS.get(v.strip().lower(), v) if isinstance(v, str) else v for v in values]
    if is_strict:
        if any(isinstance(value, str) for value in read):
            raise ValueError("true or false is expected")
        if all(value in (0, 1, None) for value in read):
            read = [value if value is None else bool(value) for value in read]
    return make(read)


def _maker_of_kind(column: Column) -> Maker:
    """Return the maker of a column of unknown dtype: as pandas reads records."""
    if column.kind == "number":
        return partial(_floats, dtype="float64")
    if column.kind == "integer":
        return partial(_integers, dtype="int64")
    return partial(_guessed, column=column)


def _known_dtype(name: str) -> Any:
    """Return the dtype with a name; None if this release of pandas does not have it."""
    import pandas as pd

    if name == "str":  # since pandas 3; before, texts are objects
        is_new = int(pd.__version__.partition(".")[0]) >= 3  # noqa: PLR2004 - as said
        return pd.api.types.pandas_dtype("str" if is_new else "object")
    if not name or name == "category":
        return None
    try:
        return pd.api.types.pandas_dtype(name)
    except (TypeError, ValueError, ImportError):  # ImportError: if pyarrow is missing
        return None


def _is_numpy(dtype: Any) -> bool:
    import numpy as np

    return isinstance(dtype, np.dtype)


def _floats(values: Any, *, dtype: Any) -> Any:
    import numpy as np

    return np.array(values, dtype=dtype)  # None becomes NaN


def _integers(values: Any, *, dtype: Any) -> Any:
    """Return integers of a dtype, or of a wider one if a value does not fit.

    With a missing value or a fraction they are floats, as in pandas.
    """
    import numpy as np

    is_array = isinstance(values, np.ndarray)
    if not (values.dtype.kind in "iu" if is_array else all(type(v) is int for v in values)):
        return np.array(values, dtype="float64")
    least, greatest = _range(values) if len(values) else (0, 0)
    for each in (dtype, "int64", "uint64"):
        bounds = np.iinfo(each)
        if bounds.min <= least and greatest <= bounds.max:
            return np.array(values, dtype=each)
    return np.array(values, dtype="float64")


def _range(integers: Any) -> tuple[int, int]:
    if isinstance(integers, list):
        return min(integers), max(integers)
    return int(integers.min()), int(integers.max())


def _objects_maker(column: Column) -> Maker:
    """Return the maker of objects; also for booleans, which are objects if one is missing."""
    return partial(_objects, column=column, read=_date_or_time if column.kind == "date" else None)


def _objects(values: Any, *, column: Column, read: Maker | None = None) -> Any:
    """Return objects unchanged; as an Index, which a DataFrame does not inspect."""
    import numpy as np
    import pandas as pd

    if column.dtype == "bool" and all(type(value) is bool for value in values):
        return np.array(values, dtype=bool)
    made = np.empty(len(values), dtype=object)
    read_values = values if read is None else [v if v is None else read(v) for v in values]
    made[:] = filled(column, read_values)
    return pd.Index(made, dtype=object)


def _extension(values: Any, *, dtype: Any) -> Any:
    """Return an extension array; integers of a wider dtype if a number does not fit."""
    import pandas as pd

    if getattr(dtype, "kind", "") in {"i", "u"}:
        _require_short(values)
    try:
        return pd.array(values, dtype=dtype)
    except (TypeError, OverflowError):
        for wider in _WIDER_THAN.get(str(dtype), ()):
            with suppress(TypeError, OverflowError):
                return pd.array(values, dtype=wider)
        raise


def _require_short(values: Any) -> None:
    """Raise ValueError at a text with so many digits that pandas needs seconds to parse it."""
    if any(isinstance(value, str) and len(value) > _MOST_DIGITS for value in values):
        raise ValueError("it holds a text that is too long for a number")


def _guessed(values: Any, *, column: Column) -> Any:
    import pandas as pd

    is_gap = [value is None for value in values]
    if column.kind == "text" and any(is_gap) and (column.missing_as == "none" or all(is_gap)):
        return _objects(values, column=column)  # pandas would turn None into NaN
    return pd.Series(filled(column, list(values))).array


def _categories_maker(column: Column) -> Maker:
    """Return the maker of categories.

    For a model that takes categories itself, as boosters do, unknown values become missing ones.
    For any other model unknown values are kept: its encoder decides how to treat them.
    """
    import pandas as pd

    known = list(column.categories)
    dtype = pd.CategoricalDtype(known, ordered=column.ordered)
    codes = {value: code for code, value in enumerate(known)}
    keeps_unknown = column.kind != "category"

    def make(values: Any) -> Any:
        found = [codes.get(value, -1) for value in values]
        if keeps_unknown and -1 in found:
            new = [v for v in dict.fromkeys(values) if _is_present(v) and v not in codes]
            wider = pd.CategoricalDtype(known + new, ordered=column.ordered)
            all_codes = {value: code for code, value in enumerate(known + new)}
            return pd.Categorical.from_codes([all_codes.get(v, -1) for v in values], dtype=wider)
        return pd.Categorical.from_codes(found, dtype=dtype)

    return make


def _is_present(value: Any) -> bool:
    return value is not None and value == value  # noqa: PLR0124 - NaN


def _new_categories(column: Column, values: Any) -> Any:
    """Return the categories of a model that itself knows what they represent."""
    import pandas as pd

    dtype = pd.CategoricalDtype(ordered=column.ordered)
    return pd.Series(filled(column, list(values))).astype(dtype).array


def _date_categories(values: Any, *, column: Column) -> Any:
    """Return categories that are dates; those unknown to the model are kept."""
    import pandas as pd

    known = pd.Index(_dates(list(column.categories), dtype=None))
    is_zoned = getattr(known.dtype, "tz", None) is not None
    dates = pd.Index(_dates(values, dtype=known.dtype if is_zoned else None))
    dtype = pd.CategoricalDtype(known.append(dates.dropna()).unique(), ordered=column.ordered)
    return pd.Categorical(dates, dtype=dtype)


def _dates(values: Any, *, dtype: Any) -> Any:
    """Return dates; in a column with a time zone, a date without one is UTC."""
    import pandas as pd

    is_zoned = getattr(dtype, "tz", None) is not None
    how = {"format": "ISO8601"} if int(pd.__version__.partition(".")[0]) > 1 else {}
    texts = pd.Series(values, dtype="object")
    try:
        dates = pd.to_datetime(texts, utc=is_zoned, **how)
    except ValueError:
        if dtype is not None:
            raise
        dates = pd.to_datetime(texts, utc=True, **how)  # their offsets differ, as in summer
    if is_zoned:
        dates = dates.dt.tz_convert(dtype.tz)
    elif getattr(dates.dtype, "tz", None) is not None and dtype is not None:
        raise ValueError("a date without a time zone is expected")
    return dates.array if dtype is None else dates.astype(dtype).array


def _durations(values: Any, *, dtype: Any) -> Any:
    import pandas as pd

    return pd.to_timedelta(pd.Series(values, dtype="object")).astype(dtype).array


def _date_or_time(value: Any) -> Any:
    """Return Python's date, or datetime if the text has a time."""
    if not isinstance(value, str):
        return value
    if (read := _usual(value)) is not None:
        return read
    import pandas as pd

    moment = pd.Timestamp(value).to_pydatetime()
    return moment.date() if len(value) <= len(dt.date.max.isoformat()) else moment


def _usual(text: str) -> Any:
    """Return the date or datetime of a text in the usual format; None for any other text."""
    if text[4:5] != "-" or text[7:8] != "-" or len(text) not in _USUAL:
        return None
    try:
        if len(text) == _USUAL[0]:
            return dt.date.fromisoformat(text)
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is None else None


_USUAL = (10, 19, 26)  # characters: 2024-05-31, 2024-05-31T10:00:00, and with microseconds
_TRUTHS = {"true": True, "false": False}
_MOST_DIGITS = 4300  # as in Python
_OF_CODE: dict[str, Callable[..., Any]] = {
    "M": _dates,
    "m": _durations,
    "i": _integers,
    "u": _integers,
    "f": _floats,
}
_WIDER_THAN = {
    f"{sign}{bits}": ("Int64", "UInt64", "Float64")
    for sign in ("Int", "UInt")
    for bits in (8, 16, 32, 64)
}
