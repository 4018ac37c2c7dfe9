"""Compute metrics with scikit-learn, and check them against bounds."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import GateError, InvalidOptionError, UnknownMetricError
from modelship.evaluation.extras import needs_extra

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from modelship.evaluation.outcome import Outcome
    from modelship.evaluation.report import Report

__all__ = [
    "LOSSES",
    "SCORES",
    "ClassMetrics",
    "check_are_bounds",
    "check_bounds",
    "class_metrics",
    "confusion_matrix",
    "measure",
]

SCORES: Final = ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "r2")
LOSSES: Final = ("log_loss", "hamming_loss", "mae", "rmse")
_AVERAGED: Final = ("precision", "recall", "f1")


@dataclass(frozen=True)
class ClassMetrics:
    """The metrics of one class.

    Attributes
    ----------
    label : int, float, bool or str
        The class.
    precision : float
        The share of the rows predicted as this class that belong to it; 0 if there are none.
    recall : float
        The share of the rows of this class that are predicted as it; 0 if there are none.
    f1 : float
        The harmonic mean of both.
    support : int
        The number of rows of this class in the test set.
    """

    label: int | float | bool | str
    precision: float
    recall: float
    f1: float
    support: int


def measure(outcome: Outcome) -> dict[str, float]:
    """Return the metrics of the report's task by name, in display order."""
    with needs_extra("sklearn", purpose="Evaluating"):
        import sklearn.metrics  # noqa: F401 - asked for here, so that all below may import it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an undefined metric is NaN here, and fails every gate
        if outcome.task == "regression":
            return _regression(outcome)
        return _several(outcome) if outcome.outputs else _classification(outcome)


def confusion_matrix(outcome: Outcome) -> NDArray[Any]:
    """Return the counts, shape (k, k): rows are true labels, columns predicted ones."""
    from sklearn.metrics import confusion_matrix as counts

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is a single label
        matrix: NDArray[Any] = counts(outcome.y_true, outcome.y_pred, labels=outcome.labels)
    matrix.setflags(write=False)
    return matrix


def class_metrics(outcome: Outcome) -> tuple[ClassMetrics, ...]:
    """Return precision, recall, F1 and support of each label."""
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(
        outcome.y_true, outcome.y_pred, labels=outcome.labels, zero_division=0
    )
    rows = zip(outcome.labels.tolist(), *(column.tolist() for column in columns), strict=True)
    return tuple(ClassMetrics(*row) for row in rows)


def _classification(outcome: Outcome) -> dict[str, float]:
    from sklearn import metrics

    y, found = outcome.y_true, outcome.y_pred
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        y, found, average="macro", zero_division=0
    )
    measured = {
        "accuracy": metrics.accuracy_score(y, found),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, found),
        "precision": precision,
        "recall": recall,
        "f1": f1,
    }
    if (loss := _log_loss(outcome)) is not None:
        measured["log_loss"] = loss
    return {name: float(value) for name, value in measured.items()}


def _regression(outcome: Outcome) -> dict[str, float]:
    from sklearn import metrics

    y, found = outcome.y_true, outcome.y_pred
    return {
        "mae": float(metrics.mean_absolute_error(y, found)),
        "rmse": _rmse(outcome),
        "r2": float(metrics.r2_score(y, found)),
    }


def _rmse(outcome: Outcome) -> float:
    """Return the root of the mean squared error; of several outputs, the mean of their roots."""
    from sklearn.metrics import mean_squared_error

    squared = mean_squared_error(outcome.y_true, outcome.y_pred, multioutput="raw_values")
    roots = [math.sqrt(each) for each in squared.tolist()]
    return sum(roots) / len(roots)


def _several(outcome: Outcome) -> dict[str, float]:
    """Return the metrics of several outputs; see ``Report``."""
    outputs = [each.metrics for each in outcome.outputs.values()]
    wrong = outcome.y_true != outcome.y_pred
    measured = {"accuracy": float(1 - wrong.any(axis=1).mean())}
    measured |= {name: _mean(name, outputs) for name in ("balanced_accuracy", *_AVERAGED)}
    if _is_multilabel(outcome):
        measured |= _of_ones(outcome)
    if all("log_loss" in each for each in outputs):
        measured["log_loss"] = _mean("log_loss", outputs)
    return {**measured, "hamming_loss": float(wrong.mean())}


def _mean(name: str, outputs: Sequence[Mapping[str, float]]) -> float:
    return sum(each[name] for each in outputs) / len(outputs)


def _is_multilabel(outcome: Outcome) -> bool:
    """Return whether each output is 0 or 1."""
    tables = (outcome.y_true, outcome.y_pred)
    return all(t.dtype.kind in "biu" and ((t == 0) | (t == 1)).all() for t in tables)


def _of_ones(outcome: Outcome) -> dict[str, float]:
    """Return precision, recall and F1 of the value 1, as means over the outputs."""
    from sklearn.metrics import precision_recall_fscore_support

    y, found = outcome.y_true.astype(int), outcome.y_pred.astype(int)
    *scores, _ = precision_recall_fscore_support(y, found, average="macro", zero_division=0)
    return {name: float(score) for name, score in zip(_AVERAGED, scores, strict=True)}


def _log_loss(outcome: Outcome) -> float | None:
    """Return the log loss if there is a probability for every label, else None."""
    import numpy as np
    from sklearn.metrics import log_loss

    table = outcome.probabilities
    if table is None or not ((table >= 0) & (table <= 1)).all():
        return None
    classes = outcome.labels if outcome.classes is None else outcome.classes
    covered = np.isin(outcome.labels, classes).all() and len(classes) == table.shape[1]
    if not covered or len(np.unique(classes)) != len(classes) or len(classes) == 1:
        return None
    order = np.argsort(classes)  # log_loss takes the columns in the order of sorted labels
    return float(log_loss(outcome.y_true, table[:, order], labels=classes[order]))


# --- bounds -----------------------------------------------------------------------------


def check_bounds(report: Report, bounds: Mapping[str, float]) -> None:
    """Check that `report` meets every bound: scores at least theirs, losses at most theirs.

    Raises
    ------
    GateError
        If it does not; an undefined metric (NaN) meets no bound.
    UnknownMetricError
        If the report has no such metric.
    InvalidOptionError
        If there is no bound, or one is not a finite number.
    """
    check_are_bounds(bounds, known=tuple(report.metrics))
    failures = [
        _sentence(name, report.metrics[name], float(bound))
        for name, bound in bounds.items()
        if not _keeps(name, report.metrics[name], float(bound))
    ]
    if failures:
        raise GateError(report=report, failures=failures)


def check_are_bounds(bounds: Mapping[str, float], *, known: Sequence[str]) -> None:
    """Raise unless there is a bound, and each is a finite number for one of the `known` metrics."""
    if not bounds:
        raise InvalidOptionError(
            option="bounds", found={}, expected="at least one, such as accuracy=0.9"
        )
    for name, bound in bounds.items():
        if name not in known:
            raise UnknownMetricError(name=name, known=known)
        if not _is_number(bound):
            raise InvalidOptionError(option=name, found=bound, expected="a finite number")


def _is_number(bound: object) -> bool:
    if isinstance(bound, bool):
        return False
    return isinstance(bound, Real) and math.isfinite(bound)


def _keeps(name: str, value: float, bound: float) -> bool:
    return value <= bound if name in LOSSES else value >= bound


def _sentence(name: str, value: float, bound: float) -> str:
    side = "at most" if name in LOSSES else "at least"
    return f"{name} is {_shown(name, value, bound)}, but {side} {bound:.16g} is required"


def _shown(name: str, value: float, bound: float) -> str:
    """Round `value` only as far as it is still visible that the bound is not met."""
    if math.isnan(value):
        return "undefined (NaN)"
    roundings = (f"{value:.{digits}g}" for digits in range(4, 17))
    return next((text for text in roundings if not _keeps(name, float(text), bound)), repr(value))
