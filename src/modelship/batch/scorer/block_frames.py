"""Convert the columns of a block to a pandas.DataFrame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .block_values import Coded, Times

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["frame_of"]


def frame_of(columns: dict[str, Any], kinds: Sequence[str], *, rows: int) -> Any:
    """Return a DataFrame with these columns, as pandas reads such rows from a file.

    Integers with missing values are floats. Dates are objects of the class datetime.date.

    Parameters
    ----------
    columns : dict[str, ndarray or list or Coded or Times]
        The values of each column.
    kinds : sequence of str
        The kind of each, as in the layout of a block.
    rows : int
        The number of rows.
    """
    import pandas as pd

    pairs = zip(kinds, columns.values(), strict=True)
    made = {at: _series(*each) for at, each in enumerate(pairs)}
    frame = pd.DataFrame(made, index=pd.RangeIndex(rows), copy=False)
    frame.columns = pd.Index([*columns], dtype=None if columns else object)
    return frame


def _series(kind: str, values: Any) -> Any:
    import pandas as pd

    if isinstance(values, Coded):
        return _texts(values)
    if isinstance(values, Times):
        return _times(values)
    if kind == "text":
        return pd.Series(values, dtype=_dtype_of_texts())
    if isinstance(values, list):
        return pd.Series(values, dtype="float64" if kind == "number" else object)
    if values.ndim > 1:
        return list(values)
    # The memory is shared and read-only, and a script may change its frame.
    return values if values.flags.writeable else values.copy()


def _dtype_of_texts() -> Any:
    import pandas as pd

    return pd.Series(["a"]).dtype  # objects before pandas 3


def _texts(coded: Coded) -> Any:
    import numpy as np
    import pandas as pd

    if coded.is_category:
        return pd.Categorical.from_codes(coded.codes, categories=pd.Index([*coded.texts]))
    texts = np.array([*coded.texts, None], dtype=object)
    return pd.Series(texts[coded.codes], dtype=_dtype_of_texts())


def _times(times: Times) -> Any:
    import numpy as np
    import pandas as pd

    if times.array.dtype == "<M8[D]":
        return pd.Series(times.array.tolist(), dtype=object)
    series = pd.Series(np.array(times.array))
    return series if times.zone is None else series.dt.tz_localize("UTC").dt.tz_convert(times.zone)
