"""Define Outcome: the labels, the predictions and the metrics of a test set."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import UnknownMetricError
from modelship.evaluation.columns import as_column, stacked
from modelship.evaluation.metrics import ClassMetrics, class_metrics, confusion_matrix, measure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from typing_extensions import Self  # for type checkers only: Python 3.10 lacks it

    from modelship.evaluation.predictions import Predictions

__all__ = ["Outcome"]

_OF_REGRESSION: Final = ("mae", "rmse", "r2")


@dataclass(frozen=True, eq=False, repr=False)
class Outcome:
    """The true and predicted values of one output or several, measured; see :class:`Report`."""

    _: KW_ONLY
    X: Any
    y_true: NDArray[Any]
    y_pred: NDArray[Any]
    task: str
    probabilities: Any = None
    classes: Any = None
    names: tuple[str, ...] = ()

    @classmethod
    def of_outputs(
        cls,
        X: Any,
        truth: Sequence[NDArray[Any]],
        predictions: Sequence[Predictions],
        *,
        task: str,
        names: Sequence[str] = (),
    ) -> Self:
        """Combine the true values and the predictions of one output or several.

        Parameters
        ----------
        X : array, data frame or list of length n
            The rows.
        truth : Sequence[ndarray of shape (n,)]
            The true values of each output.
        predictions : Sequence[Predictions]
            The predicted values of each output.
        task : str
            ``"classification"`` or ``"regression"``.
        names : Sequence[str]
            The names of the outputs, if they have any.
        """
        tables = tuple(each.probabilities for each in predictions)
        classes = tuple(each.classes for each in predictions)
        is_one = len(truth) == 1
        return cls(
            X=X,
            y_true=stacked(truth),
            y_pred=stacked([each.values for each in predictions]),
            task=task,
            probabilities=tables[0] if is_one else tables,
            classes=classes[0] if is_one else classes,
            names=tuple(names) if len(names) == len(truth) and not is_one else (),
        )

    @cached_property
    def outputs(self) -> Mapping[str, Self]:
        """The outcome of each output by its name, if there are several; else empty."""
        if self.y_true.ndim == 1:
            return MappingProxyType({})
        count = self.y_true.shape[1]
        names = self.names or tuple(map(str, range(count)))
        return MappingProxyType({name: self._of_output(at) for at, name in enumerate(names)})

    @property
    def n_samples(self) -> int:
        """The number of rows in the test set."""
        return len(self.y_true)

    @cached_property
    def labels(self) -> NDArray[Any]:
        """The labels that are true or predicted, sorted; empty for a regression.

        Raises
        ------
        UnknownMetricError
            If there are several outputs, which have labels of their own.
        """
        import numpy as np

        if self.task == "regression":
            return self.y_true[:0]
        self._require_one_output("labels")
        return np.union1d(self.y_true, self.y_pred)

    @cached_property
    def misclassified(self) -> NDArray[Any]:
        """The positions of the rows whose predicted label is wrong, ascending; of any output.

        Raises
        ------
        UnknownMetricError
            If this is a regression.
        """
        import numpy as np

        self._require_classes("misclassified")
        wrong = self.y_true != self.y_pred
        return np.flatnonzero(wrong.any(axis=1) if self.outputs else wrong)

    @cached_property
    def metrics(self) -> Mapping[str, float]:
        """All metrics by name; read-only. An undefined one is NaN.

        For a classification: accuracy, balanced_accuracy, precision, recall, f1, log_loss if there
        are probabilities of all labels, and hamming_loss if there are several outputs. For a
        regression: mae, rmse, r2.
        """
        return MappingProxyType(measure(self))

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

    def _of_output(self, place: int) -> Self:
        return type(self)(
            X=self.X,
            y_true=as_column(self.y_true[:, place], noun="label"),
            y_pred=as_column(self.y_pred[:, place], noun="prediction"),
            task=self.task,
            probabilities=self.probabilities[place] if self.probabilities else None,
            classes=self.classes[place] if self.classes else None,
        )

    def _require_one_output(self, name: str) -> None:
        if self.outputs:
            known = [f"outputs[{output!r}].{name}" for output in self.outputs]
            raise UnknownMetricError(name=name, known=known)

    def _require_classes(self, name: str) -> None:
        if self.task == "regression":
            raise UnknownMetricError(name=name, known=_OF_REGRESSION)

    def _metric(self, name: str) -> float:
        if name not in self.metrics:
            raise UnknownMetricError(name=name, known=tuple(self.metrics))
        return self.metrics[name]
