"""Show misclassified rows of a test set as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelship.evaluation.formatting import column_text, is_number, label_text, shortened
from modelship.shown import counted
from modelship.tables.plain import is_frame

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from modelship.evaluation.report import Report

__all__ = ["Column", "Rows", "wrong_rows"]

_MOST_ROWS: Final = 20
_MOST_COLUMNS: Final = 12
_MOST_CHARACTERS: Final = 40
_MOST_OUTPUTS: Final = 3  # that are shown of one row


@dataclass(frozen=True)
class Column:
    """One column of a table, as texts.

    Attributes
    ----------
    name : str
        Its header.
    cells : tuple[tuple[str, ...], ...]
        The lines of each cell; most have one.
    kind : {"", "text", "wrong"}
        Its style: numbers, texts, or predictions.
    """

    name: str
    cells: tuple[tuple[str, ...], ...]
    kind: str = ""


@dataclass(frozen=True)
class Rows:
    """Some rows, as texts.

    Attributes
    ----------
    title : str
        A description of the rows.
    places : tuple[int, ...]
        The position of each row, counted from 0.
    columns : tuple[Column, ...]
        The true and the predicted values, followed by the values of the row.
    hidden : int
        The number of columns not shown.
    """

    title: str
    places: tuple[int, ...]
    columns: tuple[Column, ...]
    hidden: int


def wrong_rows(report: Report) -> Rows | None:
    """Return the first misclassified rows, or those with the largest errors; None if none."""
    places, title = _places(report)
    values = _values(report.X, places)
    if not places or values is None:
        return None
    judged = _several(report, places) if report.outputs else _judged(report, places)
    shown = [_column(name, cells) for name, cells in values[:_MOST_COLUMNS]]
    hidden = max(0, len(values) - _MOST_COLUMNS)
    return Rows(title, tuple(places), (*judged, *shown), hidden)


def _places(report: Report) -> tuple[list[int], str]:
    import numpy as np

    if report.task == "classification":
        wrong = report.misclassified
        of = counted(len(wrong), "misclassified row")
        first = f"The first {_MOST_ROWS} of {of}" if len(wrong) > _MOST_ROWS else of
        return wrong[:_MOST_ROWS].tolist(), first
    errors = np.abs(report.y_true.astype(float) - report.y_pred.astype(float))
    if report.outputs:  # each in its own unit
        errors = (errors / np.where(errors.max(axis=0) == 0, 1, errors.max(axis=0))).max(axis=1)
    order = np.argsort(-errors, kind="stable")[: _MOST_ROWS // 2]
    return [place for place in order.tolist() if errors[place]], "Rows with the largest errors"


def _column(name: str, values: Sequence[Any]) -> Column:
    kind = "" if all(is_number(each) for each in values if each is not None) else "text"
    cells = tuple((text,) for text in column_text(values, characters=_MOST_CHARACTERS))
    return Column(shortened(name, characters=_MOST_CHARACTERS), cells, kind)


def _judged(report: Report, places: Sequence[int]) -> tuple[Column, ...]:
    """Return the true and the predicted values, in the same format."""
    true, said = _pairs(report, places)
    kind = "" if report.task == "regression" else "text"
    return (
        Column("true", tuple((text,) for text in true), kind),
        Column("predicted", tuple((text,) for text in said), f"{kind} wrong".strip()),
    )


def _pairs(report: Report, places: Sequence[int]) -> tuple[list[str], list[str]]:
    true, said = report.y_true[places].tolist(), report.y_pred[places].tolist()
    if report.task == "classification":
        texts = [shortened(each, characters=_MOST_CHARACTERS) for each in (*true, *said)]
    else:
        texts = column_text([*true, *said], characters=_MOST_CHARACTERS)
    return texts[: len(true)], texts[len(true) :]


def _several(report: Report, places: Sequence[int]) -> tuple[Column, ...]:
    """Return one column that names the wrong outputs, one per line."""
    texts = {name: _pairs(each, places) for name, each in report.outputs.items()}
    wrong = report.y_true[places] != report.y_pred[places]
    cells = tuple(_lines(texts, place, wrong[place]) for place in range(len(places)))
    return (Column("true → predicted", cells, "text wrong"),)


def _lines(
    texts: Mapping[str, tuple[list[str], list[str]]], place: int, wrong: NDArray[Any]
) -> tuple[str, ...]:
    lines = [
        f"{shortened(name, characters=_MOST_CHARACTERS)}: {true[place]} → {said[place]}"
        for (name, (true, said)), is_wrong in zip(texts.items(), wrong, strict=True)
        if is_wrong
    ]
    more = len(lines) - _MOST_OUTPUTS
    return (*lines[:_MOST_OUTPUTS], *([f"and {more} more"] if more > 0 else []))


def _values(X: Any, places: Sequence[int]) -> list[tuple[str, list[Any]]] | None:
    """Return the names of the columns with the values of the rows; None if X is not a table."""
    if is_frame(X):
        rows = X.iloc[list(places)]
        columns = [rows.iloc[:, place].tolist() for place in range(rows.shape[1])]
        return [*zip(map(label_text, X.columns), columns, strict=True)]
    if hasattr(X, "iloc"):  # a column of values
        return [(str(X.name), X.iloc[list(places)].tolist())]
    if len(getattr(X, "shape", ())) != 2:  # noqa: PLR2004 - rows and columns
        return None
    rows = X[list(places)]
    rows = rows.toarray() if hasattr(rows, "toarray") else rows
    return [(str(place), column) for place, column in enumerate(rows.T.tolist())]
