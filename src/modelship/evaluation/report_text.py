"""Format a report as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelship.evaluation.formatting import number_text

if TYPE_CHECKING:
    from modelship.evaluation.report import Report

__all__ = ["headline_of", "line_of", "text_of"]


def line_of(report: Report) -> str:
    """Return the headline and the metrics on one line."""
    shown = ", ".join(f"{name}={number_text(value)}" for name, value in report.metrics.items())
    return f"{report.task} of {_counted(report.n_samples, 'sample')}: {shown}"


def text_of(report: Report) -> str:
    """Return the headline, followed by a line for each metric."""
    width = max(map(len, report.metrics))
    metrics = (f"  {name:<{width}}  {number_text(value)}" for name, value in report.metrics.items())
    return "\n".join((headline_of(report), *metrics))


def headline_of(report: Report) -> str:
    """Return the subject of the report, such as ``classification of 60 samples, 3 labels``."""
    told = [f"{report.task} of {_counted(report.n_samples, 'sample')}"]
    if report.outputs:
        told.append(_counted(len(report.outputs), "output"))
    elif report.task == "classification":
        told.append(_counted(len(report.labels), "label"))
    if report.task == "classification":
        told.append(f"{len(report.misclassified):,} misclassified")
    return ", ".join(told)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
