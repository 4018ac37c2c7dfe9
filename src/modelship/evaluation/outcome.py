"""Define Outcome: the labels and the predictions of a test set."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import UnknownMetricError
from modelship.evaluation.columns import as_column, stacked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from typing_extensions import Self  # for type checkers only: Python 3.10 lacks it

    from modelship.evaluation.predictions import Predictions

__all__ = ["Outcome"]

_OF_REGRESSION: Final = ("mae", "rmse", "r2")


@dataclass(frozen=True, eq=False, repr=False)
class Outcome:
    """The true and the predicted values of one output or several; see :class:`Report`."""

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
