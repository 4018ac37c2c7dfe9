"""A job whose first rows all fail ends early; one with bad rows at its beginning does not."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pandas as pd
import pytest
from fake_scoring import FakeEngine, FakeProcess, SlowProcess

import modelship as ms
from modelship import errors
from modelship.batch import piece_progress
from modelship.batch.batch_plan import Piece
from modelship.batch.batch_progress import ProgressReport
from modelship.batch.batch_status import BatchStatus
from modelship.batch.bisecting import Bisection
from modelship.batch.call_sizes import FixedSize
from modelship.batch.first_rows import NothingScoredError, sample_places
from modelship.batch.manifest import Entry
from modelship.batch.piece_progress import PieceProgress, progress_teller
from modelship.batch.scoring_process import CallError


@pytest.fixture
def job(idle_bundle, tmp_path):
    """Return a function that makes a job over numbers, in pieces of about so many bytes."""

    def made(values, piece_bytes=2**20, **given):
        if not (tmp_path / "rows.csv").exists():
            pd.DataFrame({"a": values}).to_csv(tmp_path / "rows.csv", index=False)
        return ms.BatchJob(
            *(idle_bundle, tmp_path / "rows.csv", tmp_path / "out"),
            options=ms.BatchOptions(piece_bytes=piece_bytes),
            **{"engine": FakeEngine(), "check": "off", **given},
        )

    return made


@pytest.mark.parametrize("piece_bytes", [2**20, 300, 60, 1])
def test_a_job_whose_rows_all_fail_ends_after_few_calls(job, piece_bytes):
    """Whatever the size of its pieces; the error has the reason and the way to score on."""
    process = FakeProcess()
    with pytest.raises(errors.BatchStoppedError, match="a negative number") as caught:
        job([-1] * 300, piece_bytes, engine=FakeEngine(process)).run()
    assert len(process.calls) <= 1 + 3 * (1 + 10)  # the trial, and each piece with ten rows alone
    assert "--error-threshold -1" in caught.value.hint
    assert caught.value.done == 0


class TimedOut(FakeProcess):
    """Takes too long for each call."""

    def score(self, first, stop, *, timeout_s):
        raise CallError("run() took longer than it may", is_timeout=True)


def test_a_job_whose_first_calls_take_too_long_advises_more_time(job):
    """That helps where nothing is wrong with the script."""
    with pytest.raises(errors.BatchStoppedError) as caught:
        job([1] * 300, engine=FakeEngine(TimedOut())).run()
    assert "more time with timeout_s (--call-timeout)" in caught.value.hint


def test_the_folder_of_a_job_that_did_nothing_takes_a_corrected_one(job, tmp_path):
    """The script is corrected, or an option: nothing of the first try is left."""
    with pytest.raises(errors.BatchStoppedError):
        job([-1] * 50).run()
    (tmp_path / "rows.csv").unlink()
    assert job(range(50)).run().rows_out == 50


def test_a_job_that_ended_by_its_threshold_takes_a_corrected_one_if_nothing_is_done(job, tmp_path):
    """Its first piece had too many rows that failed: the same command runs what is corrected."""
    with pytest.raises(errors.BatchStoppedError, match="more than 2") as caught:
        job([-1] * 5 + [1] * 45, error_threshold=2).run()
    assert "run the same command again" in caught.value.hint
    (tmp_path / "rows.csv").unlink()
    assert job(range(50), error_threshold=2).run().rows_out == 50


@pytest.mark.parametrize("threshold", [None, 6])
def test_a_job_with_entries_that_ends_advises_another_folder(job, tmp_path, threshold):
    """Its own takes no corrected bundle or input, so the same command would not help."""
    (tmp_path / "rows.csv").write_text("a\n" + "1,2,3\n" * 12 + "-1\n" * 40)
    with pytest.raises(errors.BatchStoppedError) as caught:
        job([], 30, error_threshold=threshold).run()
    assert caught.value.done > 0
    assert "name another output folder" in caught.value.hint
    assert "--error-threshold" in caught.value.hint


@pytest.mark.parametrize("bad", [1, 30, 900])
@pytest.mark.parametrize("piece_bytes", [2**20, 300])
def test_bad_rows_at_the_beginning_end_nothing(job, bad, piece_bytes):
    """Rows from all over a piece are tried, and two pieces more if all of these fail."""
    values = [-1] * bad + [1] * (1000 - bad)
    made = job(values, piece_bytes if bad < 900 else 2**20)
    summary = made.run()
    assert (summary.rows_out, summary.failed) == (1000 - bad, bad)


def test_postponed_pieces_are_scored_once_a_row_of_another_was(job):
    """The first two pieces are bad: they come last."""
    process = FakeProcess()
    made = job([-1] * 100 + [1] * 100, 150, engine=FakeEngine(process))
    summary = made.run()
    assert (summary.rows_out, summary.failed) == (100, 100)
    assert summary.pieces == 4


def test_a_postponed_piece_is_cut_too(idle_bundle, tmp_path):
    """Ten rows from all over it fail, and the others take a second each."""
    values = [1 if at % 11 else -1 for at in range(100)]
    for name, rows in (("bad", values), ("good", [1] * 5)):
        pd.DataFrame({"a": rows}).to_csv(tmp_path / f"{name}.csv", index=False)
    inputs, engine = [tmp_path / "bad.csv", tmp_path / "good.csv"], FakeEngine(SlowProcess())
    summary = ms.BatchJob(idle_bundle, inputs, tmp_path / "out", engine=engine, check="off").run()
    assert (summary.rows_out, summary.failed) == (95, 10)
    assert summary.pieces == summary.scored > 2


def test_a_resumed_job_with_scored_rows_does_not_end_early(job):
    """An earlier run has proven the script."""
    made = job([1] * 40 + [-1] * 400, 80)
    with pytest.raises(errors.BatchInterruptedError):
        made.run(on_progress=lambda status: made.stop() if status.rows_out else None)
    assert made.run().failed == 400


def test_a_job_whose_rows_all_failed_is_no_success(job):
    """Not even if any number may fail; it says so again when it is run again."""
    for _ in range(2):
        made = job([-1] * 20, error_threshold=-1)
        with pytest.raises(errors.BatchStoppedError, match="all 20 rows failed, most of them with"):
            made.run()
        assert not (made.output / "_SUCCESS").exists()


def test_rows_that_are_tried_alone_have_a_tenth_of_the_time():
    """The last one has all of it, as it may be slow only."""
    limits = []

    def score(first, stop, *, timeout_s):
        limits.append(timeout_s)
        raise CallError("too slow", is_timeout=True)

    with pytest.raises(NothingScoredError) as caught:
        Bisection(score, timeout_s=60, needs_proof=True).run(500, sizes=FixedSize(500))
    assert limits == [60, *[6] * 10, 60]
    assert caught.value.tried.is_timeout


def test_the_rows_that_are_tried_are_from_all_over_a_piece():
    """Up to ten, with the first one and the last one."""
    assert [*sample_places(3)] == [0, 1, 2]
    found = sample_places(1000)
    assert (len({*found}), found[0], found[-1]) == (10, 0, 999)


def test_the_rows_of_a_piece_under_way_are_shown(job):
    """With those that failed, before the piece is done."""
    shown = []
    status = BatchStatus("out", "running", 100, 20, 20, 0, 4, 1, 1.0)
    report = ProgressReport(status, lambda done, words: shown.append((done, words)))
    report.during(PieceProgress(1, scored=5, failed=3, seconds=2.0))
    report.done(Entry(1, 10, 7, 3, "", 0, "", seconds=3.0, ended=time.time()))
    assert [done for done, _ in shown] == [28, 30]
    assert shown[0][1].endswith("3 failed")


def test_a_piece_tells_its_progress_each_second(monkeypatch):
    """Not after each of its calls."""
    told, now = [], []
    clock = SimpleNamespace(monotonic=lambda: 0.25 * len(now))
    monkeypatch.setattr(piece_progress, "time", clock)
    tell = progress_teller(Piece(7, 0, 0, 9, 0, 9), told.append)
    for at in range(20):
        tell(at, 0)
        now.append(at)
    assert [(each.piece, each.scored, each.seconds) for each in told] == [
        (7, 4 * at, at) for at in range(1, 5)
    ]
