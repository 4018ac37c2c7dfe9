"""When two answers are equal, and where they first differ."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelship.comparison.differences import differences
from modelship.comparison.values import are_equal, at, first_difference, written
from modelship.parity import PlaceAnswer, ScoringRequest

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def body_difference(one, other, *, media_type="application/json"):
    """Return the one difference between two answers that differ in their bodies at most."""
    headers = [("Content-Type", media_type)]
    answers = {
        "here": PlaceAnswer.of(200, headers, one),
        "there": PlaceAnswer.of(200, headers, other),
    }
    [found] = differences(ScoringRequest("asked"), answers, tolerance=0.0)
    return found


@given(JSON)
def test_every_value_equals_itself(value):
    """Comparing is reflexive for whatever JSON holds, NaN included."""
    assert are_equal(value, json.loads(json.dumps(value)))


@given(JSON, JSON)
def test_the_way_to_a_difference_leads_to_one(one, other):
    """What stands there differs in both, by itself; and it does not matter which comes first."""
    path = first_difference(one, other)
    assert (path is None) == are_equal(other, one)
    if path is not None:
        assert not are_equal(at(one, path), at(other, path))


@pytest.mark.parametrize(
    ("one", "other", "where"),
    [
        (1, 1.0, ""),
        (1, True, ""),
        (0.1, 0.1 + 1e-9, ""),
        ([1], [1, None], "[1]"),
        ({"a": 1, "b": [2, {"a key": 3}]}, {"b": [2, {"a key": 4}], "a": 1}, '.b[1]["a key"]'),
        ({"a": "(absent)"}, {}, ".a"),
        ("1", 1, ""),
        ([[1], [2], [3]], [[1], [0], [0]], "[1][0]"),
    ],
)
def test_types_and_values_count(one, other, where):
    """What looks alike and is not the same differs, either way, and it is said where."""
    assert written(first_difference(one, other)) == where
    assert written(first_difference(other, one)) == where


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(1e-12, 1e-3))
def test_the_tolerance_is_that_of_isclose(value, tolerance):
    """It is absolute, or relative to the larger of both."""
    other = value * (1 + tolerance / 2)
    assert are_equal(value, other, tolerance=tolerance) == math.isclose(
        value, other, rel_tol=tolerance, abs_tol=tolerance
    )


def test_a_difference_deep_in_a_long_body_is_shown_itself():
    """Not the beginning of both bodies, which is the same."""
    one = [0.5] * 1000
    found = body_difference(json.dumps(one).encode(), json.dumps([*one[:-1], 0.25]).encode())
    assert (found.where, dict(found.values)) == ("[999]", {"here": "0.5", "there": "0.25"})


def test_bytes_are_shown_around_the_first_that_differs():
    """With its position, and nothing in it that a terminal would obey."""
    one, other = b"x" * 1000 + b"\x1b[2J", b"x" * 1000 + b"!"
    found = body_difference(one, other, media_type="application/octet-stream")
    assert found.where == "byte 1000"
    assert r"\x1b[2J… (1004 bytes)" in str(found)
    assert len(str(found)) < 400


def test_headers_of_the_contract_count_and_others_do_not():
    """Of a time that differs by nature only that it is there."""
    kept = [("X-MS-Run-Function-Failed", "True"), ("x-ms-run-fn-exec-ms", "1.5"), ("Date", "now")]
    one = PlaceAnswer.of(200, kept, b"")
    other = PlaceAnswer.of(200, [("x-ms-run-fn-exec-ms", "7.25"), ("Server", "gunicorn")], b"")
    found = list(differences(ScoringRequest("asked"), {"a": one, "b": other}, tolerance=0.0))
    assert [each.what for each in found] == ["header x-ms-run-function-failed"]
    assert dict(found[0].values) == {"a": "True", "b": "(absent)"}


def test_an_answer_that_is_nested_too_deeply_is_compared_as_bytes():
    """It ends no comparison."""
    one, other = b"[" * 100_000 + b"]" * 100_000, b"[" * 100_000
    assert body_difference(one, other).where == "byte 100000"
