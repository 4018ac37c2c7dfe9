"""Format a report as plain text, and as JSON values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from modelship.evaluation.formatting import number_text
from modelship.shown import counted

if TYPE_CHECKING:
    from modelship.evaluation.report import Report

__all__ = ["document_of", "headline_of", "line_of", "text_of"]

FORMAT: Final = 1


def line_of(report: Report) -> str:
    """Return the headline and the metrics on one line."""
    shown = ", ".join(f"{name}={number_text(value)}" for name, value in report.metrics.items())
    return f"{report.task} of {counted(report.n_samples, 'sample')}: {shown}"


def text_of(report: Report) -> str:
    """Return the headline, followed by a line for each metric."""
    width = max(map(len, report.metrics))
    metrics = (f"  {name:<{width}}  {number_text(value)}" for name, value in report.metrics.items())
    return "\n".join((headline_of(report), *metrics))


def headline_of(report: Report) -> str:
    """Return the subject of the report, such as ``classification of 60 samples, 3 labels``."""
    told = [f"{report.task} of {counted(report.n_samples, 'sample')}"]
    if report.outputs:
        told.append(counted(len(report.outputs), "output"))
    elif report.task == "classification":
        told.append(counted(len(report.labels), "label"))
    if report.task == "classification":
        told.append(f"{len(report.misclassified):,} misclassified")
    return ", ".join(told)


def document_of(report: Report) -> dict[str, Any]:
    """Return the contents of ``Report.to_json``."""
    outputs = [{"name": name, **_measured(each)} for name, each in report.outputs.items()]
    return {
        "modelship_report": FORMAT,
        "task": report.task,
        "n_samples": report.n_samples,
        **_measured(report),
        "outputs": outputs or None,
    }


def _measured(report: Report) -> dict[str, Any]:
    classes = report.task == "classification"
    alone = classes and not report.outputs
    return {
        "metrics": {name: None if math.isnan(v) else v for name, v in report.metrics.items()},
        "labels": report.labels.tolist() if alone else None,
        "confusion_matrix": report.confusion_matrix.tolist() if alone else None,
        "per_class": [vars(row) for row in report.per_class] if alone else None,
        "misclassified": len(report.misclassified) if classes else None,
    }
