"""Define Examples: validated rows with their labels."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import InvalidTestSetError
from modelship.evaluation.columns import as_columns, is_text, is_whole
from modelship.evaluation.extras import needs_extra

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from modelship.tables.schema import Outputs

__all__ = ["Examples", "check_labels", "check_task", "examples_of", "task_of"]

_MISSING: Final = re.compile(r"label \d+ is (nan|None|<NA>|NaT)$")
_SHOWN: Final = 3
_THOUSANDS: Final = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")


@dataclass(frozen=True, eq=False)
class Examples:
    """Rows and their true values.

    Attributes
    ----------
    X : array, data frame, sparse matrix or list of length n
        The rows.
    truth : tuple[ndarray of shape (n,), ...]
        The true labels or quantities of each output.
    names : tuple[str, ...]
        The names of several outputs; empty if they have none.
    column : str
        The column of a single output; empty if it has no name.
    """

    X: Any
    truth: tuple[NDArray[Any], ...]
    names: tuple[str, ...] = ()
    column: str = ""

    def __len__(self) -> int:
        return len(self.truth[0])

    def called(self, output: int) -> str:
        """Return the name of an output's labels in messages: y, and its column if it has one."""
        name = self.names[output] if self.names else self.column
        return f"y ({name!r})" if name else "y"


def examples_of(X: Any, y: Any) -> Examples:
    """Return the rows `X` with `y`, or with the columns of `X` that `y` names.

    Raises
    ------
    InvalidTestSetError
        If they differ in length, are empty, or a label is missing.
    """
    if (named := _named(X, y)) is not None:
        X, y = X.drop(columns=named), X[named]
    rows = _count_rows(X)
    try:
        truth = as_columns(y, noun="label")
    except ValueError as error:
        raise InvalidTestSetError(
            problem=f"in {_called(y)}, {error}",
            advice="Remove the rows without a label." if _MISSING.search(str(error)) else "",
        ) from error
    if len(truth[0]) != rows:
        raise InvalidTestSetError(problem=f"X has {rows} rows, and y has {len(truth[0])}")
    if not rows:
        raise InvalidTestSetError(problem="it is empty")
    names = tuple(map(str, y.columns)) if hasattr(y, "columns") and len(truth) > 1 else ()
    return Examples(X, truth, names, _column(y))


def _column(y: Any) -> str:
    """Return the name of the only column of y; empty if it has none, or there are several."""
    columns = getattr(y, "columns", [getattr(y, "name", None)])
    return columns[0] if len(columns) == 1 and isinstance(columns[0], str) else ""


def _called(y: Any) -> str:
    return f"y ({_column(y)!r})" if _column(y) else "y"


def task_of(outputs: Outputs, truth: tuple[NDArray[Any], ...]) -> str:
    """Return the task: that of the model's outputs if known, else inferred from the true values."""
    if outputs.task in ("classification", "regression"):
        return outputs.task
    if any(is_text(each) for each in truth):
        return "classification"
    return "regression" if any(map(_is_continuous, truth)) else "classification"


def check_task(task: str, examples: Examples, *, because: str) -> None:
    """Raise unless the true values fit the task; `because` says where the task comes from.

    Raises
    ------
    InvalidTestSetError
        If quantities are texts, or classes are fractions.
    """
    for place, each in enumerate(examples.truth):
        called = examples.called(place)
        if task == "regression" and is_text(each):
            raise _no_quantities(each.tolist(), called, because=because)
        if task == "classification" and not is_text(each) and not is_whole(each):
            raise InvalidTestSetError(problem=f"{called} holds fractions, and {because}")


def _no_quantities(labels: list[str], called: str, *, because: str) -> InvalidTestSetError:
    thousands = next(filter(_THOUSANDS.fullmatch, labels), None)
    shown = labels[0] if thousands is None else thousands
    advice = "Give y as numbers; --label (label=) names the column that holds it."
    if thousands is not None:
        advice = f"Write {thousands.replace(',', '')} for {thousands}, without separators."
    return InvalidTestSetError(f"{called} holds text, such as {shown!r}, and {because}", advice)


def check_labels(
    examples: Examples, predicted: Sequence[NDArray[Any]], *, outputs: Outputs
) -> None:
    """Raise if y holds no class that the model knows, and none that was predicted.

    A script may map classes to other labels; the predicted ones count, too.

    Raises
    ------
    InvalidTestSetError
        With some labels of both.
    """
    for place, (truth, answers) in enumerate(zip(examples.truth, predicted, strict=True)):
        known = outputs.labels[place] if place < len(outputs.labels) else ()
        found = dict.fromkeys(truth.tolist())
        of_a_kind = all(isinstance(label, str) == is_text(truth) for label in known)
        if not known or not of_a_kind or not found.keys().isdisjoint((*known, *answers.tolist())):
            continue
        raise InvalidTestSetError(
            problem=f"{examples.called(place)} holds {_some(list(found))}, none of which the "
            f"model predicts ({_some(known)})",
            advice="Give y as the model predicts it; in a CSV file that was saved by pandas, "
            "zeros at the front of codes may be lost.",
        )


def _some(labels: Sequence[object]) -> str:
    more = ", …" if len(labels) > _SHOWN else ""
    return f"{', '.join(map(str, labels[:_SHOWN]))}{more}"


def _is_continuous(truth: NDArray[Any]) -> bool:
    with needs_extra("sklearn", purpose="Evaluating"):
        from sklearn.utils.multiclass import type_of_target

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of many classes in a small test set
        return bool(type_of_target(truth) == "continuous")


def _named(X: Any, y: Any) -> list[str] | None:
    """Return the columns of a data frame that `y` names, if it names any."""
    if not hasattr(X, "iloc"):
        return None
    if isinstance(y, str):
        named = [y]
    elif isinstance(y, list | tuple) and len(y) != len(X) and all(isinstance(k, str) for k in y):
        named = list(y)
    else:
        return None
    columns = list(X.columns)
    for name in named:
        if name not in columns:
            raise no_such_column(name, columns, of="X")
    return named


def no_such_column(name: str, columns: list[Any], *, of: str) -> InvalidTestSetError:
    """Return the error that `of` has no column of this name."""
    from modelship.errors import nearest

    return InvalidTestSetError(
        problem=f"{of} has no column {name!r}{nearest(name, map(str, columns))}"
    )


def _count_rows(X: object) -> int:
    if isinstance(X, str | bytes | dict | set) or not hasattr(X, "__getitem__"):
        raise InvalidTestSetError(
            problem=f"X is of type {type(X).__name__}; an array, a data frame or a list is expected"
        )
    try:  # a sparse matrix has a shape, and no length
        return int(X.shape[0]) if hasattr(X, "shape") else len(X)  # type: ignore[arg-type]  # else it raises
    except (IndexError, TypeError):
        raise InvalidTestSetError(problem="X is a single value; it needs rows") from None
