"""The rows of a call follow how long earlier calls took, and their answers do not change."""

from __future__ import annotations

from contextlib import closing

import pyarrow as pa
import pytest

from modelship.batch.bisecting import Bisection
from modelship.batch.call_errors import CallError
from modelship.batch.call_sizes import MeasuredSizes, MiniBatchSizes
from modelship.batch.scoring_process import ScoringProcess
from modelship.batch.slow_pieces import Splitting

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


@pytest.mark.parametrize("rows", [18, 100, 300, 19_000])
def test_a_fast_script_gets_the_same_calls_for_small_pieces(monkeypatch, rows):
    """Each piece is one call, also the first one of a process."""
    script, sizes = Script(monkeypatch, row_s=1e-6), MeasuredSizes()
    for _ in range(2):
        script.calls.clear()
        script.score(rows, sizes)
        assert script.calls[-1] == rows
    assert script.calls == [rows]


@pytest.mark.parametrize("rows", [1, 2, 40, 300])
@pytest.mark.parametrize("row_s", [0.1, 2, 10, 29])
def test_small_pieces_of_a_slow_script_have_no_timeouts(monkeypatch, rows, row_s):
    """Nor is a row scored twice whose answer has taken long."""
    script, sizes = Script(monkeypatch, row_s=row_s), MeasuredSizes()
    script.score(rows, sizes)
    assert script.timeouts == 0
    assert script.now_s < rows * row_s + 0.5


def test_a_slow_script_with_a_bad_first_row_has_no_timeouts(monkeypatch):
    """The trial that failed is followed by a call of few rows."""
    script, sizes = Script(monkeypatch, row_s=2.0), MeasuredSizes()

    def score(first, stop, *, timeout_s):
        if first == 0:
            raise CallError("ValueError: bad")
        return script(first, stop, timeout_s=timeout_s)

    _, bad = Bisection(score, timeout_s=TIMEOUT_S).run(100, sizes=sizes)
    assert [each.row for each in bad] == [0]
    assert script.timeouts == 0


def test_sizes_learn_from_the_halves_of_a_call_that_took_too_long(monkeypatch):
    """A script that becomes slow has one such call, and the next ones have a size that fits."""
    script, sizes = Script(monkeypatch, row_s=1e-5), MeasuredSizes()
    script.score(60_000, sizes)
    script.row_s = 0.1
    script.calls.clear()
    before_s = script.now_s
    script.score(50_000, sizes)
    assert 12 <= sizes.rows <= 48
    assert script.now_s - before_s < 5_000 + 240


def test_a_slow_script_is_not_called_with_too_many_rows(place_of):
    """A piece of 30 rows that would take longer than the timeout in one call has none."""
    text = (
        "import json, time\n\n\ndef init(): pass\n\n\ndef run(raw_data):\n"
        "    rows = json.loads(raw_data)['data']\n"
        "    time.sleep(0.1 * len(rows))\n"
        "    return [len(rows)] * len(rows)\n"
    )
    with closing(ScoringProcess(place_of(text), start_timeout_s=30)) as process:
        process.put(pa.table({"a": range(30)}))
        bisection = Bisection(process.score, timeout_s=2)
        answers, bad = bisection.run(30, sizes=process.sizes)
    sizes = [each for *_, table in answers for each in table.column("prediction").to_pylist()]
    assert (len(sizes), bad) == (30, [])
    assert max(sizes) < 20


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


def test_a_script_of_mini_batches_gets_most_rows(monkeypatch):
    """It may compare the rows of a call, so nothing is tried, and long calls stay."""
    script, sizes = Script(monkeypatch, row_s=1e-3), MiniBatchSizes()
    for _ in range(2):
        script.score(70_000, sizes)
    assert script.calls == [50_000, 20_000] * 2


def test_mini_batches_that_take_too_long_become_smaller_and_their_piece_is_cut(monkeypatch):
    """Once only: other pieces of the process begin with calls of the right size."""
    script, sizes = Script(monkeypatch, row_s=0.4), MiniBatchSizes()
    bisection = Bisection(script, timeout_s=TIMEOUT_S, splitting=Splitting(2000, 2))
    answers, _ = bisection.run(2000, sizes=sizes)
    assert answers[-1][1] + sum(bisection.rest) == 2000
    assert len(bisection.rest) >= 8
    assert script.now_s < 3 * TIMEOUT_S
    timeouts = script.timeouts
    script.score(100, sizes)
    assert script.timeouts == timeouts
    assert max(script.calls[-9:]) > 1
