"""Write a report as one self-contained HTML page, with its misclassified rows as a table."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from functools import partial
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import MissingExtraError, PictureError
from modelship.evaluation.extras import needs_extra
from modelship.evaluation.formatting import (
    column_text,
    headline_of,
    is_number,
    label_text,
    number_text,
    shortened,
)
from modelship.evaluation.pictures import as_png, draw_confusion_matrix, draw_scatter
from modelship.evaluation.samples import draw_predictions, infer_image_shape
from modelship.shown import card, counted, facts
from modelship.tables.plain import is_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from modelship.evaluation.report import Report

__all__ = ["Column", "Rows", "filled", "render", "render_compact", "wrong_rows"]

_MOST_CONFUSED: Final = 10
_MAX_TABLE: Final = 50
_MAX_FITTING: Final = 20  # labels whose matrix is readable at the width of the page
_MAX_OUTPUTS: Final = 20
_MIN_SIDE: Final = 8  # below, a square number of features is unlikely to be an image
_MOST_ROWS: Final = 20
_MOST_COLUMNS: Final = 12
_MOST_CHARACTERS: Final = 40
_MOST_OUTPUTS: Final = 3  # that are shown of one row


def render(report: Report) -> str:
    """Return the complete page; see ``Report.to_html``."""
    with needs_extra("report", purpose="The HTML report"):  # before pictures are drawn for it
        import jinja2  # noqa: F401
    return filled(
        "modelship.evaluation",
        "report.html.j2",
        report=report,
        headline=headline_of(report),
        classes=report.task == "classification",
        parts=_parts(report),
        rows=None if _shows_images(report.X) else wrong_rows(report),
        measured=_each_output(report),
        hidden=max(0, len(report.outputs) - _MAX_OUTPUTS),
    )


def filled(package: str, template: str, **values: Any) -> str:
    """Return a template of a package as a page, in the style of all pages; its texts are escaped.

    Raises
    ------
    MissingExtraError
        Without jinja2.
    """
    with needs_extra("report", purpose="The HTML report"):
        from jinja2 import Environment, StrictUndefined
        from markupsafe import Markup

    style = resources.files("modelship.evaluation").joinpath("page.css").read_text("utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(number=number_text, label=label_text)
    text = resources.files(package).joinpath(template).read_text("utf-8")
    return environment.from_string(text).render(style=Markup(style), **values)  # noqa: S704 - ours


def render_compact(report: Report) -> str:
    """Return the metrics as a small table, for a notebook."""
    return card(
        headline_of(report),
        facts({name: number_text(value) for name, value in report.metrics.items()}),
    )


def _parts(report: Report) -> list[dict[str, Any]]:
    """Return the parts of the page for the only output, or for each."""
    outputs = [*report.outputs.items()][:_MAX_OUTPUTS] or [("", report)]
    return [
        {
            "name": name,
            "report": each,
            "pictures": _pictures(each),
            "is_large": len(each.labels) > _MAX_FITTING,
            "confusions": _confusions(each),
            "labels": each.labels.tolist(),
            "matrix": _matrix(each),
        }
        for name, each in outputs
    ]


def _matrix(report: Report) -> list[list[int]]:
    counts: list[list[int]] = []
    if 0 < len(report.labels) <= _MAX_TABLE:
        counts = report.confusion_matrix.tolist()
    return counts


def _each_output(report: Report) -> list[tuple[str, list[str]]]:
    """Return each metric of the outputs, in their order; quantities have their own units."""
    each = [*report.outputs.values()]
    names = dict.fromkeys(name for one in each for name in one.metrics)
    columns = [(name, [one.metrics.get(name, math.nan) for one in each]) for name in names]
    if report.task == "regression":
        return [(name, [*map(number_text, column)]) for name, column in columns]
    return [(name, column_text(column, characters=_MAX_TABLE)) for name, column in columns]


def _pictures(report: Report) -> list[dict[str, str]]:
    """Return the pictures available for this report; none without matplotlib."""
    if report.task == "regression":
        wanted: list[tuple[str, Callable[[], Figure]]] = [
            ("Predicted against true values", lambda: draw_scatter(report))
        ]
    else:
        wanted = [("Misclassified samples by class", lambda: draw_confusion_matrix(report))]
        if _shows_images(report.X):
            samples = partial(draw_predictions, report, n=30, seed=0, image_shape=None)
            wanted.append(("Sample predictions", samples))
    try:
        return [{"title": title, "data": _as_data(draw())} for title, draw in wanted]
    except MissingExtraError:
        return []


def _shows_images(X: Any) -> bool:
    try:
        shape = infer_image_shape(X)
    except PictureError:
        return False
    return shape is not None and min(shape) >= _MIN_SIDE


def _as_data(figure: Figure) -> str:
    return base64.b64encode(as_png(figure)).decode()


def _confusions(report: Report) -> list[dict[str, Any]]:
    """Return the most frequent mistakes, the most frequent first."""
    if report.task == "regression":
        return []
    labels = report.labels.tolist()
    found = [
        {"count": count, "true": labels[row], "said": labels[column]}
        for row, counts in enumerate(report.confusion_matrix.tolist())
        for column, count in enumerate(counts)
        if count and row != column
    ]
    return sorted(found, key=lambda one: -one["count"])[:_MOST_CONFUSED]


# --- rows -----------------------------------------------------------------------------


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
