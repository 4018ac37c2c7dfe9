"""Define MeasuredOutcome: an outcome with its metrics."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from modelship.errors import UnknownMetricError
from modelship.evaluation.metrics import ClassMetrics, class_metrics, confusion_matrix, measure
from modelship.evaluation.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["MeasuredOutcome"]


@dataclass(frozen=True, eq=False, repr=False)
class MeasuredOutcome(Outcome):
    """An outcome and its metrics; see :class:`Report`."""

    @cached_property
    def _metrics(self) -> dict[str, float]:
        return measure(self)

    @property
    def metrics(self) -> Mapping[str, float]:
        """All metrics by name; read-only. An undefined one is NaN.

        For a classification: accuracy, balanced_accuracy, precision, recall, f1, log_loss if there
        are probabilities of all labels, and hamming_loss if there are several outputs. For a
        regression: mae, rmse, r2.
        """
        return MappingProxyType(self._metrics)

    @property
    def accuracy(self) -> float:
        """The share of rows whose label is predicted correctly; for all outputs, if several."""
        return self._metric("accuracy")

    @property
    def balanced_accuracy(self) -> float:
        """The mean of the recall of the classes that are in the test set."""
        return self._metric("balanced_accuracy")

    @property
    def precision(self) -> float:
        """The mean of the precision of all classes."""
        return self._metric("precision")

    @property
    def recall(self) -> float:
        """The mean of the recall of all classes."""
        return self._metric("recall")

    @property
    def f1(self) -> float:
        """The mean of the F1 score of all classes."""
        return self._metric("f1")

    @property
    def hamming_loss(self) -> float:
        """The share of single labels that are wrong, if there are several outputs."""
        return self._metric("hamming_loss")

    @property
    def log_loss(self) -> float:
        """The mean negative logarithm of the probability given to the true label, in nats."""
        return self._metric("log_loss")

    @property
    def mae(self) -> float:
        """The mean absolute error, in the unit of y."""
        return self._metric("mae")

    @property
    def rmse(self) -> float:
        """The root of the mean squared error, in the unit of y."""
        return self._metric("rmse")

    @property
    def r2(self) -> float:
        """The coefficient of determination; 1 at best, NaN with a single row."""
        return self._metric("r2")

    @cached_property
    def confusion_matrix(self) -> NDArray[Any]:
        """Counts of shape (k, k): rows are true labels, columns predicted, as in :attr:`labels`.

        Raises
        ------
        UnknownMetricError
            If this is a regression, or there are several outputs.
        """
        self._require_classes("confusion_matrix")
        self._require_one_output("confusion_matrix")
        return confusion_matrix(self)

    @cached_property
    def per_class(self) -> tuple[ClassMetrics, ...]:
        """Precision, recall, F1 and support of each label, in the order of :attr:`labels`.

        Raises
        ------
        UnknownMetricError
            If this is a regression, or there are several outputs.
        """
        self._require_classes("per_class")
        self._require_one_output("per_class")
        return class_metrics(self)

    def _metric(self, name: str) -> float:
        if name not in self.metrics:
            raise UnknownMetricError(name=name, known=tuple(self.metrics))
        return self.metrics[name]
