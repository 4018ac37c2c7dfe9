"""Write a report as one self-contained HTML page."""

from __future__ import annotations

import base64
import math
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import MissingExtraError, PictureError
from modelship.evaluation.extras import needs_extra
from modelship.evaluation.formatting import column_text, label_text, number_text
from modelship.evaluation.pictures import as_png, draw_confusion_matrix, draw_scatter
from modelship.evaluation.report_text import headline_of
from modelship.evaluation.rows import wrong_rows
from modelship.evaluation.samples import draw_predictions, infer_image_shape
from modelship.shown import card, facts

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

    from modelship.evaluation.report import Report

__all__ = ["render", "render_compact"]

_MOST_CONFUSED: Final = 10
_MAX_TABLE: Final = 50
_MAX_FITTING: Final = 20  # labels whose matrix is readable at the width of the page
_MAX_OUTPUTS: Final = 20
_MIN_SIDE: Final = 8  # below, a square number of features is unlikely to be an image


def render(report: Report) -> str:
    """Return the complete page; see ``Report.to_html``."""
    with needs_extra("report", purpose="The HTML report"):
        from jinja2 import Environment, StrictUndefined

    template = resources.files("modelship.evaluation").joinpath("report.html.j2").read_text("utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(number=number_text, label=label_text)
    return environment.from_string(template).render(
        report=report,
        headline=headline_of(report),
        classes=report.task == "classification",
        parts=_parts(report),
        rows=None if _shows_images(report.X) else wrong_rows(report),
        measured=_each_output(report),
        hidden=max(0, len(report.outputs) - _MAX_OUTPUTS),
    )


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
            wanted.append(("Sample predictions", lambda: _samples(report)))
    try:
        return [{"title": title, "data": _as_data(draw())} for title, draw in wanted]
    except MissingExtraError:
        return []


def _samples(report: Report) -> Figure:
    return draw_predictions(report, n=30, seed=0, image_shape=None)


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
