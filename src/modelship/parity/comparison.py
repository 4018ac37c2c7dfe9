"""What is different between the answers of several places to one request."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from modelship.parity.answers import Answer
    from modelship.parity.scoring_request import ScoringRequest

__all__ = ["Difference", "are_equal", "differences"]

_SHOWN = 160


@dataclass(frozen=True)
class Difference:
    """One thing in which places do not agree.

    Parameters
    ----------
    request : ScoringRequest
        What was asked.
    what : str
        ``"answer"`` (one place gave none), ``"status"``, ``"content type"``, ``"header <name>"``
        or ``"body"``.
    values : Mapping[str, str]
        What each place said, by its name; cut where it is long.
    """

    request: ScoringRequest
    what: str
    values: Mapping[str, str]


def differences(
    request: ScoringRequest, answers: Mapping[str, Answer], *, tolerance: float
) -> Iterator[Difference]:
    """Yield each thing in which the answers to one request differ."""
    failures = {place: answer.failure for place, answer in answers.items()}
    if any(failures.values()):
        if not all(failures.values()):
            told = {
                place: answer.failure or f"status {answer.status}"
                for place, answer in answers.items()
            }
            yield Difference(request, "answer", told)
        return
    names = sorted({name for answer in answers.values() for name in answer.headers})
    parts: dict[str, Callable[[Answer], str]] = {
        "status": lambda answer: str(answer.status),
        "content type": lambda answer: answer.content_type,
        **{f"header {name}": _header(name) for name in names},
    }
    for what, part in parts.items():
        values = {place: part(answer) for place, answer in answers.items()}
        if len({*values.values()}) > 1:
            yield Difference(request, what, values)
    first, *others = (answer.value for answer in answers.values())
    if not all(are_equal(first, other, tolerance=tolerance) for other in others):
        bodies = {place: _shown(answer.body) for place, answer in answers.items()}
        yield Difference(request, "body", bodies)


def are_equal(one: Any, other: Any, *, tolerance: float = 0.0) -> bool:
    """Tell whether two JSON values are equal.

    Types count: 1 is neither 1.0 nor true. NaN equals NaN. The order of keys does not count.

    Parameters
    ----------
    one, other : JSON value or bytes
        What to compare.
    tolerance : float
        By how much two floats may differ, absolutely or relative to the larger (as
        :func:`math.isclose` has it). 0 means not at all.
    """
    waiting = [(one, other)]  # and no recursion: a body may be nested deeply
    while waiting:
        left, right = waiting.pop()
        if type(left) is not type(right):
            return False
        if isinstance(left, dict):
            if left.keys() != right.keys():
                return False
            waiting.extend((left[key], right[key]) for key in left)
        elif isinstance(left, list):
            if len(left) != len(right):
                return False
            waiting.extend(zip(left, right, strict=True))
        elif not _is_close(left, right, tolerance=tolerance):
            return False
    return True


def _is_close(one: Any, other: Any, *, tolerance: float) -> bool:
    if not isinstance(one, float):
        return bool(one == other)
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return one == other or math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)


def _header(name: str) -> Callable[[Answer], str]:
    return lambda answer: answer.headers.get(name, "(absent)")


def _shown(body: bytes) -> str:
    text = body.decode(errors="replace")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(body)} bytes)"
