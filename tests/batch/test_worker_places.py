"""A worker of an engine keeps the scoring processes of a job, and ends them."""

from dataclasses import replace

import pandas as pd
import pytest
from fake_scoring import PLUS_ONE

import modelship as ms
from modelship import errors
from modelship.batch.engines.sent_work import narrowed, sent_bundle
from modelship.batch.engines.worker_places import WorkerPlace, score_here
from modelship.batch.piece_work import Work
from modelship.batch.scoring_process import ScoringProcess
from waiting import wait_until


@pytest.fixture
def work(idle_bundle, tmp_path):
    """Return the work of a job of two files, of several pieces each."""
    for name in ("one", "two"):
        pd.DataFrame({"a": range(9)}).to_csv(tmp_path / f"{name}.csv", index=False)
    inputs = [tmp_path / "one.csv", tmp_path / "two.csv"]
    options = ms.BatchOptions(piece_bytes=8)
    plan = ms.BatchJob(idle_bundle, inputs, tmp_path / "out", options=options).plan()
    bundle = idle_bundle.save(tmp_path / "bundle")
    return Work(str(bundle), str(tmp_path / "out"), plan, timeout_s=30, start_timeout_s=30)


def test_a_piece_is_sent_with_its_file_alone(work, places):
    """What is sent does not grow with the plan, and gives the same result."""
    piece = work.plan.pieces[-1]
    sent, alone = narrowed(work, piece)
    assert (len(sent.plan.files), len(sent.plan.pieces)) == (1, 0)
    place = WorkerPlace(sent, place=places(PLUS_ONE))
    result = place.score(sent, alone)
    place.close()
    assert (result.piece, result.rows_out) == (piece.number, piece.rows)


def test_files_are_sent_with_those_of_their_piece(work):
    """A piece of files has positions among the files that are sent."""
    plan = replace(work.plan, options=ms.BatchOptions(items="files"))
    piece = replace(plan.pieces[0], start=1, stop=2)
    sent, alone = narrowed(replace(work, plan=plan), piece)
    assert sent.plan.files_of(alone) == plan.files_of(piece)


def test_an_error_of_the_progress_costs_no_piece(work, places):
    """The driver shows less, and the rows are scored all the same."""
    place = WorkerPlace(
        work, place=places(PLUS_ONE.replace("    return", "    time.sleep(1.1)\n    return"))
    )
    told = []

    def tell(progress):
        told.append(progress)
        raise OSError("the channel is closed")

    result = place.score(work, work.plan.pieces[0], tell=tell)
    place.close()
    assert result.rows_out == work.plan.pieces[0].rows
    assert told


def test_an_idle_place_ends_its_processes(work, places, wait_for_no_scorer, tmp_path):
    """A driver that was killed leaves no scoring process behind."""
    place = WorkerPlace(work, idle_s=0.2, place=places(PLUS_ONE))
    place.score(work, work.plan.pieces[0])
    wait_until(lambda: place.is_closed)
    wait_for_no_scorer(tmp_path / "place" / "app")


def test_a_place_that_ends_is_ended_once(work, places, monkeypatch):
    """Also if its driver ends it just when it ends because it is idle."""
    place, closed = WorkerPlace(work, place=places(PLUS_ONE)), []

    def close(process, close=ScoringProcess.close):
        closed.append(process)
        place.close()
        close(process)

    monkeypatch.setattr(ScoringProcess, "close", close)
    place.score(work, work.plan.pieces[0])
    place.close()
    assert len(closed) == 1


def test_the_bundle_is_on_the_output_while_it_is_needed(work, idle_bundle):
    """Workers read it where they write to, and it is removed at the end."""
    with sent_bundle(work) as sent:
        assert ms.ScoringBundle.load(sent.bundle).digest == idle_bundle.digest
    with pytest.raises(errors.BatchEngineError, match="does not see .*out"):
        score_here(sent, work.plan.pieces[0])


def test_another_bundle_is_refused(work):
    """A worker runs nothing that was changed on the shared disk."""
    other = replace(work, plan=replace(work.plan, bundle_digest="0" * 64))
    with pytest.raises(errors.DigestMismatchError):
        score_here(other, work.plan.pieces[0])
