"""A piece that takes long is cut again while the job runs, and each row is scored once."""

import json
import threading
import time

import numpy as np
import pandas as pd
import pytest
from fake_scoring import PLUS_ONE, FakeEngine, SlowProcess

import modelship as ms
from modelship.batch.answer_files import output_tables
from modelship.batch.batch_status import read_job
from modelship.batch.engines import local_pool
from modelship.batch.engines.local_pool import LocalPool
from modelship.batch.piece_work import Work
from modelship.batch.planning import plan_job
from modelship.batch.slow_pieces import Splitting, cuts_of, with_cuts, workers_of
from modelship.errors import BatchInterruptedError

ROWS = 60


@pytest.fixture
def job(idle_bundle, tmp_path):
    """Return a function that makes a job of one piece with a slow script; row 44 is bad."""

    def made(suffix="csv", engine=None):
        table, path = pd.DataFrame({"a": range(ROWS)}), tmp_path / f"rows.{suffix}"
        table.loc[44, "a"] = -1
        if not path.exists():
            {
                "csv": lambda: table.to_csv(path, index=False),
                "csv.gz": lambda: table.to_csv(path, index=False),
                "jsonl": lambda: table.to_json(path, orient="records", lines=True),
                "parquet": lambda: table.to_parquet(path, row_group_size=7),
                "npz": lambda: np.savez(path, a=table.a),
            }[suffix]()
        used = engine or FakeEngine(SlowProcess())
        return ms.BatchJob(idle_bundle, path, tmp_path / "out", engine=used, check="off")

    return made


def scored(output):
    """Return the rows that were scored, in the order of the names of their files."""
    plan, entries = read_job(output)
    entries = sorted(entries, key=lambda each: each.output)
    tables = [table for _, table in output_tables(output, plan, entries)]
    return [row for table in tables for row in table.column(table.column_names[0]).to_pylist()]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((64, 2, 59, 1.0, 1), [7, 7, 8, 7, 7, 8, 7, 8]),  # four for each worker
        ((64, 1, 59, 1.0, 1), [14, 15, 15, 15]),  # for the next run, if it is interrupted
        ((64, 64, 60, 1.0, 1), [1] * 60),
        ((3, 8, 2, 20.0, 1), [1, 1]),
        ((64, 2, 54, 1.0, 10), [10, 10, 10, 10, 10, 4]),  # where calls end
        ((64, 2, 10, 1.0, 10), []),  # one call
        ((64, 2, 9, 1.0, 1), []),  # not long
        ((10**6, 2, 110, 1.0, 1), []),  # about a minute: as long as a new piece
        ((10**6, 2, 10**5, 0.0, 1), []),  # not known to be slow
    ],
)
def test_pieces_fit_the_time_of_a_row(given, expected):
    """Workers have some each, and none is too short or too long."""
    rows, workers, left, row_s, step = given
    found = Splitting(rows, workers).rest(left, row_s=row_s, step=step)
    assert [*found] == expected


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "jsonl", "parquet"])
def test_each_row_of_a_slow_piece_is_scored_once(job, suffix, tmp_path):
    """The files of the output are in the order of the input, as their names say."""
    summary = job(suffix).run(show_output=False)
    assert (summary.rows_in, summary.rows_out, summary.failed) == (ROWS, ROWS - 1, 1)
    assert summary.pieces == summary.scored > 4
    assert job(suffix).status().pieces == summary.pieces
    assert scored(tmp_path / "out") == [each for each in range(ROWS) if each != 44]
    [failed] = (tmp_path / "out/_failed").iterdir()
    assert json.loads(failed.read_text())["row"] == 44
    assert job(suffix).run(show_output=False).scored == 0


def test_an_archive_is_cut_too(job):
    """Its pieces are ranges of rows."""
    summary = job("npz").run(show_output=False)
    assert (summary.rows_out, summary.failed) == (ROWS - 1, 1)


def test_rows_that_cannot_be_read_are_accounted_for(job, tmp_path):
    """Before the cut, and after it."""
    rows = [f"{each},1" if each in {0, 3, 4, 5, 58} else str(each) for each in range(ROWS)]
    (tmp_path / "rows.csv").write_text("\n".join(["a", *rows]))
    summary = job().run(show_output=False)
    assert (summary.rows_out, summary.failed, summary.rows_in) == (ROWS - 5, 5, ROWS)
    assert scored(tmp_path / "out") == [int(each) for each in rows if "," not in each]


def test_it_is_resumed_after_any_piece(job, tmp_path):
    """The parts are in the manifest before what came of them."""
    runs = 0
    while job().output.exists() is False or job().status().state != "complete":
        made = job()
        try:
            made.run(show_output=False, on_progress=lambda _, made=made: made.stop())
        except BatchInterruptedError:
            runs += 1
    assert runs > 4
    assert scored(tmp_path / "out") == [each for each in range(ROWS) if each != 44]


def test_the_pool_runs_pieces_that_are_added(idle_bundle, places, tmp_path):
    """With more processes than there were pieces in the beginning."""
    pd.DataFrame({"a": range(ROWS)}).to_csv(tmp_path / "rows.csv", index=False)
    options = ms.BatchOptions(piece_bytes=30)
    plan = plan_job(idle_bundle, [tmp_path / "rows.csv"], tmp_path / "out", options)
    (tmp_path / "out").mkdir()
    work = Work(str(idle_bundle.save(tmp_path / "saved")), str(tmp_path / "out"), plan, 30, 60)
    given, found = [plan.pieces[0]], {}
    for each in LocalPool(2, place=places(PLUS_ONE)).run(work, given, stopped=threading.Event()):
        found[each.piece] = each.rows_out
        given += plan.pieces[len(given) :]
    assert found == {each.number: each.rows for each in plan.pieces}
    assert len(found) > 2


def test_a_process_stays_for_the_parts_of_its_piece(idle_bundle, places, tmp_path, monkeypatch):
    """It does not start again, which may take long, although the driver has to enter them first."""

    class Halves(Splitting):
        def rest(self, left, *, row_s, step=1):
            return (left,)

    table = pd.DataFrame({"a": range(ROWS)})
    table.to_csv(tmp_path / "rows.csv", index=False)
    options = ms.BatchOptions(call_rows=20)
    plan = plan_job(idle_bundle, [tmp_path / "rows.csv"], tmp_path / "out", options)
    (tmp_path / "out").mkdir()
    bundle, output = str(idle_bundle.save(tmp_path / "saved")), str(tmp_path / "out")
    work = Work(bundle, output, plan, 30, 60, splitting=Halves(ROWS, 1))
    script = PLUS_ONE.replace("    pass", f"    open({str(tmp_path / 'starts')!r}, 'a').write('s')")
    monkeypatch.setattr(local_pool, "_CUT_S", 60.0)  # however slow this machine is
    pool, given = LocalPool(1, place=places("FORKABLE = False\n" + script)), [plan.pieces[0]]
    for found in pool.run(work, given, stopped=threading.Event()):
        time.sleep(0.3)  # as a slow disk
        cuts = cuts_of(plan, plan.pieces[found.piece], [found.rows_in, *found.rest])
        plan = with_cuts(plan, found.piece, cuts)
        given += plan.pieces[len(given) :]
    assert len(given) > 1
    assert (tmp_path / "starts").read_text() == "s"


def test_a_driver_that_ends_between_the_cut_and_its_entry_loses_nothing(job, tmp_path):
    """The piece is the first part then, and is scored again."""

    class Losing(FakeEngine):
        def run(self, work, pieces, *, stopped):
            for found in super().run(work, pieces, stopped=stopped):
                (tmp_path / "out" / found.draft).unlink()
                yield found

    with pytest.raises(FileNotFoundError):
        job(engine=Losing(SlowProcess())).run(show_output=False)
    assert job().run(show_output=False).failed == 1
    assert scored(tmp_path / "out") == [each for each in range(ROWS) if each != 44]


def test_medium_files_are_cut_for_all_workers(idle_bundle, tmp_path):
    """About four pieces each, which do not become small; a size that is given stays."""
    np.save(tmp_path / "rows.npy", np.zeros((2_000_000, 1)))

    def pieces(workers, **options):
        inputs, made = [tmp_path / "rows.npy"], ms.BatchOptions(**options)
        return len(plan_job(idle_bundle, inputs, tmp_path / "out", made, workers=workers).pieces)

    assert [pieces(1), pieces(2), pieces(100)] == [1, 4, 4]
    assert pieces(2, piece_bytes=10**6) > 4


def test_a_cluster_is_taken_to_have_some_workers():
    """How many it will have is not known."""
    assert workers_of(FakeEngine()) >= 1
    assert workers_of(type("Cluster", (), {"scheduler": "tcp://10.0.0.1:8786"})()) > 1
