"""Evaluate a model or a running service on a test set."""

from typing import TYPE_CHECKING

from modelship.on_first_use import names_from

if TYPE_CHECKING:
    from modelship.evaluation.evaluator import Evaluator
    from modelship.evaluation.gate import Gate
    from modelship.evaluation.metrics import ClassMetrics
    from modelship.evaluation.predictions import Predictions, SupportsRun
    from modelship.evaluation.report import Report

__all__ = ["ClassMetrics", "Evaluator", "Gate", "Predictions", "Report", "SupportsRun"]

__getattr__, __dir__ = names_from(
    __name__,
    {
        "evaluator": ["Evaluator"],
        "gate": ["Gate"],
        "metrics": ["ClassMetrics"],
        "predictions": ["Predictions", "SupportsRun"],
        "report": ["Report"],
    },
)
