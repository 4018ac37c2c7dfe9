"""The rows of a call follow how long earlier calls took, and their answers do not change."""

from __future__ import annotations

import pyarrow as pa
import pytest

from modelship.batch.bisecting import Bisection
from modelship.batch.call_errors import CallError
from modelship.batch.call_sizes import MeasuredSizes

TIMEOUT_S = 60.0


class Script:
    """Takes some time for each call, and for each row, by a clock of its own."""

    def __init__(self, monkeypatch, *, call_s=0.0, row_s=0.0):
        self.call_s, self.row_s, self.now_s = call_s, row_s, 0.0
        self.calls, self.timeouts = [], 0
        monkeypatch.setattr("time.monotonic", lambda: self.now_s)

    def __call__(self, first, stop, *, timeout_s):
        """Answer with the positions of the rows."""
        needed_s = self.call_s + (stop - first) * self.row_s
        self.now_s += min(needed_s, timeout_s)
        if needed_s > timeout_s:
            self.timeouts += 1
            raise CallError("too slow", is_timeout=True)
        self.calls.append(stop - first)
        return pa.table({"prediction": range(first, stop)})

    def score(self, rows, sizes):
        """Score so many rows."""
        answers, bad = Bisection(self, timeout_s=TIMEOUT_S).run(rows, sizes=sizes)
        assert [(first, stop) for first, stop, _ in answers][-1][1] == rows
        assert sum(stop - first for first, stop, _ in answers) == rows
        assert bad == []


@pytest.mark.parametrize("call_s", [0.0003, 0.02])
def test_a_fast_script_gets_most_rows_from_the_beginning(monkeypatch, call_s):
    """The same calls in each run, after a few rows whose answers are dropped."""
    script, sizes = Script(monkeypatch, call_s=call_s, row_s=1e-6), MeasuredSizes()
    for _ in range(2):
        script.score(120_000, sizes)
    assert script.calls == [1, 1, 16, 256, *[50_000, 50_000, 20_000] * 2]


@pytest.mark.parametrize("row_s", [0.0001, 0.0012, 0.01, 0.5])
def test_a_slow_script_has_no_timeouts(monkeypatch, row_s):
    """Its calls take about 3 seconds, and all rows cost little more than they must."""
    script, sizes = Script(monkeypatch, row_s=row_s), MeasuredSizes()
    script.score(30_000, sizes)
    assert script.timeouts == 0
    assert 1 < sizes.rows * row_s < 6
    assert script.now_s < 1.05 * 30_000 * row_s + 1


@pytest.mark.parametrize("call_s", [0.5, 3.0, 20.0, 40.0])
def test_what_each_call_costs_makes_no_call_smaller(monkeypatch, call_s):
    """A script that takes long to begin is called as rarely as possible."""
    script, sizes = Script(monkeypatch, call_s=call_s, row_s=1e-5), MeasuredSizes()
    script.score(300_000, sizes)
    assert sizes.rows == 50_000
    assert len(script.calls) < 24


def test_a_script_too_slow_for_two_rows_loses_few_calls(monkeypatch):
    """One row at a time, after a call that took too long."""
    script, sizes = Script(monkeypatch, row_s=40), MeasuredSizes()
    script.score(20_000, sizes)
    assert {*script.calls} == {1}
    assert script.timeouts < 6


def test_the_rest_of_a_piece_says_nothing_of_the_size():
    """Nor does a pause of the machine for long."""
    sizes = MeasuredSizes()
    sizes.note(256, 0.01, timeout_s=TIMEOUT_S)
    sizes.note(sizes.rows, 0.9, timeout_s=TIMEOUT_S)
    before = sizes.rows
    sizes.note(3, 0.5, timeout_s=TIMEOUT_S)
    assert sizes.rows == before
    sizes.note(before, 30, timeout_s=TIMEOUT_S)
    assert 0 < sizes.rows < before
    for _ in range(2):
        sizes.note(sizes.rows, sizes.rows * 2e-5, timeout_s=TIMEOUT_S)
    assert sizes.rows >= before
