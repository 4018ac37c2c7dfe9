"""Define Gate: a test set and the required bounds."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from modelship.errors import InvalidOptionError
from modelship.evaluation.evaluator import Evaluator
from modelship.evaluation.metrics import LOSSES, SCORES, check_are_bounds, check_bounds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.evaluation.report import Report

__all__ = ["Gate"]


@dataclass(frozen=True, init=False)
class Gate:
    """A test set, and the bounds that a release has to meet on it before it serves.

    Parameters
    ----------
    evaluator : Evaluator
        The test set and its scoring.
    **bounds : float
        The minimum score or the maximum loss for each metric, as for :meth:`Report.require`:
        ``accuracy=0.9``, ``log_loss=0.3``.

    Raises
    ------
    InvalidOptionError
        If `evaluator` is something else, there is no bound, or one is not a finite number.
    UnknownMetricError
        If there is no such metric.
    """

    evaluator: Evaluator
    bounds: Mapping[str, float]

    def __init__(self, evaluator: Evaluator, /, **bounds: float) -> None:
        if not isinstance(evaluator, Evaluator):
            raise InvalidOptionError("evaluator", type(evaluator).__name__, "an Evaluator")
        check_are_bounds(bounds, known=(*SCORES, *LOSSES))
        object.__setattr__(self, "evaluator", evaluator)
        object.__setattr__(self, "bounds", MappingProxyType(bounds))

    def check(self, subject: object) -> Report:
        """Evaluate `subject`, and return the report if it meets every bound.

        Raises
        ------
        GateError
            If it does not; the error has the report.
        ModelshipError
            As for :meth:`Evaluator.evaluate`, and for a metric that the report does not have.
        """
        report = self.evaluator.evaluate(subject)
        check_bounds(report, self.bounds)
        return report
