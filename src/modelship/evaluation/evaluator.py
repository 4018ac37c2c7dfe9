"""Evaluator: a test set, and how it is scored."""

from __future__ import annotations

import sys
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from modelship.errors import InvalidOptionError, InvalidTestSetError
from modelship.evaluation.columns import as_column, is_text, is_whole
from modelship.evaluation.extras import needs_extra
from modelship.evaluation.predictions import align, join, predictions_of
from modelship.evaluation.report import Report
from modelship.evaluation.subjects import predictor_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    from modelship.evaluation.predictions import Predictions

__all__ = ["Evaluator"]

Task = Literal["classification", "regression"]


class Evaluator:
    """A test set, and how it is scored: the same for a model here and for a service over HTTP.

    Parameters
    ----------
    X : array, data frame or list of length n
        The rows. A data frame is sliced by position.
    y : array-like of shape (n,)
        The true label or quantity of each row: numbers, booleans or strings.
    task : {"classification", "regression"}, optional
        What `y` means. By default, fractional numbers are quantities and all else is classes,
        as scikit-learn's ``type_of_target`` sees it.
    batch_size : int
        Rows that are scored at once.
    encode : callable, optional
        From a batch of `X` to what a service's ``run`` takes. By default ``{"data": rows}``
        with the rows as lists, under the service's own ``input_key`` if it has one.
    decode : callable, optional
        From a service's answer to a sequence of predictions, or to :class:`Predictions`. By
        default a list, an object that holds one under ``predictions``, ``result`` or
        ``results`` (beside it ``probabilities`` and ``classes``, if any), or either as a text.
    progress : bool, optional
        False shows no progress bar. Otherwise there is one on stderr if that is a terminal
        and there is more than one batch.

    Raises
    ------
    InvalidTestSetError
        If X and y differ in length, are empty, or a label is missing.
    InvalidOptionError
        If an option has a value that it cannot take.
    MissingExtraError
        Without NumPy.
    """

    def __init__(
        self,
        X: Any,
        y: ArrayLike | Sequence[object],
        *,
        task: Task | None = None,
        batch_size: int = 500,
        encode: Callable[[Any], Any] | None = None,
        decode: Callable[[Any], Predictions | Sequence[object]] | None = None,
        progress: bool | None = None,
    ) -> None:
        with needs_extra("sklearn", purpose="Evaluating"):
            import numpy as np  # noqa: F401 - asked for here, so that all below may import it
        _check_options(task=task, batch_size=batch_size, encode=encode, decode=decode)
        self.X = X
        self.y = _checked_labels(y, rows=_count_rows(X), task=task)
        self.task = task
        self.batch_size = batch_size
        self.encode = encode
        self.decode = decode
        self.progress = progress

    def __repr__(self) -> str:
        return f"Evaluator({len(self.y)} samples, task={self.task or 'inferred'})"

    def evaluate(self, subject: object, *, trust_model: bool = False) -> Report:
        """Score the test set and return the report.

        Parameters
        ----------
        subject : Model, SupportsRun, estimator or callable
            A model, which is loaded into this process; a running service; an object with
            ``predict`` (and perhaps ``predict_proba`` and ``classes_``); or a function from
            a batch of rows to predictions.
        trust_model : bool
            Load a model whatever it runs; see :meth:`Model.load`.

        Raises
        ------
        InvalidOptionError
            If `subject` is none of these.
        PredictionError
            If it does not answer with one prediction a row, of the kind that y holds.
        ModelLoadError, ScoringError
            If the model cannot be loaded, or the service does not answer.
        UntrustedModelError
            If loading the model could run code that is not known to be safe.
        MissingExtraError
            Without scikit-learn.
        """
        task = self.task or _inferred_task(self.y)
        predict = predictor_of(
            subject, encode=self.encode, decode=self.decode, trust_model=trust_model
        )
        parts = [
            align(predictions_of(predict(batch), rows=rows), self.y, task=task)
            for batch, rows in self._batches()
        ]
        predictions = join(parts)
        return Report(
            X=self.X,
            y_true=self.y,
            y_pred=predictions.values,
            task=task,
            probabilities=predictions.probabilities,
            classes=predictions.classes,
        )

    def _batches(self) -> Iterator[tuple[Any, int]]:
        rows = getattr(self.X, "iloc", self.X)
        starts = range(0, len(self.y), self.batch_size)
        with _bar(len(self.y), shown=self.progress is not False and len(starts) > 1) as advance:
            for start in starts:
                size = min(self.batch_size, len(self.y) - start)
                yield rows[start : start + size], size
                advance(size)


@contextmanager
def _bar(total: int, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """Yield what advances a progress bar on stderr, or nothing where there is no terminal."""
    if not (shown and sys.stderr.isatty()):
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("scoring", total=total)
        yield lambda rows: progress.advance(task, rows)


def _check_options(*, task: object, batch_size: object, encode: object, decode: object) -> None:
    if task not in ("classification", "regression", None):
        raise InvalidOptionError(
            option="task", found=task, expected="'classification', 'regression' or None"
        )
    if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size < 1:
        raise InvalidOptionError(
            option="batch_size", found=batch_size, expected="a whole number of at least 1"
        )
    for name, function in (("encode", encode), ("decode", decode)):
        if function is not None and not callable(function):
            raise InvalidOptionError(option=name, found=function, expected="a function or None")


def _count_rows(X: object) -> int:
    if isinstance(X, str | bytes | dict | set) or not hasattr(X, "__getitem__"):
        raise InvalidTestSetError(
            problem=f"X is of type {type(X).__name__}; an array, a data frame or a list is expected"
        )
    try:  # a sparse matrix has a shape, and no length
        return int(X.shape[0]) if hasattr(X, "shape") else len(X)  # type: ignore[arg-type]  # else it raises
    except (IndexError, TypeError):
        raise InvalidTestSetError(problem="X is a single value; it needs rows") from None


def _checked_labels(y: object, *, rows: int, task: str | None) -> NDArray[Any]:
    try:
        labels = as_column(y, noun="label")
    except ValueError as error:
        raise InvalidTestSetError(problem=f"in y, {error}") from error
    if len(labels) != rows:
        raise InvalidTestSetError(problem=f"X has {rows} rows, and y has {len(labels)}")
    if not rows:
        raise InvalidTestSetError(problem="it is empty")
    if task == "regression" and is_text(labels):
        raise InvalidTestSetError(problem="y holds text, and task is 'regression'")
    if task == "classification" and not is_text(labels) and not is_whole(labels):
        raise InvalidTestSetError(problem="y holds fractions, and task is 'classification'")
    return labels


def _inferred_task(y: NDArray[Any]) -> Task:
    with needs_extra("sklearn", purpose="Evaluating"):
        from sklearn.utils.multiclass import type_of_target

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of many classes in a small test set
        return "regression" if type_of_target(y) == "continuous" else "classification"
