"""Define Report: the result of an evaluation."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, overload

from modelship.errors import InvalidOptionError
from modelship.evaluation.formatting import document_of, line_of, text_of
from modelship.evaluation.metrics import check_bounds
from modelship.evaluation.outcome import Outcome
from modelship.staging import write_atomic

if TYPE_CHECKING:
    import os

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Report"]


@dataclass(frozen=True, eq=False, repr=False)
class Report(Outcome):
    """The result of an evaluation, returned by :meth:`Evaluator.evaluate`.

    All metrics are scikit-learn's. Precision, recall and F1 are unweighted means over the classes
    (``average="macro"``, ``zero_division=0``).

    With several outputs, accuracy is the share of rows in which all are right, hamming_loss that of
    single values that are wrong, and each other metric is the mean over the outputs (scikit-learn's
    ``multioutput="uniform_average"``). If each output is 0 or 1 (multilabel), precision, recall and
    F1 are those of the value 1, as means over the labels. The report of each output is in
    :attr:`outputs`.

    Attributes
    ----------
    X : array, data frame or list of length n
        The rows, as passed to the model.
    y_true, y_pred : ndarray of shape (n,), or (n, outputs) if there are several
        True and predicted labels or quantities.
    task : str
        ``"classification"`` or ``"regression"``.
    probabilities : ndarray of shape (n, k), tuple of such, or None
        The probability of each class, if there are any; with several outputs, a list with a table
        or None for each.
    classes : ndarray of shape (k,), tuple of such, or None
        The label of each column of `probabilities`; None stands for :attr:`labels`.
    names : tuple[str, ...]
        The names of several outputs; by default ``"0"``, ``"1"`` and so on.
    """

    def require(self, **bounds: float) -> Report:
        """Return this report if it meets every bound; the gate.

        Parameters
        ----------
        **bounds : float
            The minimum of accuracy, balanced_accuracy, precision, recall, f1 and r2; the maximum of
            log_loss, mae and rmse. An undefined metric (NaN) meets no bound.

        Raises
        ------
        GateError
            If it does not; the error has the report and a sentence for each failure.
        UnknownMetricError
            If the report has no such metric.
        InvalidOptionError
            If there is no bound, or one is not a finite number.
        """
        check_bounds(self, bounds)
        return self

    @overload
    def to_json(self, path: None = None, *, indent: int | None = 2) -> str: ...
    @overload
    def to_json(self, path: str | os.PathLike[str], *, indent: int | None = 2) -> None: ...
    def to_json(
        self, path: str | os.PathLike[str] | None = None, *, indent: int | None = 2
    ) -> str | None:
        """Return the report as JSON; with a path, write it there and return None.

        The keys are always the same: modelship_report (the version of the format), task, n_samples,
        metrics, labels, confusion_matrix, per_class, misclassified (a count), outputs. Values that
        a report does not have are null, and so is an undefined metric. With several outputs, each
        has its name, metrics, labels, confusion_matrix, per_class and misclassified.

        Raises
        ------
        InvalidOptionError
            If `path` cannot be written.
        """
        text = json.dumps(document_of(self), indent=indent, allow_nan=False)
        if path is None:
            return text
        _write(path, text + "\n")
        return None

    def plot_confusion_matrix(
        self, path: str | os.PathLike[str] | None = None, *, ax: Axes | None = None
    ) -> Figure:
        """Draw the errors of the model as a confusion matrix.

        Each row of the confusion matrix is divided by its sum, and the diagonal is then set to
        zero, so that the mistakes stand out. With up to 20 labels, each cell shows its count.

        Parameters
        ----------
        path : path, optional
            The file to write: ``.png``, ``.svg`` or ``.pdf``.
        ax : matplotlib.axes.Axes, optional
            The axes to draw on; a new figure by default.

        Raises
        ------
        PictureError
            If this is a regression, or `path` cannot be written.
        MissingExtraError
            Without matplotlib.
        """
        from modelship.evaluation.pictures import draw_confusion_matrix, save

        figure = draw_confusion_matrix(self, ax=ax)
        return figure if path is None else save(figure, path)

    def plot_predictions(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        n: int = 30,
        seed: int | None = 0,
        image_shape: tuple[int, int] | None = None,
    ) -> Figure:
        """Draw some rows as images, each above its predicted label.

        Misclassified ones stand out: inverted, with the label in red and the true one next to it.

        Parameters
        ----------
        path : path, optional
            The file to write: ``.png``, ``.svg`` or ``.pdf``.
        n : int
            The number of rows to draw at random; all of them if there are fewer.
        seed : int or None
            The random seed. None draws different rows each time.
        image_shape : tuple[int, int], optional
            Height and width in pixels. By default the shape of each row of X, or a square if the
            number of features is a square number.

        Raises
        ------
        PictureError
            If the rows are not images of that shape, or `path` cannot be written.
        MissingExtraError
            Without matplotlib.
        """
        from modelship.evaluation.pictures import save
        from modelship.evaluation.samples import draw_predictions

        figure = draw_predictions(self, n=n, seed=seed, image_shape=image_shape)
        return figure if path is None else save(figure, path)

    @overload
    def to_html(self, path: None = None) -> str: ...
    @overload
    def to_html(self, path: str | os.PathLike[str]) -> None: ...
    def to_html(self, path: str | os.PathLike[str] | None = None) -> str | None:
        """Return the report as one self-contained HTML page; with a path, write it there.

        The pictures are included if matplotlib is installed.

        Raises
        ------
        InvalidOptionError
            If `path` cannot be written.
        MissingExtraError
            Without jinja2.
        """
        from modelship.evaluation.page import render

        text = render(self)
        if path is None:
            return text
        _write(path, text)  # a notebook would print the return value
        return None

    def __repr__(self) -> str:
        return f"Report({line_of(self)})"

    def __str__(self) -> str:
        return text_of(self)

    def _repr_html_(self) -> str | None:
        with contextlib.suppress(Exception):  # a notebook shows the repr then
            from modelship.evaluation.page import render_compact

            return render_compact(self)
        return None


def _write(path: str | os.PathLike[str], text: str) -> None:
    try:
        write_atomic(Path(path), text)
    except OSError as error:
        expected = f"a file that can be written ({error.strerror or error})"
        raise InvalidOptionError("path", str(path), expected) from error
