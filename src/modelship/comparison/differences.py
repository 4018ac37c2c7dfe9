"""Find the differences between the responses of several places to one request."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelship.comparison.scoring_request import excerpt, printable
from modelship.comparison.values import ABSENT, at, first_difference, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from modelship.comparison.answers import PlaceAnswer
    from modelship.comparison.scoring_request import ScoringRequest

__all__ = ["Difference", "differences"]

_SHOWN: Final = 160  # characters
_AROUND: Final = 40  # bytes before the first that differs


@dataclass(frozen=True)
class Difference:
    """One difference between the answers of places.

    Parameters
    ----------
    request : ScoringRequest
        The label of the request.
    what : str
        ``"answer"`` (one place gave none), ``"status"``, ``"content type"``, ``"header <name>"`` or
        ``"body"``.
    values : Mapping[str, str]
        The value of each place, by its name; truncated if it is long.
    where : str
        The first part of the body that differs: ``".result[3]"`` in JSON, ``"byte 17"`` in anything
        else; ``""`` for the whole body, and for everything but a body.
    """

    request: ScoringRequest
    what: str
    values: Mapping[str, str]
    where: str = ""

    def __str__(self) -> str:
        width = max(len(place) for place in self.values)
        told = [f"  {place:<{width}}  {value}" for place, value in self.values.items()]
        return "\n".join((f"{self.request.label}: {self.what} {self.where}".rstrip(), *told))


def differences(
    request: ScoringRequest, answers: Mapping[str, PlaceAnswer], *, tolerance: float
) -> Iterator[Difference]:
    """Yield each difference between the answers to one request."""
    failures = {place: answer.failure for place, answer in answers.items()}
    if any(failures.values()):
        # That a place gives no answer counts, and not its message.
        if not all(failures.values()):
            told = {
                place: answer.failure or f"status {answer.status}"
                for place, answer in answers.items()
            }
            yield Difference(request, "answer", told)
        return
    names = sorted({name for answer in answers.values() for name in answer.headers})
    parts: dict[str, Callable[[PlaceAnswer], str]] = {
        "status": lambda answer: str(answer.status),
        "content type": lambda answer: answer.content_type,
        **{f"header {name}": _header(name) for name in names},
    }
    for what, part in parts.items():
        values = {place: part(answer) for place, answer in answers.items()}
        if len({*values.values()}) > 1:
            yield Difference(request, what, values)
    if len({answer.body for answer in answers.values()}) > 1:
        yield from _of_bodies(request, answers, tolerance=tolerance)


def _of_bodies(
    request: ScoringRequest, answers: Mapping[str, PlaceAnswer], *, tolerance: float
) -> Iterator[Difference]:
    """Yield the first difference between the bodies of the answers, if there is any."""
    values = {place: answer.value for place, answer in answers.items()}
    first, *others = values.values()
    for other in others:
        path = first_difference(first, other, tolerance=tolerance)
        if path is None:
            continue
        if isinstance(first, bytes) and isinstance(other, bytes):
            yield _of_bytes(request, answers, offset=_offset(first, other))
        else:
            told = {place: _shown(at(value, path)) for place, value in values.items()}
            yield Difference(request, "body", told, written(path))
        return


def _of_bytes(
    request: ScoringRequest, answers: Mapping[str, PlaceAnswer], *, offset: int
) -> Difference:
    begin = max(0, offset - _AROUND) if offset > _SHOWN // 2 else 0
    told = {
        place: excerpt(answer.body, begin=begin, most=_SHOWN) for place, answer in answers.items()
    }
    return Difference(request, "body", told, f"byte {offset}" if offset else "")


def _offset(one: bytes, other: bytes) -> int:
    """Return the length of the common prefix, in bytes."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def _header(name: str) -> Callable[[PlaceAnswer], str]:
    return lambda answer: answer.headers.get(name, str(ABSENT.value))


def _shown(value: Any) -> str:
    if value is ABSENT:
        return str(ABSENT.value)
    if isinstance(value, bytes):
        return excerpt(value, most=_SHOWN)
    text = printable(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
