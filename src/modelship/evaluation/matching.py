"""Select and order the columns of rows as the model expects them."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import InvalidTestSetError, nearest
from modelship.shown import listed
from modelship.tables import SchemaError, schema_of_data
from modelship.tables.plain import is_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.tables.schema import Schema

__all__ = [
    "NOT_FITTED",
    "ONE_VALUE",
    "has_names",
    "is_index",
    "is_numeric",
    "known_names",
    "matched",
    "order_of",
    "require_numbers",
    "schema_with_groups",
]

_INDEX: Final = re.compile(r"Unnamed: \d+|")
"""The names of an index column: in a CSV file, and in pandas."""

NOT_FITTED: Final = "that the model was not fitted on"
ONE_VALUE: Final = "the model takes one value a row"
"""The end of an error about unknown columns."""

_SHOWN: Final = 8


def matched(X: Any, schema: Schema) -> Any:
    """Return the rows with the columns that a model takes, in its order.

    Columns are matched by name. Rows without names are matched by position: they get the model's
    names if it has any. A data frame for a model that was fitted on an array becomes an array.

    Parameters
    ----------
    X : array, data frame, sparse matrix or list
        The rows.
    schema : Schema
        What is known of the model.

    Raises
    ------
    InvalidTestSetError
        If a column is missing or unknown.
    """
    if schema.form == "values" and is_frame(X):
        return _one_column(X)
    names = known_names(schema)
    if not names:
        return _as_array(X, schema) if is_frame(X) else X
    if is_frame(X) and has_names(X):
        return X.iloc[:, order_of([str(name) for name in X.columns], names)]
    return _with_names(X, names)


def known_names(schema: Schema) -> tuple[str, ...]:
    """Return the names of the columns that a model was fitted on; empty if unknown."""
    names = schema.names
    generated = all(name == f"Column_{place}" for place, name in enumerate(names))  # by LightGBM
    return names if all(names) and not generated else ()


def schema_with_groups(schema: Schema, X: Any) -> Schema:
    """Infer from rows which columns a booster's categories belong to, if its file lacks it."""
    try:
        completed = schema.completed_by(schema_of_data(X))
    except SchemaError:  # of other columns, which raise where they are matched
        return schema
    return schema if completed.groups else completed


def order_of(found: Sequence[str], names: Sequence[str]) -> list[int]:
    """Return the position of each of the model's columns among those that were found.

    The index column is skipped, unless the model knows it.

    Raises
    ------
    InvalidTestSetError
        If a column is missing, unknown or duplicated; with the nearest name.
    """
    lacking = [name for name in names if name not in found]
    unknown = [name for name in found if name not in names and not is_index(name)]
    clauses = []
    if lacking:
        clauses.append(f"lacks {_listed(lacking, nearest_of=unknown)}")
    if unknown:
        clauses.append(f"has {_listed(unknown)} {NOT_FITTED}")
    if clauses:
        raise InvalidTestSetError(
            problem=f"X {' and '.join(clauses)}",
            advice=f"The model takes: {listed(names, _SHOWN)}.",
        )
    if twice := [name for name, count in Counter(found).items() if count > 1 and name in names]:
        raise InvalidTestSetError(problem=f"X has the column {twice[0]!r} twice")
    return [found.index(name) for name in names]


def is_index(name: str) -> bool:
    """Return whether a column has the name that the index of a data frame has in a CSV file."""
    return bool(_INDEX.fullmatch(name))


def has_names(frame: Any) -> bool:
    """Return whether the column names of a data frame are texts."""
    return all(isinstance(name, str) for name in frame.columns)


def is_numeric(frame: Any) -> bool:
    """Return whether all columns are NumPy numbers or booleans."""
    return all(getattr(dtype, "kind", "O") in "biuf" for dtype in frame.dtypes)


def _as_array(frame: Any, schema: Schema) -> Any:
    """Return a data frame as an array, if the model was fitted on one."""
    if schema.width is None and schema.form not in ("array", "objects"):
        return frame
    frame = _without_index(frame, width=schema.width)
    if is_numeric(frame):
        return frame.to_numpy()
    if schema.form == "objects":
        return frame.to_numpy(dtype=object)
    if schema.form == "array":
        for name in frame.columns:
            require_numbers(frame[name])
        return frame.to_numpy(dtype="float64", na_value=float("nan"))
    return frame


def require_numbers(series: Any) -> None:
    """Raise if a column of a data frame holds a text that is not a number.

    Raises
    ------
    InvalidTestSetError
        With the column, the row and the text.
    """
    if getattr(series.dtype, "kind", "O") not in "OUST":
        return
    for row, value in enumerate(series.tolist()):
        if isinstance(value, str) and not _is_number(value):
            raise InvalidTestSetError(
                problem=f"column {series.name!r} holds {value[:40]!r} in row {row}, and the "
                "model takes numbers",
                advice="Leave a cell empty where a number is missing.",
            )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _one_column(frame: Any) -> Any:
    """Return the only column of a data frame, for a model that takes one value a row."""
    found = frame.iloc[:, 1:] if is_index(str(frame.columns[0])) else frame
    if found.shape[1] != 1:
        raise InvalidTestSetError(
            problem=f"X has {_listed([str(name) for name in found.columns])}, and {ONE_VALUE}",
            advice="Leave out the columns that it does not take.",
        )
    return found.iloc[:, 0]


def _without_index(frame: Any, *, width: int | None) -> Any:
    columns = frame.shape[1]
    if width == columns - 1 and is_index(str(frame.columns[0])):
        return frame.iloc[:, 1:]
    return frame


def _with_names(X: Any, names: Sequence[str]) -> Any:
    """Return unnamed rows as a data frame with the model's column names, if they fit."""
    try:
        import pandas as pd
    except ImportError:
        return X
    if isinstance(X, list) and X and all(isinstance(row, dict) for row in X):
        frame = pd.DataFrame(X)
        return frame.iloc[:, order_of([str(name) for name in frame.columns], names)]
    if hasattr(X, "toarray") or _width_of(X) != len(names):
        return X
    if is_frame(X):
        return X.set_axis(list(names), axis=1)
    return pd.DataFrame(X, columns=list(names)).infer_objects()


def _width_of(X: Any) -> int | None:
    """Return the number of values in each row, if these are rows."""
    if hasattr(X, "shape"):
        return int(X.shape[1]) if len(X.shape) == 2 else None  # noqa: PLR2004 - rows and columns
    widths = {len(row) if isinstance(row, list | tuple) else None for row in X}
    return widths.pop() if len(widths) == 1 else None


def _listed(names: Sequence[str], *, nearest_of: Sequence[str] = ()) -> str:
    noun = "the column" if len(names) == 1 else "the columns"
    return f"{noun} {listed([f'{name!r}{nearest(name, nearest_of)}' for name in names], _SHOWN)}"
