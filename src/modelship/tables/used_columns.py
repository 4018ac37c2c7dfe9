"""Determine which columns of a table an estimator uses: a ColumnTransformer may drop some."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .checking import Check

__all__ = ["used_of"]


def used_of(predict: Any, data: Any, checks: Sequence[Check]) -> tuple[Any, Sequence[Check]]:
    """Return the columns of a DataFrame that an estimator uses, and their checks.

    Parameters
    ----------
    predict : callable
        A method of the estimator; for anything else, all columns are returned.
    data : DataFrame, or other rows
        The input passed to it; rows other than a DataFrame are returned unchanged.
    checks : sequence of Check
        The check of each column.
    """
    if not hasattr(data, "columns") or len(checks) != data.shape[1]:
        return data, checks
    names = _names_used(getattr(predict, "__self__", None), list(data.columns))
    places = [at for at, name in enumerate(data.columns) if name in names]
    if not places:
        return data, checks
    return data.iloc[:, places], [checks[at] for at in places]


def _names_used(estimator: Any, names: list[Any]) -> set[Any]:
    """Return the columns that the first step of an estimator uses; all, if not known."""
    first = _first_step(estimator)
    parts = getattr(first, "transformers_", None)
    if type(first).__name__ != "ColumnTransformer" or parts is None:
        return set(names)
    used: set[Any] = set()
    for _, transformer, columns in parts:
        found = [] if _is_drop(transformer) else _names_of(columns, names)
        if found is None:
            return set(names)
        used.update(found)
    return used


def _first_step(estimator: Any) -> Any:
    searched = getattr(estimator, "best_estimator_", estimator)
    steps = getattr(searched, "steps", None)
    return _first_step(steps[0][1]) if isinstance(steps, list) and steps else searched


def _is_drop(transformer: Any) -> bool:
    return isinstance(transformer, str) and transformer == "drop"


def _names_of(columns: Any, names: list[Any]) -> list[Any] | None:
    """Return the columns that a transformer uses; None if their form is not known."""
    import numpy as np

    if isinstance(columns, str):
        return [columns]
    if isinstance(columns, slice) and not isinstance(columns.start or columns.stop, str):
        return names[columns]
    listed = [columns] if isinstance(columns, (int, np.integer)) else columns
    try:
        if all(isinstance(each, str) for each in listed):
            return list(listed)
        return list(np.array(names, dtype=object)[np.asarray(listed)])
    except (TypeError, IndexError, ValueError):
        return None
