"""Define errors of test sets and evaluations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelship.errors.base_error import ModelshipError, nearest, rebuild

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "EvaluationError",
    "GateError",
    "InvalidTestSetError",
    "PictureError",
    "PredictionError",
    "UnknownMetricError",
]


class EvaluationError(ModelshipError):
    """A test set is invalid, or its evaluation failed."""

    exit_code = 4


@dataclass(eq=False)
class InvalidTestSetError(EvaluationError):
    """X and y are not a valid test set."""

    _message = "This is not a usable test set: {problem}."

    problem: str
    advice: str = ""


@dataclass(eq=False)
class PredictionError(EvaluationError):
    """The model or service did not return one prediction per row."""

    _message = "{summary}: {problem}."

    problem: str
    advice: str = (
        "If the service uses another request format, pass encode= (--encode MODULE:FUNCTION) and "
        "decode= (--decode MODULE:FUNCTION)."
    )
    summary: str = "The answer does not hold one prediction per row"


@dataclass(eq=False)
class UnknownMetricError(EvaluationError, AttributeError):
    """The report has no metric of this name; also an ``AttributeError``, for ``hasattr``."""

    name: str
    known: Sequence[str]

    @property
    def message(self) -> str:
        return f"There is no metric {self.name!r}{nearest(self.name, self.known)}."

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (type(self), {**self.__dict__, "name": self.name})

    @property
    def hint(self) -> str:
        return f"Available: {', '.join(self.known)}."


@dataclass(eq=False)
class PictureError(EvaluationError):
    """A plot cannot be drawn from this report."""

    _message = "Cannot draw the image: {problem}."

    problem: str
    advice: str = ""


@dataclass(eq=False)
class GateError(EvaluationError):
    """A report does not meet a bound; the full report is in ``report``."""

    report: Any
    failures: Sequence[str]

    @property
    def message(self) -> str:
        return f"The model does not pass the gate: {'; '.join(self.failures)}."
