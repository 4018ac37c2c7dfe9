"""Read predictions from the response of a service."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from modelship.errors import PredictionError
from modelship.evaluation.columns import as_column, as_columns, is_text, is_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["Predictions", "SupportsRun", "align", "decode_answer", "join", "outputs_of"]

ANSWER_KEYS: Final = ("predictions", "result", "results")
_SHOWN_CHARACTERS: Final = 200
_TRUTH: Final = frozenset({"True", "False"})
"""The texts of booleans of pandas and NumPy."""


@runtime_checkable
class SupportsRun(Protocol):
    """A running service that scores one payload. A ``Deployment`` is one."""

    def run(self, payload: Any, /) -> Any:
        """Score `payload` and return the decoded answer."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """One prediction a row.

    Attributes
    ----------
    values : ndarray of shape (n,) or (n, outputs)
        Labels or quantities.
    probabilities : ndarray of shape (n, k), list of such, or None
        The probability of each class, between 0 and 1; a list of one table an output, if there are
        several. If each output is 0 or 1, one table of shape (n, outputs) may hold the probability
        of 1.
    classes : ndarray of shape (k,), list of such, or None
        The label of each column of `probabilities`. None stands for the sorted labels of the test
        set, the order that scikit-learn uses.
    """

    values: NDArray[Any]
    probabilities: Any = None
    classes: Any = None


def decode_answer(answer: object) -> Predictions:
    """Decode a service's answer.

    It is a list of predictions, or an object that holds them under one of ``predictions``,
    ``result`` and ``results``, optionally with ``probabilities`` and ``classes``. Azure ML's
    tutorial encodes the list as JSON twice; such text is decoded once more.

    Raises
    ------
    PredictionError
        If it is anything else.
    """
    if isinstance(answer, str):
        answer = _parsed(answer)
    if isinstance(answer, dict):
        return _from_object(answer)
    if isinstance(answer, list | tuple) or hasattr(answer, "__array__"):
        return Predictions(answer)  # type: ignore[arg-type]  # predictions_of makes the array
    raise PredictionError(problem=f"it is {_shown(answer)}")


def outputs_of(
    answer: Predictions | Sequence[object], *, rows: int, outputs: int
) -> list[Predictions]:
    """Return the predictions of each output, after checking that there are `rows` of them.

    Raises
    ------
    PredictionError
        If the number of rows or of outputs differs, or a prediction is missing.
    """
    given = answer if isinstance(answer, Predictions) else Predictions(answer)  # type: ignore[arg-type]  # made an array here
    try:
        columns = as_columns(given.values, noun="prediction")
        if outputs == 1 and len(columns) > 1:
            columns = (as_column(given.values, noun="prediction"),)  # which says what is wrong
    except ValueError as error:
        raise PredictionError(problem=str(error)) from error
    if len(columns[0]) != rows:
        raise PredictionError(problem=f"{rows} rows were sent, and {len(columns[0])} came back")
    if len(columns) != outputs:
        raise PredictionError(
            problem=f"y has {outputs} outputs, and {len(columns)} came back",
            advice="Give y as many columns as the model has outputs.",
        )
    tables = _tables(given, outputs=outputs)
    return [
        Predictions(column, *_probabilities(table, classes, rows=rows))
        for column, (table, classes) in zip(columns, tables, strict=True)
    ]


def align(predictions: Predictions, y: NDArray[Any], *, task: str) -> Predictions:
    """Return `predictions` with labels of the same type as `y`.

    JSON does not distinguish 7 from 7.0, nor NumPy's integers from Python's; whole numbers get the
    type of `y`.

    Raises
    ------
    PredictionError
        If they are text and `y` holds numbers or the reverse, or fractions and `y` holds classes.
    """
    values = _aligned(predictions.values, y, task=task)
    classes = predictions.classes
    if classes is not None:
        classes = _aligned(classes, y, task=task)
    return Predictions(values, predictions.probabilities, classes)


def join(parts: Sequence[Predictions]) -> Predictions:
    """Return the predictions of several batches as those of one."""
    import numpy as np

    values = np.concatenate([part.values for part in parts])
    values.setflags(write=False)
    first = parts[0].classes
    same = all(np.array_equal(part.classes, first) for part in parts)
    tables = [part.probabilities for part in parts if part.probabilities is not None]
    if len(tables) < len(parts) or len({table.shape[1] for table in tables}) > 1 or not same:
        return Predictions(values)
    probabilities = np.concatenate(tables)
    probabilities.setflags(write=False)
    return Predictions(values, probabilities, first)


def _aligned(values: NDArray[Any], y: NDArray[Any], *, task: str) -> NDArray[Any]:
    import numpy as np

    if y.dtype.kind == "b" and set(values.tolist()) <= _TRUTH:
        return np.array([value == "True" for value in values.tolist()])
    if is_text(values) != is_text(y):
        kinds = ("text", "numbers") if is_text(values) else ("numbers", "text")
        example = values.tolist()[0]
        raise PredictionError(
            problem=f"the predictions are {kinds[0]}, such as {example!r}, and y holds {kinds[1]}",
            advice="Give y as the model predicts it, or turn the answer of a service into such "
            "labels with decode= (--decode MODULE:FUNCTION).",
        )
    if is_text(values):
        return values
    if task == "regression":
        return values.astype("float64")
    if not is_whole(values):
        example = values[values % 1 != 0].tolist()[0]
        raise PredictionError(
            problem=f"{example!r} was predicted, and y holds classes",
            advice="If y is a quantity, pass task='regression' (--task regression). If a service "
            "answers scores, turn them into classes with decode= (--decode MODULE:FUNCTION).",
        )
    if y.dtype.kind == "b" and ((values == 0) | (values == 1)).all():
        return values.astype(bool)
    return values.astype("float64" if y.dtype.kind == "f" else "int64")


def _tables(given: Predictions, *, outputs: int) -> list[tuple[Any, Any]]:
    """Return the probabilities and the classes of each output."""
    import numpy as np

    tables, classes = given.probabilities, given.classes
    if tables is None or outputs == 1:
        return [(tables, classes)] * outputs
    try:
        shape = np.shape(tables)
    except ValueError:  # tables of several widths
        shape = (len(tables), 0, 0)
    if len(shape) == 2 and shape[1] == outputs:  # noqa: PLR2004 - the probability of 1
        ones = np.asarray(tables, dtype="float64")
        return [(np.column_stack([1 - one, one]), np.array([0, 1])) for one in ones.T]
    if len(tables) != outputs or (classes is not None and len(classes) != outputs):
        raise PredictionError(
            problem=f"its probabilities are {len(tables)} tables, and y has {outputs} outputs"
        )
    return list(zip(tables, classes or [None] * outputs, strict=True))


def _probabilities(
    given: Any, classes: Any, *, rows: int
) -> tuple[NDArray[Any], NDArray[Any] | None] | tuple[None, None]:
    import numpy as np

    if given is None:
        return None, None
    try:
        table = np.asarray(given, dtype="float64")
        labels = None if classes is None else as_column(classes, noun="class")
    except (TypeError, ValueError) as error:
        raise PredictionError(problem=f"its probabilities are not numbers: {error}") from error
    columns = table.shape[1:] if labels is None else (len(labels),)
    if table.ndim != 2 or table.shape != (rows, *columns):  # noqa: PLR2004 - rows and classes
        raise PredictionError(
            problem=f"its probabilities have the shape {table.shape}, and "
            f"({rows}, {columns[0] if columns else 'k'}) is expected"
        )
    return table, labels


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        raise PredictionError(problem=f"it is the text {_shown(text)}") from None


def _from_object(answer: Mapping[str, Any]) -> Predictions:
    found = [key for key in ANSWER_KEYS if key in answer]
    if len(found) != 1:
        raise PredictionError(
            problem=f"it is an object with the keys {_shown(list(answer))}, "
            f"and one of {', '.join(ANSWER_KEYS)} is expected"
        )
    return Predictions(answer[found[0]], answer.get("probabilities"), answer.get("classes"))


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
