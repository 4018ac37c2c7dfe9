"""Infer a schema from data and a fitted estimator, without guessing from a few rows.

Nothing is inferred from what a sample lacks: a sample without missing values does not prove that
there are none.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any

from .plain import is_frame, to_plain
from .schema import Column, Outputs, Schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["schema_of_data", "schema_of_estimator"]

_NUMERIC = frozenset(("integer", "number"))
_NUMBERS = frozenset(("integer", "number", "boolean"))
_KIND_OF_CODE = {
    "b": "boolean",
    "i": "integer",
    "u": "integer",
    "f": "number",
    "M": "date",
    "m": "mixed",  # a duration, which is a text in JSON
}
_TWO_DIMENSIONS = 2


def schema_of_data(data: Any) -> Schema:
    """Infer the schema of the columns from rows.

    Parameters
    ----------
    data : DataFrame, Series, array of shape (n, ...), sparse matrix, or list of n rows or records
        Rows as the model was fitted on, or as in a request.

    Returns
    -------
    Schema
        Its form is ``""`` if the rows do not determine it, such as an empty list.

    Raises
    ------
    SchemaError
        If two columns have the same name.
    """
    if is_frame(data):
        return _of_frame(data)
    if hasattr(data, "iloc"):
        return _of_series(data)
    if hasattr(data, "toarray"):
        return Schema("array", width=int(data.shape[1]))
    if hasattr(data, "dtype") and hasattr(data, "shape"):
        return _of_array(data)
    if isinstance(data, (list, tuple)) and data:
        return _of_texts(data) if _are_texts(data) else _of_rows(data)
    return Schema()


def schema_of_estimator(estimator: Any) -> Schema:
    """Return the schema in the attributes of a fitted estimator like scikit-learn's.

    Parameters
    ----------
    estimator : object
        With any of ``feature_names_in_``, ``n_features_in_``, ``classes_``, ``predict_proba``.
    """
    names = _asked(estimator, "feature_names_in_")
    width = _asked(estimator, "n_features_in_")
    columns = () if names is None else tuple(Column(str(name)) for name in names)
    return Schema(
        "table" if columns else "",
        columns,
        None if width is None else int(width),
        Outputs(
            task=_task(estimator),
            labels=_labels(_asked(estimator, "classes_")),
            probabilities=_asked(estimator, "predict_proba") is not None,
        ),
    )


def _asked(estimator: Any, name: str) -> Any:
    try:
        return getattr(estimator, name, None)
    except Exception:  # noqa: BLE001 - properties of other people's classes raise anything
        return None


def _task(estimator: Any) -> str:
    try:
        from sklearn.base import is_classifier, is_regressor

        if is_classifier(estimator):
            return "classification"
        return "regression" if is_regressor(estimator) else ""
    except Exception:  # noqa: BLE001 - as above; or there is no scikit-learn
        return ""


def _labels(classes: Any) -> tuple[tuple[Any, ...], ...]:
    """Return the labels of each output; several outputs have a list of arrays."""
    if classes is None:
        return ()
    outputs = classes if isinstance(classes, list) else [classes]
    try:
        return tuple(tuple(to_plain(each)) for each in outputs)
    except TypeError:
        return ()


def _of_frame(frame: Any) -> Schema:
    columns = tuple(
        _column(str(name), str(series.dtype), series.tolist(), series=series)
        for name, series in ((name, frame.iloc[:, at]) for at, name in enumerate(frame.columns))
    )
    if all(isinstance(name, str) for name in frame.columns):
        return Schema("table", columns)
    return _nameless(columns)


def _of_series(series: Any) -> Schema:
    name = series.name if isinstance(series.name, str) else ""
    column = _column(name, str(series.dtype), series.tolist(), series=series)
    if column.kind in _NUMBERS:
        return Schema("array")
    return Schema("values", (column,))


def _are_texts(rows: Sequence[Any]) -> bool:
    return all(isinstance(row, str) for row in rows)


def _of_texts(texts: Sequence[str]) -> Schema:
    return Schema("values", (_column("", "", list(texts)),))


def _of_array(array: Any) -> Schema:
    if array.ndim == 1 and _are_texts(array.tolist()):
        return _of_texts(array.tolist())
    if array.ndim != _TWO_DIMENSIONS:
        return Schema("array")
    if array.dtype.kind not in "OSU":
        return Schema("array", width=int(array.shape[1]))
    columns = (array[:, at].tolist() for at in range(array.shape[1]))
    return _nameless(tuple(_column("", "object", values) for values in columns))


def _of_rows(rows: Sequence[Any]) -> Schema:
    if all(isinstance(row, dict) for row in rows):
        names = list(dict.fromkeys(name for row in rows for name in row))
        values = ([row.get(name) for row in rows] for name in names)
        return Schema("table", tuple(_column(str(n), "", v) for n, v in zip(names, values)))
    widths = {len(row) if isinstance(row, (list, tuple)) else None for row in rows}
    if len(widths) != 1 or None in widths:
        return Schema()
    if any(isinstance(cell, (list, tuple)) for row in rows for cell in row):
        return Schema("array")
    return _nameless(tuple(_column("", "", list(values)) for values in zip(*rows)))


def _nameless(columns: tuple[Column, ...]) -> Schema:
    """Return rows of numbers, or of mixed values; one column may be missing everywhere."""
    if all(column.kind in _NUMBERS for column in columns):
        return Schema("array", width=len(columns))
    unnamed = tuple(
        Column(kind=each.kind, missing=each.missing, missing_as=each.missing_as) for each in columns
    )
    return Schema("objects", unnamed)


def _column(name: str, dtype: str, values: list[Any], *, series: Any = None) -> Column:
    present = [value for value in values if _plain_or_itself(value) is not None]
    is_category = dtype == "category"
    categories = to_plain(series.cat.categories.tolist()) if is_category else ()
    kind = _kind_of_categories(series) if is_category else _kind(present, series=series)
    numbers = [v for v in map(float, present) if math.isfinite(v)] if kind in _NUMERIC else []
    return Column(
        name=name,
        kind=kind,
        dtype=dtype,
        categories=tuple(categories),
        ordered=bool(is_category and series.cat.ordered),
        missing=True if len(present) < len(values) else None,
        missing_as="none" if dtype == "object" and any(v is None for v in values) else "nan",
        low=min(numbers, default=None),
        high=max(numbers, default=None),
        example=_example(present),
    )


def _kind_of_categories(series: Any) -> str:
    """Return the kind of the values of a categorical series.

    It is not ``"category"``: a sample does not show that the model itself takes categories, and an
    encoder decides how to treat unknown values.
    """
    categories = series.cat.categories
    return _kind(categories.tolist(), series=categories)


def _plain_or_itself(value: Any) -> Any:
    """Return a value's JSON form, or the value if it has none."""
    try:
        return to_plain(value)
    except TypeError:
        return value


def _example(present: Iterable[Any]) -> Any:
    first = _plain_or_itself(next(iter(present), None))
    if isinstance(first, float) and not math.isfinite(first):
        return None
    return first if isinstance(first, (str, int, float, bool)) else None


def _kind(present: Sequence[Any], *, series: Any) -> str:
    code = getattr(getattr(series, "dtype", None), "kind", "O")
    if code in _KIND_OF_CODE and present:
        return _KIND_OF_CODE[code]
    kinds = {_kind_of(value) for value in present}
    if kinds == {"integer", "number"}:
        return "number"
    return kinds.pop() if len(kinds) == 1 else "mixed" if kinds else ""


def _kind_of(value: Any) -> str:
    if isinstance(value, bool) or type(value).__name__ in {"bool_", "bool"}:
        return "boolean"
    for type_, kind in ((str, "text"), (int, "integer"), (float, "number")):
        if isinstance(value, type_):
            return kind
    if isinstance(value, (dt.date, dt.datetime)):
        return "date"
    plain = _plain_or_itself(value)
    return _kind_of(plain) if type(plain) in {int, float} else "mixed"
