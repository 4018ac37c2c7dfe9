"""Requests made from a sample request: some that are known to be awkward, and random ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import MissingExtraError
from modelship.parity.scoring_request import ScoringRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypothesis.strategies import SearchStrategy

__all__ = ["generate_requests"]

_MOST_NODES: Final = 2000
_HUGE_BYTES: Final = 2_000_000
_DELETED: Final = object()
_TWICE: Final = object()


def generate_requests(
    sample_json: str, *, count: int = 50, seed: int = 0
) -> tuple[ScoringRequest, ...]:
    """Return the sample request, awkward ones made of it, and `count` random ones.

    The same sample, count and seed give the same requests.

    Parameters
    ----------
    sample_json : str
        A request that the service answers, as JSON.
    count : int
        How many random requests to make.
    seed : int
        For the random ones.

    Raises
    ------
    MissingExtraError
        If random requests are asked for, and hypothesis is not installed.
    """
    sample = json.loads(sample_json)
    known = [ScoringRequest("the sample", sample_json.encode()), *_awkward(sample)]
    return (*known, *(_random(sample, count=count, seed=seed) if count else ()))


def _awkward(sample: Any) -> Iterator[ScoringRequest]:
    text = json.dumps(sample)
    bodies = {
        "an empty body": b"",
        "an empty object": b"{}",
        "an empty list": b"[]",
        "null": b"null",
        "a number": b"1",
        "text": '"h\u00e9llo \u4e16\u754c \U0001f600"'.encode(),
        "no JSON": text[:-1].encode() + b",",
        "no UTF-8": b"\xff\xfe" + text.encode(),
        "a byte order mark": b"\xef\xbb\xbf" + text.encode(),
        "JSON in a text": json.dumps(text).encode(),
        "deep nesting": b"[" * 500 + b"]" * 500,
        "NaN": _with_leaves(sample, float("nan")),
        "an infinity": _with_leaves(sample, float("inf")),
        "huge numbers": _with_leaves(sample, 1e308),
        "texts": _with_leaves(sample, "a"),
        "nulls": _with_leaves(sample, None),
        "a huge body": b'{"data": "' + b"x" * _HUGE_BYTES + b'"}',
    }
    for label, body in bodies.items():
        yield ScoringRequest(label, body)
    yield ScoringRequest("as text/plain", text.encode(), headers={"Content-Type": "text/plain"})
    yield ScoringRequest("without a content type", text.encode(), headers={})
    yield ScoringRequest("GET", method="GET", path="/score?data=%5B1%5D&x=y", headers={})
    yield ScoringRequest("GET without a query", method="GET", headers={})
    yield ScoringRequest("PUT", text.encode(), method="PUT")
    yield ScoringRequest("another path", text.encode(), path="/score/")


def _with_leaves(sample: Any, leaf: Any) -> bytes:
    """Return the sample with each number, text and null replaced."""

    def replaced(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: replaced(each) for key, each in value.items()}
        return [replaced(each) for each in value] if isinstance(value, list) else leaf

    return json.dumps(replaced(sample)).encode()


def _random(sample: Any, *, count: int, seed: int) -> list[ScoringRequest]:
    try:
        import hypothesis
        from hypothesis import strategies as st
    except ImportError:
        purpose = "Making random requests"
        raise MissingExtraError(purpose=purpose, extra="parity") from None
    found: list[ScoringRequest] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
        derandomize=False,
    )
    @hypothesis.given(_edits(st, nodes=_count(sample)))
    def collect(edits: list[tuple[int, Any]]) -> None:
        body = json.dumps(_edited(sample, dict(edits))).encode()
        found.append(ScoringRequest(f"random {len(found) + 1}", body))

    collect()
    return found[:count]


def _edits(st: Any, *, nodes: int) -> SearchStrategy[list[tuple[int, Any]]]:
    """Return a strategy for what to put in the place of which nodes of the sample."""
    replacement = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from([[], {}, [[]], [1], {"data": []}, _DELETED, _TWICE]),
    )
    place = st.integers(0, min(nodes, _MOST_NODES) - 1)
    edits: SearchStrategy[list[tuple[int, Any]]] = st.lists(
        st.tuples(place, replacement), min_size=1, max_size=3
    )
    return edits


def _count(value: Any) -> int:
    """Return how many nodes a JSON value has, itself included."""
    parts = value.values() if isinstance(value, dict) else value
    return 1 + (sum(_count(part) for part in parts) if isinstance(value, (dict, list)) else 0)


def _edited(sample: Any, edits: dict[int, Any]) -> Any:
    """Return the sample with the nodes replaced that `edits` names by their number, depth first."""
    numbers = iter(range(_count(sample)))

    def copied(value: Any) -> list[Any]:
        edit = edits.get(next(numbers), copied)
        if edit is not copied and edit is not _TWICE:
            for _ in range(_count(value) - 1):
                next(numbers)
            return [] if edit is _DELETED else [edit]
        if isinstance(value, dict):
            pairs = [(key, copied(part)) for key, part in value.items()]
            new: Any = {key: part[0] for key, part in pairs if part}
        elif isinstance(value, list):
            new = [each for part in value for each in copied(part)]
        else:
            new = value
        return [new, new] if edit is _TWICE else [new]

    found = copied(sample)
    return found[0] if found else None
