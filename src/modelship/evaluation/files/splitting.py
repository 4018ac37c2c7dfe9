"""Split a table into X and y, and determine the type of each column."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import InvalidTestSetError
from modelship.evaluation.examples import no_such_column
from modelship.evaluation.matching import is_index, known_names, require_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.tables.schema import Column, Schema

__all__ = [
    "are_texts",
    "as_fitted",
    "has_index",
    "known_columns",
    "label_columns",
    "labels_are_texts",
    "split",
    "takes_texts",
    "text_columns",
    "with_dates",
]

_TEXT_DTYPES: Final = ("object", "str", "string")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d|$)")
_WRITE_ISO: Final = "Write the dates in ISO 8601, as to_json(date_format='iso') does."


def label_columns(
    columns: Sequence[str], *, asked: Sequence[str], schema: Schema, file: object
) -> list[str]:
    """Return the columns that hold y.

    They are those that were requested; or the model's outputs, if the file has columns with their
    names; or the one column that the model was not fitted on; or the last.

    Raises
    ------
    InvalidTestSetError
        If there is no such column, or no column is left.
    """
    for name in asked:
        if name not in columns:
            raise no_such_column(name, list(columns), of=str(file))
    if len(columns) < 2:  # noqa: PLR2004 - one column for X, one for y
        raise InvalidTestSetError(problem=f"{file} needs a header with two columns or more")
    if asked:
        return list(asked)
    outputs = schema.outputs.names
    if len(outputs) > 1 and set(outputs) <= set(columns):
        return list(outputs)
    names = known_names(schema)
    unknown = [name for name in columns if name not in names and not is_index(name)]
    if names and not unknown and set(names) <= set(columns):
        raise InvalidTestSetError(
            problem=f"all columns of {file} are columns that the model was fitted on, "
            "and none is left for y"
        )
    return unknown if names and len(unknown) == 1 else [columns[-1]]


def text_columns(schema: Schema, columns: Sequence[str]) -> list[str]:
    """Return the columns that hold texts, as the model was fitted on them.

    A model of one text a row accepts any column.
    """
    if takes_texts(schema):
        return list(columns)
    known = known_columns(schema, columns)
    return [name for name in columns if name in known and are_texts(known[name])]


def known_columns(schema: Schema, features: Sequence[str]) -> dict[str, Column]:
    """Return what is known of a file's columns: by name, or by position without names."""
    if known_names(schema):
        return {column.name: column for column in schema.columns}
    found = list(features[1:] if has_index(features, schema) else features)
    return dict(zip(found, schema.columns)) if len(found) == len(schema.columns) else {}  # noqa: B905


def takes_texts(schema: Schema) -> bool:
    """Return whether a row is a single text that is never missing, as for vectorizers."""
    return schema.form == "values" and bool(schema.columns) and are_texts(schema.columns[0])


def are_texts(column: Column) -> bool:
    """Return whether a column is known to hold texts, whatever its values look like."""
    if column.categories:
        return all(isinstance(value, str) for value in column.categories)
    if column.dtype.split("[")[0] in _TEXT_DTYPES:
        return column.kind in ("text", "")
    return column.kind == "text"


def labels_are_texts(schema: Schema, output: int) -> bool:
    """Return whether the classes of an output are texts."""
    labels = schema.outputs.labels
    if len(labels) <= output:
        return False
    return bool(labels[output]) and all(isinstance(label, str) for label in labels[output])


def split(frame: Any, labels: Sequence[str], schema: Schema) -> tuple[Any, Any]:
    """Return X and y of a data frame: its columns as the model was fitted on them, and labels."""
    X = frame.drop(columns=list(labels))
    if has_index(list(X.columns), schema):
        X = X.iloc[:, 1:]
    return as_fitted(X, schema), frame[labels[0]] if len(labels) == 1 else frame[list(labels)]


def has_index(features: Sequence[str], schema: Schema) -> bool:
    """Return whether the first column is an index that the model does not know."""
    if not features or not is_index(features[0]):
        return False
    names = known_names(schema)
    return features[0] not in names if names else schema.width != len(features)


def as_fitted(frame: Any, schema: Schema) -> Any:
    """Return a data frame with the dtypes that the model was fitted on, where they are known.

    Raises
    ------
    InvalidTestSetError
        If the values of a column cannot be converted to its dtype.
    """
    known = known_columns(schema, list(frame.columns))
    frame = frame.copy()
    for name in frame.columns:
        if name in known:
            frame[name] = _cast(frame[name], known[name])
    return frame


def with_dates(frame: Any, schema: Schema) -> Any:
    """Return a data frame with texts that are dates converted; None if there are none.

    Columns whose type the model declares are unchanged.
    """
    import pandas as pd

    told = {column.name for column in schema.columns if column.kind or column.dtype}
    made = {}
    for name in frame.columns:
        values = [] if name in told else frame[name].dropna().tolist()
        if values and all(isinstance(v, str) and _DATE.match(v) for v in values):
            with suppress(ValueError):
                made[name] = pd.to_datetime(frame[name], format="ISO8601")
    return frame.assign(**made) if made else None


def _cast(series: Any, column: Column) -> Any:
    try:
        if column.kind == "date":
            return _as_dates(series, column)
        if "category" in (column.dtype, column.kind):
            return _as_categories(series, column)
        if column.dtype.startswith("float") and series.dtype.kind in "iu":
            return series.astype(column.dtype)
        if column.kind in ("integer", "number"):
            require_numbers(series)
        if are_texts(column):
            return _as_texts(series, column)
    except (ValueError, TypeError) as error:
        raise InvalidTestSetError(
            problem=f"column {column.name!r} is not of the kind {column.kind or column.dtype}: "
            f"{str(error).strip().rstrip('.')}"
        ) from error
    return series


def _as_dates(series: Any, column: Column) -> Any:
    import pandas as pd

    if series.dtype.kind == "M":
        dates = series
    elif series.dtype.kind in "iuf":
        dates = _counted_dates(series)
    else:
        dates = pd.to_datetime(series, format="ISO8601")
    return dates.astype(column.dtype) if column.dtype.startswith("datetime64[") else dates


def _counted_dates(series: Any) -> Any:
    """Return the dates for numbers of milliseconds since 1970, as pandas writes JSON."""
    import pandas as pd

    try:
        return pd.to_datetime(series, unit="ms")
    except (ValueError, OverflowError) as error:
        raise InvalidTestSetError(
            problem=f"column {series.name!r} holds dates as numbers, which are not milliseconds "
            f"since 1970: {error}",
            advice=_WRITE_ISO,
        ) from error


def _as_categories(series: Any, column: Column) -> Any:
    import pandas as pd

    if not column.categories:
        return series.astype("category")
    kind = pd.CategoricalDtype(list(column.categories), ordered=column.ordered)
    return series.astype(kind)


def _as_texts(series: Any, column: Column) -> Any:
    if column.dtype == "object" or (column.missing_as == "none" and series.isna().any()):
        series = series.astype(object)
    if column.missing_as == "none":
        series = series.where(series.notna(), None)
    return series
