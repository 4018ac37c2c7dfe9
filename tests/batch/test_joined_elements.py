"""Once the elements of all pieces are in one file, only that is left, whatever happens."""

from __future__ import annotations

import json
import os
import shutil
import signal

import pytest
from click.testing import CliRunner
from fake_scoring import FakeEngine, FakeProcess
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from killed_jobs import begun, ended, run_killed_at

import modelship as ms
from modelship.batch.scored_rows import Elements
from modelship.batch.scoring_process import CallError
from modelship.cli.app import cli
from modelship.errors import BatchInterruptedError

SCRIPT = "def init(): pass\ndef run(mini_batch): return mini_batch\n"
EXPECTED = "0\n1\n3\n4\n"


class Echo(FakeProcess):
    """Answers with the names of files; it refuses one of them."""

    takes_mini_batches = True

    def score_mini_batch(self, first, stop, *, timeout_s):
        """Return the elements of some files."""
        paths = self.table.column("path").to_pylist()[first:stop]
        names = [each.rpartition("/")[2].removesuffix(".txt") for each in paths]
        if "2" in names:
            raise CallError("ValueError: two")
        return Elements(len(names), "".join(f"{each}\n" for each in names).encode())


@pytest.fixture
def job(bare_bundle, tmp_path):
    """Return a function that makes a job over five files, in pieces of one."""
    bundle = bare_bundle(SCRIPT)
    (tmp_path / "in").mkdir()
    for number in range(5):
        (tmp_path / f"in/{number}.txt").write_text("")

    def made(**given):
        options = ms.BatchOptions(items="files", output_action="append_row", mini_batch_size=1)
        return ms.BatchJob(
            *(bundle, tmp_path / "in", tmp_path / "out"),
            options=options,
            engine=FakeEngine(Echo()),
            check="off",
            **given,
        )

    return made


def scored(job):
    """Run a job, check its output, and return how many pieces this run has scored."""
    summary = job.run(show_output=False)
    assert (summary.rows_in, summary.rows_out, summary.failed_batches) == (5, 4, 1)
    assert (job.output / "parallel_run_step.txt").read_text() == EXPECTED
    assert not (job.output / "_elements").exists()
    return summary.scored


def test_only_the_joined_file_is_left(job, tmp_path):
    """A job that is run again reads it, its status is known, and so is its report."""
    assert scored(job()) == 5
    assert (scored(job()), scored(job(verify=True)), job().status().failed_batches) == (0, 0, 1)
    job().run(show_output=False).to_html(tmp_path / "report.html")
    assert "mini-batch 2 (2.txt): ValueError: two" in (tmp_path / "report.html").read_text()
    shown = CliRunner().invoke(cli, ["batch", "status", str(tmp_path / "out")])
    assert "mini-batch 2 (2.txt): ValueError: two" in shown.output
    shown = CliRunner().invoke(cli, ["batch", "status", str(tmp_path / "out"), "--json"])
    [bad] = json.loads(shown.output)["failed_mini_batches"]
    assert bad == {"number": 2, "items": 1, "place": "2.txt", "reason": "ValueError: two"}
    written = tmp_path / "out/parallel_run_step.txt"
    written.unlink()
    assert scored(job()) == 4  # one has no elements
    shutil.rmtree(tmp_path / "out/_failed")
    assert scored(job()) == 5


def test_a_changed_file_is_scored_again(job, tmp_path):
    """Also one of the same size; not one that was touched, or whose stamp is not known."""
    scored(job())
    written = tmp_path / "out/parallel_run_step.txt"
    written.write_text("0\n1\n3\n5\n")
    assert scored(job()) == 4
    os.utime(written, ns=(0, 0))
    assert scored(job()) == 0
    (tmp_path / "out/_modelship/joined.json").write_text("{")
    assert scored(job()) == 0
    at = written.stat().st_mtime_ns
    written.write_text("0\n1\n3\n5\n")
    os.utime(written, ns=(at, at))
    assert scored(job(verify=True)) == 4


def test_no_joined_file_is_there_while_a_job_is_not_complete(job, tmp_path, monkeypatch):
    """One that has to score again removes it first."""
    scored(job())
    shutil.rmtree(tmp_path / "out/_failed")
    monkeypatch.setattr(Echo, "score_mini_batch", interrupt)
    with pytest.raises(BatchInterruptedError):
        job().run(show_output=False)
    assert not (tmp_path / "out/parallel_run_step.txt").exists()


def interrupt(*_, **__):
    """End a run."""
    raise KeyboardInterrupt


@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kills=st.lists(st.integers(60, 250), min_size=1, max_size=2))
def test_a_kill_changes_nothing_of_the_joined_file(job, tmp_path, kills):
    """Whatever step the driver is killed at."""
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    for step in kills:
        status = ended(begun(lambda step=step: run_killed_at(step, job())))
        assert status in {0, -signal.SIGKILL}
    scored(job())


@pytest.mark.long
def test_each_step_of_joining_may_be_the_last(job, tmp_path):
    """The job is killed before each of its operations on files, and resumed."""
    status, step = -signal.SIGKILL, 0
    while status:  # until no step is left
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        status = ended(begun(lambda at=step: run_killed_at(at, job())))
        scored(job())
        step += 1
    assert step > 50
