"""Single rows of a test set as a table: those that a model got wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelship.evaluation.pictures import shortened
from modelship.tables.plain import is_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.evaluation.report import Report

__all__ = ["Rows", "wrong_rows"]

_MOST_ROWS: Final = 20
_MOST_COLUMNS: Final = 12
_MOST_CHARACTERS: Final = 40
_GAP: Final = "\u2013"
_MISSING: Final = frozenset(("NAType", "NaTType"))  # of pandas, without importing it


@dataclass(frozen=True)
class Rows:
    """Some rows, as texts.

    Attributes
    ----------
    title : str
        Which rows they are.
    columns : tuple[str, ...]
        The names of the columns, as many as are shown.
    rows : tuple[tuple[int, tuple[str, ...], tuple[str, ...]], ...]
        The place of each row, counted from 0; what is true and what was predicted, or both in
        one text if there are several outputs; and its values.
    hidden : int
        How many columns more there are.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...], tuple[str, ...]], ...]
    hidden: int


def wrong_rows(report: Report) -> Rows | None:
    """Return the first misclassified rows, or those with the largest errors; None if none."""
    places, title = _places(report)
    values = _values(report.X, places)
    if not places or values is None:
        return None
    names, cells = values
    rows = tuple(
        (place, _judged(report, place), tuple(map(_shown, row[:_MOST_COLUMNS])))
        for place, row in zip(places, cells, strict=True)
    )
    shown = tuple(shortened(name, characters=_MOST_CHARACTERS) for name in names[:_MOST_COLUMNS])
    return Rows(title, shown, rows, max(0, len(names) - _MOST_COLUMNS))


def _places(report: Report) -> tuple[list[int], str]:
    import numpy as np

    if report.task == "classification":
        wrong = report.misclassified
        of = f"{len(wrong):,} misclassified row" + ("s" if len(wrong) != 1 else "")
        first = f"The first {_MOST_ROWS} of {of}" if len(wrong) > _MOST_ROWS else of
        return wrong[:_MOST_ROWS].tolist(), first
    errors = np.abs(report.y_true.astype(float) - report.y_pred.astype(float))
    if report.outputs:  # each in a unit of its own
        errors = (errors / np.where(errors.max(axis=0) == 0, 1, errors.max(axis=0))).max(axis=1)
    order = np.argsort(-errors, kind="stable")[: _MOST_ROWS // 2]
    return [place for place in order.tolist() if errors[place]], "Rows with the largest errors"


def _judged(report: Report, place: int) -> tuple[str, ...]:
    if not report.outputs:
        return _shown(report.y_true[place]), _shown(report.y_pred[place])
    pairs = (
        (name, each.y_true[place], each.y_pred[place]) for name, each in report.outputs.items()
    )
    wrong = [f"{name}: {_shown(y)} → {_shown(said)}" for name, y, said in pairs if y != said]
    return (", ".join(wrong[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""),)  # noqa: PLR2004 - what fits


def _values(X: Any, places: Sequence[int]) -> tuple[list[str], list[Any]] | None:
    """Return the names of the columns and the rows; None of what is no table."""
    if is_frame(X):
        rows = X.iloc[list(places)]
        columns = [rows.iloc[:, place].tolist() for place in range(rows.shape[1])]
        return list(map(str, X.columns)), list(zip(*columns, strict=True))
    if hasattr(X, "iloc"):  # a column of values
        return [str(X.name)], [(value,) for value in X.iloc[list(places)].tolist()]
    if len(getattr(X, "shape", ())) != 2:  # noqa: PLR2004 - rows and columns
        return None
    rows = X[list(places)]
    rows = rows.toarray() if hasattr(rows, "toarray") else rows
    return [str(place) for place in range(X.shape[1])], rows.tolist()


def _shown(value: Any) -> str:
    if value is None or type(value).__name__ in _MISSING:
        return _GAP
    if isinstance(value, float):
        return _GAP if math.isnan(value) else f"{value:.4g}"
    text = value.isoformat(sep=" ") if hasattr(value, "isoformat") else str(value)
    return shortened(text.removesuffix(" 00:00:00"), characters=_MOST_CHARACTERS)
