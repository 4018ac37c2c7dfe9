"""Define Evaluator: a test set, and how it is scored."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from modelship.errors import InvalidOptionError, PredictionError
from modelship.evaluation.bar import progress_bar
from modelship.evaluation.columns import stacked
from modelship.evaluation.examples import check_labels, check_task, task_of
from modelship.evaluation.extras import needs_extra
from modelship.evaluation.files import DataFile
from modelship.evaluation.given import Given, InFile
from modelship.evaluation.predictions import align, join, outputs_of
from modelship.evaluation.report import Report
from modelship.evaluation.subjects import subject_of
from modelship.evaluation.unlike import explained
from modelship.tables import SchemaError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    from modelship.evaluation.examples import Examples
    from modelship.evaluation.predictions import Predictions
    from modelship.evaluation.subjects import Subject

__all__ = ["Evaluator"]

Task = Literal["classification", "regression"]


class Evaluator:
    """A test set and its scoring: the same for a model here and for a service over HTTP.

    Parameters
    ----------
    X : array, data frame, sparse matrix or list of length n
        The rows. If the model or the service knows its column names, the columns of a data frame
        are matched by name, in any order.
    y : array-like of shape (n,) or (n, k), str or list of str
        The true label or quantity of each row: numbers, booleans or strings; k of them if the model
        has k outputs. Or the columns of the data frame X that hold them.
    task : {"classification", "regression"}, optional
        The meaning of `y`. By default the model's own task. A function, or a service about which
        nothing is known, has none: then fractional numbers are quantities and everything else is
        classes, as with scikit-learn's ``type_of_target``.
    batch_size : int
        The number of rows scored at once.
    encode : callable, optional
        Converts a batch of `X` to the input of a service's ``run``. By default ``{"data": rows}``,
        with the rows as lists, or as objects by column if they are a data frame and the service's
        sample has no lists; under the service's own ``input_key`` if it has one.
    decode : callable, optional
        Converts a service's answer to a sequence of predictions, or to :class:`Predictions`. By
        default it reads a list, an object that holds one under ``predictions``, ``result`` or
        ``results`` (with optional ``probabilities`` and ``classes``), or either as text.
    progress : bool, optional
        False shows no progress bar. By default there is one on stderr if that is a terminal and
        there is more than one batch.

    Raises
    ------
    InvalidTestSetError
        If X and y differ in length, are empty, or a label is missing.
    InvalidOptionError
        If an option has an invalid value.
    MissingExtraError
        Without NumPy.
    """

    def __init__(
        self,
        X: Any,
        y: ArrayLike | Sequence[object] | str,
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
        self._given = X if isinstance(X, InFile) else Given(X, y)
        if task is not None:
            check_task(task, self._given.examples, because=f"task is {task!r}")
        self.task = task
        self.batch_size = batch_size
        self.encode = encode
        self.decode = decode
        self.progress = progress

    @classmethod
    def read(
        cls,
        path: str | os.PathLike[str] | DataFile,
        *,
        label: str | Sequence[str] = (),
        separator: str | None = None,
        decimal: str = ".",
        task: Task | None = None,
        batch_size: int = 500,
        encode: Callable[[Any], Any] | None = None,
        decode: Callable[[Any], Predictions | Sequence[object]] | None = None,
        progress: bool | None = None,
    ) -> Evaluator:
        """Create an evaluator from a file.

        How its columns are parsed depends on the evaluated model: if it was fitted on texts,
        ``007`` stays a text; dates and categories are restored. Everything else is parsed as pandas
        does.

        Parameters
        ----------
        path : str or Path
            ``.csv`` or ``.tsv`` with a header, ``.parquet``, ``.json``, ``.jsonl``, or ``.npz``
            with the arrays X and y; text files may be compressed, as in ``.csv.gz``.
        label : str or Sequence[str]
            The columns that hold y. By default the one column that the model was not fitted on, or
            else the last.
        separator : str, optional
            The delimiter of a CSV file; detected by default.
        decimal : str
            The decimal separator of a CSV file.
        task, batch_size, encode, decode, progress
            As for the class.

        Raises
        ------
        InvalidOptionError
            If there is no such file, or an option does not fit.
        InvalidTestSetError
            If the file does not hold a test set; with the line where there is one.
        MissingExtraError
            If reading it needs pandas or pyarrow, and that is not installed.
        """
        file = path
        if not isinstance(file, DataFile):
            labels = (label,) if isinstance(label, str) else tuple(label)
            file = DataFile(Path(file), labels, separator=separator, decimal=decimal)
        return cls(
            InFile(file),
            (),
            task=task,
            batch_size=batch_size,
            encode=encode,
            decode=decode,
            progress=progress,
        )

    @property
    def X(self) -> Any:  # noqa: N802 - the field's name
        """The rows, as passed or as in the file."""
        return self._given.examples.X

    @property
    def y(self) -> NDArray[Any]:
        """The true values of each row; of shape (n,), or (n, k) for k outputs."""
        return stacked(self._given.examples.truth)

    def __repr__(self) -> str:
        return f"Evaluator({len(self._given.examples)} samples, task={self.task or 'inferred'})"

    def evaluate(self, subject: object, *, trust_model: bool = False) -> Report:
        """Score the test set and return the report.

        Parameters
        ----------
        subject : Model, SupportsRun, estimator or callable
            A model, which is loaded into this process; a running service; an object with
            ``predict`` (and optionally ``predict_proba`` and ``classes_``); or a function from a
            batch of rows to predictions.
        trust_model : bool
            Load a model whatever code that runs; see :meth:`Model.load`.

        Raises
        ------
        InvalidOptionError
            If `subject` is none of these.
        NoEstimatorError
            If it is a model whose file holds nothing that predicts, such as a dict of parts.
        InvalidTestSetError
            If a column of the model is missing, or one is unknown; or if y does not fit the task.
        PredictionError
            If it does not return one prediction a row, of the type of y.
        ModelLoadError, ScoringError
            If the model cannot be loaded, or the service does not answer.
        UntrustedModelError
            If loading the model could run code that is not known to be safe.
        MissingExtraError
            Without scikit-learn.
        """
        found = subject_of(
            subject,
            encode=self.encode,
            decode=self.decode,
            trust_model=trust_model,
            needs_types=self._given.needs_types,
        )
        examples = self._given.fitted_to(found.schema, wants_rows=found.wants_rows)
        task = self._task_for(found, examples)
        try:
            return self._report(found, examples, task=task)
        except PredictionError as error:
            dated = self._given.with_dates(examples, found.schema) if error.__cause__ else None
            if dated is not None:
                with suppress(PredictionError):  # then dates were not the problem
                    return self._report(found, dated, task=task)
            known = found.schema
            with suppress(SchemaError):  # of other columns than those of the estimator
                known = known.completed_by(found.asked())
            raise explained(error, examples.X, known) from error.__cause__

    def _report(self, found: Subject, examples: Examples, *, task: str) -> Report:
        parts = [
            [
                align(each, truth, task=task)
                for each, truth in zip(
                    outputs_of(found.predict(batch), rows=rows, outputs=len(examples.truth)),
                    examples.truth,
                    strict=True,
                )
            ]
            for batch, rows in self._batches(examples)
        ]
        predictions = [join(of_output) for of_output in zip(*parts, strict=True)]
        if task == "classification":
            answers = [each.values for each in predictions]
            check_labels(examples, answers, outputs=found.schema.outputs)
        names = examples.names or found.schema.outputs.names
        return Report.of_outputs(examples.X, examples.truth, predictions, task=task, names=names)

    def _task_for(self, found: Subject, examples: Examples) -> str:
        if self.task is not None:
            return self.task
        task = task_of(found.schema.outputs, examples.truth)
        said = "predicts quantities" if task == "regression" else "is a classifier"
        check_task(task, examples, because=f"{found.described} {said}")
        return task

    def _batches(self, examples: Examples) -> Iterator[tuple[Any, int]]:
        total = len(examples)
        rows = getattr(examples.X, "iloc", examples.X)
        starts = range(0, total, self.batch_size)
        with progress_bar(total, shown=self.progress is not False and len(starts) > 1) as advance:
            for start in starts:
                size = min(self.batch_size, total - start)
                yield rows[start : start + size], size
                advance(size)


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
