"""Convert a report to JSON values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from modelship.evaluation.report import Report

__all__ = ["document_of"]

FORMAT: Final = 1


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
