"""Evaluate a model or a running service on a test set."""

from modelship.evaluation.evaluator import Evaluator
from modelship.evaluation.gate import Gate
from modelship.evaluation.metrics import ClassMetrics
from modelship.evaluation.predictions import Predictions, SupportsRun
from modelship.evaluation.report import Report

__all__ = ["ClassMetrics", "Evaluator", "Gate", "Predictions", "Report", "SupportsRun"]
