"""What a new release has to keep, when that is judged, and which values are refused."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelship.errors import InvalidOptionError
from modelship.routing import Bounds, Canary, Shadow
from modelship.routing.figures import Figures, Latencies
from modelship.routing.forwarding import Turns


def figures(requests, errors=0, *, ms=10.0, **counts):
    answers = {Latencies.bucket(ms / 1000): requests - errors}
    return Figures(requests=requests, errors=errors, latencies=Latencies(answers), **counts)


@pytest.mark.parametrize(
    ("bounds", "new", "old", "told"),
    [
        (Bounds(), figures(100, 1), figures(900), ""),
        (Bounds(), figures(100, 2), figures(900), "2 errors in 100 requests"),
        (Bounds(error_rate=None), figures(100, 99), figures(900), ""),
        (Bounds(), figures(100, 6), figures(900, 45), ""),  # bad requests fail on both
        (Bounds(), figures(100, 40), figures(900, 45), "40 errors"),
        (Bounds(), figures(50, refused=5), figures(450), ""),
        (Bounds(), figures(50, refused=50), figures(450), "50 of 50 requests were answered with"),
        (Bounds(), figures(50, refused=16), figures(450, refused=90), ""),  # its callers' own
        (Bounds(), figures(10, refused=2), figures(9), ""),  # one caller may be wrong twice
        (Bounds(refused_rate=None), figures(50, refused=50), figures(450), ""),
        (Bounds(), figures(30, ms=40), figures(90, ms=10), "95th percentile"),
        (Bounds(), figures(30, ms=25), figures(90, ms=10), ""),
        (Bounds(), figures(30, ms=4), figures(90, ms=1), ""),  # 3 ms more is noise
        (Bounds(), figures(19, ms=400), figures(90, ms=10), ""),  # too few to say
        (Bounds(p95_s=0.1), figures(30, ms=120), figures(0), "100 ms is the bound"),
        (Bounds(), figures(50, compared=50, differing=50), figures(9), ""),
        (Bounds(disagreement=0.1), figures(50, compared=50, differing=5), figures(9), ""),
        (Bounds(disagreement=0.1), figures(50, compared=50, differing=6), figures(9), "6 of 50"),
        (
            Bounds(error_rate=None),
            figures(5, 1, unreachable=1),
            figures(9),
            "nothing answers at its address",
        ),
    ],
)
def test_a_bound_that_is_not_kept_is_named(bounds, new, old, told):
    """At the end of a step, each bound is judged by the figures of both releases."""
    reason = bounds.broken(new, old)
    assert bool(reason) == bool(told)
    assert told in reason


def test_a_step_ends_early_only_when_its_outcome_is_certain():
    """One error of 10 may still be one of 100; two of a planned 100 are too many."""
    bounds, old = Bounds(), figures(900)
    assert not bounds.certainly_broken(figures(10, 1), old, planned=100)
    assert bounds.certainly_broken(figures(10, 2), old, planned=100)
    assert not bounds.certainly_broken(figures(10, 2), old, planned=None)
    assert bounds.certainly_broken(figures(10, 3), old, planned=None)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Bounds(error_rate=1.1),
        lambda: Bounds(error_rate=True),
        lambda: Bounds(refused_rate=-0.1),
        lambda: Bounds(p95_ratio=0.5),
        lambda: Bounds(p95_s=math.nan),
        lambda: Bounds(disagreement=-0.1),
        lambda: Bounds(tolerance=None),
        lambda: Canary(weights=()),
        lambda: Canary(weights=(50, 10)),
        lambda: Canary(weights=(0, 10)),
        lambda: Canary(weights=(10, 101)),
        lambda: Canary(weights=10),
        lambda: Canary(requests=0),
        lambda: Canary(seconds=None),
        lambda: Canary(seconds=300, timeout_s=600),
        lambda: Canary(bounds={"error_rate": 0.1}),
        lambda: Shadow(requests=1.5),
        lambda: Shadow(concurrency=65),
        lambda: Shadow(most_recorded=-1),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_when_it_is_made(make):
    """No rollout begins with it."""
    with pytest.raises(InvalidOptionError):
        make()


@given(st.integers(0, 100), st.integers(0, 400))
def test_turns_are_exact_and_even(weight, offset):
    """Any hundred requests in a row have exactly `weight` of them, and the first is one."""
    turns = Turns()
    turns.weight = weight
    taken = [turns.take() for _ in range(offset + 100)]
    assert sum(taken[offset:]) == weight
    assert taken[0] == (weight > 0)


@given(st.lists(st.floats(1e-4, 100.0), min_size=1), st.floats(0.01, 1.0))
def test_percentiles_are_right_to_one_percent(seconds, share):
    """The histogram says what the sorted values say."""
    buckets = [Latencies.bucket(each) for each in seconds]
    found = Latencies({each: buckets.count(each) for each in buckets}).percentile_s(share)
    exact = sorted(seconds)[math.ceil(share * len(seconds)) - 1]
    assert found == pytest.approx(exact, rel=0.0101)


def test_figures_of_a_step_are_what_came_after_its_beginning():
    """Counts and latencies both."""
    early = figures(10, 1, ms=5)
    late = replace(figures(30, 4, ms=50), latencies=Latencies({**early.latencies.buckets, 400: 7}))
    found = late.since(early)
    assert (found.requests, found.errors, found.latencies.count) == (20, 3, 7)
    assert "new.p95_ms" in found.named("new")
    assert "new.p95_ms" not in Figures().named("new")
