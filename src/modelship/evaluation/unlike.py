"""Explain why predict() rejects rows, naming the column and the value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import PredictionError
from modelship.evaluation.files.splitting import with_dates
from modelship.tables.checking import Check
from modelship.tables.plain import is_frame
from modelship.tables.refused import Refused

if TYPE_CHECKING:
    from modelship.tables.schema import Schema

__all__ = ["explained"]

_NO_NUMBER: Final = re.compile(r"could not convert string to float: (['\"])(.*)\1", re.DOTALL)
_NO_DATES: Final = ".dt accessor"
_NO_CATEGORIES: Final = re.compile(
    r"categorical_feature do not match"
    r"|DataFrame\.dtypes for data must be int, float, bool or category"
)
_UNKNOWN: Final = "Found unknown categories"
_SHOWN: Final = 60


def explained(error: PredictionError, X: Any, schema: Schema) -> PredictionError:
    """Return an error that names the first value that the model does not accept, if any.

    Parameters
    ----------
    error : PredictionError
        What is known without the rows; its cause is the exception of predict().
    X : data frame, array or list
        The rows.
    schema : Schema
        What is known of the model.
    """
    if error.__cause__ is None or not is_frame(X):
        return error
    said = str(error.__cause__)
    if _NO_CATEGORIES.search(said):
        return _without_categories(error, X)
    told = _no_number(X, said) or _no_date(X, schema, said) or _other_kind(X, schema, said)
    if not told:
        return error
    return PredictionError(f"{told} ({error.problem})", error.advice, error.summary)


def _without_categories(error: PredictionError, X: Any) -> PredictionError:
    """Name the columns that may be categories, which only some files declare."""
    texts = [repr(name) for name in X.columns if X[name].dtype.kind == "O"]
    which = f"; these may be: {', '.join(texts)}" if texts else ""
    return PredictionError(
        f"the model takes categories, and the rows do not tell which columns are some{which} "
        f"({error.problem})",
        "CSV and JSON do not hold it. Give a Parquet file, or a DataFrame, in which "
        "these columns have the categories that the model was fitted on.",
        error.summary,
    )


def _no_number(X: Any, said: str) -> str:
    found = _NO_NUMBER.search(said)
    for name in X.columns if found else ():
        for row, value in enumerate(X[name].tolist()):
            if found and isinstance(value, str) and value == found[2]:
                found_here = f"column {name!r} holds {value[:_SHOWN]!r} in row {row}"
                return f"{found_here}, and the model takes a number"
    return ""


def _no_date(X: Any, schema: Schema, said: str) -> str:
    """Name a column with texts for which the model takes dates, or which may be that column."""
    dates = [column.name for column in schema.columns if column.kind == "date"]
    if _NO_DATES in said and (made := with_dates(X, schema)) is not None:
        dates += [name for name in X.columns if made[name].dtype != X[name].dtype]
    for name in dates:
        values = X[name].tolist() if name in X.columns else []
        for row, value in enumerate(values):
            if isinstance(value, str):
                return f"column {name!r} holds the text {value[:_SHOWN]!r} in row {row}, not a date"
    return ""


def _other_kind(X: Any, schema: Schema, said: str) -> str:
    for at, column in enumerate(schema.columns):
        if column.name in X.columns and column.kind != "date":
            series = X[column.name]
            values = series.astype(object).where(series.notna(), None).tolist()
            if problem := _unlike(values, Check(column, at), said):
                return problem
    return ""


def _unlike(values: list[Any], check: Check, said: str) -> str:
    """Name a value of another type than the column's, or one that an encoder rejected."""
    try:
        check.require(values)
    except Refused as refused:
        return str(refused).rstrip(".")
    if _UNKNOWN not in said:
        return ""
    return check.unknown_in([v if repr(v) in said else None for v in values]).rstrip(".")
