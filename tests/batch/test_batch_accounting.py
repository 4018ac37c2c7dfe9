"""A batch job accounts for every row, whatever ends it, and resumes only what is its own."""

from __future__ import annotations

import fcntl
import json
import os
import time

import pandas as pd
import pytest
from fake_scoring import FakeEngine, FakeProcess

import modelship as ms
from modelship import errors
from modelship.batch import batch_status, driver_lock, job_run
from modelship.batch.batch_status import read_job
from modelship.batch.driver_lock import driving, is_driven
from modelship.batch.local_output import LocalOutput
from modelship.batch.output_names import DRAFTS
from modelship.batch.scoring_process import CallError, ScriptNotReadyError
from modelship.testing import with_lock

SCRIPT = "def init():\n    pass\n\n\ndef run(raw_data):\n    return []\n"


@pytest.fixture
def job(idle_bundle, tmp_path):
    """Return a function that makes a job over the numbers 0 to 29, in pieces of about 5 rows."""

    def made(rows=range(30), engine=None, **given):
        if not (tmp_path / "rows.csv").exists():
            pd.DataFrame({"a": rows}).to_csv(tmp_path / "rows.csv", index=False)
        options = given.pop("options", ms.BatchOptions(piece_bytes=12, call_rows=3))
        engine = engine or FakeEngine()
        out = tmp_path / "out"
        return ms.BatchJob(
            idle_bundle, tmp_path / "rows.csv", out,
            options=options, engine=engine, check="off", **given,
        )  # fmt: skip

    return made


def scored(folder):
    """Return the rows of the output, in order."""
    files = sorted(folder.glob("*.csv"))
    return pd.concat([pd.read_csv(each) for each in files]) if files else pd.DataFrame({"a": []})


def failed(folder):
    """Return the positions of the rows that failed."""
    lines = [each for file in folder.glob("_failed/*") for each in file.read_text().splitlines()]
    return sorted(json.loads(each)["row"] for each in lines)


def test_every_piece_is_entered(job):
    """The counts are in _SUCCESS, and the rows are those of the input."""
    made = job()
    summary = made.run()
    assert (summary.rows_out, summary.failed, summary.scored) == (30, 0, summary.pieces)
    assert scored(made.output).prediction.tolist() == list(range(1, 31))
    document = json.loads((made.output / "_SUCCESS").read_text())
    assert (document["rows_in"], document["job"]) == (30, made.plan().digest)


class FakeUnstableProcess(FakeProcess):
    """It starts twice, and then no more."""

    def start(self):
        self.starts = getattr(self, "starts", 0) + 1
        if self.starts > 2:
            raise ScriptNotReadyError("KeyError: 'DATABASE'")


def test_a_script_that_has_started_before_may_lack_something_now(job):
    """The error does not read as if it had never worked."""
    made = job(engine=FakeEngine(FakeUnstableProcess()))
    with pytest.raises(errors.BatchStoppedError, match="DATABASE") as caught:
        made.run()
    assert caught.value.done == 2
    assert "It has started before" in caught.value.hint
    assert "run the same command again" in caught.value.hint


def test_a_piece_that_an_engine_runs_twice_counts_once(job):
    """An engine runs each piece at least once."""
    made = job(engine=FakeEngine(repeats=2))
    assert made.run().rows_out == 30
    assert len(scored(made.output)) == 30
    assert not (made.output / DRAFTS).exists()


def test_a_complete_job_does_nothing_again(job):
    """Not even its engine is started."""
    job().run()
    process = FakeProcess()
    assert job(engine=FakeEngine(process)).run().scored == 0
    assert process.calls == []


@pytest.mark.parametrize("rows", [range(-29, 1), [*range(10), -1, *range(10)]])
def test_rows_that_fail_are_noted(job, rows):
    """Also if all rows of many pieces do."""
    made = job(rows, error_threshold=-1)
    summary = made.run()
    bad = [at for at, each in enumerate(rows) if each < 0]
    assert failed(made.output) == bad
    assert (summary.rows_out, summary.failed) == (len(rows) - len(bad), len(bad))
    assert job().run().scored == 0


def test_more_failures_than_the_threshold_end_the_job(job):
    """What is done is kept, and a higher threshold resumes it."""
    rows = [*range(10), *range(-20, 0)]
    with pytest.raises(errors.BatchStoppedError, match=r"rows failed, more than 3"):
        job(rows, error_threshold=3).run()
    made = job()
    assert not (made.output / "_SUCCESS").exists()
    assert 0 < made.run().scored < len(made.plan().pieces)


def _shorter(path):
    path.write_bytes(path.read_bytes()[:-1])


def _longer(path):
    path.write_bytes(path.read_bytes() + b"1,2\n")


def _other_digit(path):
    path.write_bytes(path.read_bytes().replace(b"1", b"2", 1))


@pytest.mark.parametrize("change", [_shorter, _longer, os.unlink])
def test_output_that_has_changed_is_scored_again(job, change):
    """The size is compared; the digest, too, if it is asked for."""
    first = job().run()
    made = job()
    change(made.output / "rows-00001.csv")
    assert (made.run().scored, job().run().scored) == (1, 0)
    assert len(scored(made.output)) == first.rows_out == 30


def test_verification_reads_the_output(job):
    """A changed byte is found with it, and not without."""
    job().run()
    _other_digit(job().output / "rows-00001.csv")
    assert job().run().scored == 0
    assert job(verify=True).run().scored == 1
    assert scored(job().output).prediction.tolist() == list(range(1, 31))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("plan.json", _shorter, "plan.json is damaged"),
        ("plan.json", _other_digit, "plan.json is damaged"),
        ("manifest.jsonl", _other_digit, "manifest.jsonl is damaged: line 1 "),
        ("manifest.jsonl", os.unlink, "manifest.jsonl is damaged: it lacks"),
    ],
)
def test_damage_to_the_books_is_an_error(job, name, change, message):
    """It says which file to restore; nothing is scored again without a word."""
    made = job()
    made.run()
    change(made.output / "_modelship" / name)
    with pytest.raises(errors.BatchResumeError, match=message) as caught:
        job().run()
    assert f"Restore {made.output}/_modelship/{name} from a copy" in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"options": ms.BatchOptions(piece_bytes=12)}, "its option call_rows was 3, and is None"),
        (
            {"options": ms.BatchOptions(piece_bytes=9, call_rows=3)},
            "its option piece_bytes was 12 \\(--piece-mb 1.14",
        ),
    ],
)
def test_another_job_is_refused(job, given, message):
    """The message has what differs."""
    job().run()
    with pytest.raises(errors.BatchResumeError, match=message):
        job(**given).run()


@pytest.mark.parametrize("variables", [{"RATE": "0.2"}, {}, {"RATE": "0.1", "MODE": "fast"}])
def test_other_variables_are_refused(job, variables):
    """The message has the name of one; the plan has no value."""
    made = job(variables={"RATE": "0.1"})
    made.run()
    assert job(variables={"RATE": "0.1"}).run().scored == 0
    assert "0.1" not in (made.output / "_modelship/plan.json").read_text()
    with pytest.raises(errors.BatchResumeError, match="its variable (RATE|MODE) has changed"):
        job(variables=variables).run()


def test_other_secrets_resume_the_job(job, monkeypatch):
    """They are renewed from time to time, and nothing of them is written."""
    for value in ("first-7d1", "second-2e8"):
        monkeypatch.setenv("KEY", value)
        made = job(secrets={"KEY": "env:KEY"})
        made.run()
        assert value not in (made.output / "_modelship/plan.json").read_text()


class Starting(FakeProcess):
    """Notes when it had started."""

    def start(self):
        """Take a while."""
        time.sleep(0.01)
        self.started = time.time()


def test_the_rate_is_without_init(job):
    """The script takes its time once, however many rows there are."""
    process = Starting()
    made = job(engine=FakeEngine(process), options=ms.BatchOptions())
    before = time.time()
    summary = made.run()
    [entry] = read_job(made.output)[1]
    assert entry.ended - entry.seconds >= process.started - 0.001  # seconds are rounded
    assert summary.rows_per_s > 30 / (entry.ended - before)


def test_a_changed_input_is_refused(job, tmp_path):
    """The message has what differs."""
    job().run()
    os.utime(tmp_path / "rows.csv", ns=(0, 0))
    with pytest.raises(errors.BatchResumeError, match=r"rows\.csv has changed: it was written"):
        job().run()
    with (tmp_path / "rows.csv").open("a") as file:
        file.write("7\n")
    with pytest.raises(errors.BatchResumeError, match=r"has changed: it had \d+ bytes, and has"):
        job().run()


def test_another_bundle_is_refused(job, bare_lock, tmp_path):
    """The message has the digest of the first one."""
    job().run()
    (tmp_path / "score.py").write_text(f"{SCRIPT}# changed")
    made = job()
    made.bundle = with_lock(
        ms.ScoringBundle(
            [], entry_script=tmp_path / "score.py", environment=made.bundle.environment
        ),
        lock=bare_lock,
    )
    with pytest.raises(errors.BatchResumeError, match="its bundle was another one"):
        made.run()


def test_a_folder_with_other_files_is_refused(job, tmp_path):
    """Nothing is written to it."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").touch()
    with pytest.raises(errors.BatchOutputError, match=r"it has thesis\.tex"):
        job().run()
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["thesis.tex"]


def test_a_file_among_the_output_is_refused(job, tmp_path):
    """Readers of the folder would take it for output."""
    job().run()
    (tmp_path / "out" / "more.csv").touch()
    with pytest.raises(errors.BatchOutputError, match=r"it has more\.csv.*not of this job"):
        job().run()


def test_a_second_driver_is_refused(job, tmp_path):
    """The message has the process that writes to the folder."""
    refused = pytest.raises(errors.BatchOutputError, match=rf"\(process {os.getpid()} on")
    with driving(tmp_path / "out" / "_modelship" / "driver.json"), refused:
        job().run()
    assert job().run().rows_out == 30


def test_who_looks_whether_a_job_is_driven_keeps_no_driver_out(tmp_path, monkeypatch):
    """A look shares the lock for a moment."""
    with driving(tmp_path / "driver.json"):
        pass
    with (tmp_path / "driver.json").open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        monkeypatch.setattr("time.sleep", lambda _: fcntl.flock(looking, fcntl.LOCK_UN))
        with driving(tmp_path / "driver.json"):
            assert is_driven(tmp_path / "driver.json")


def test_who_looks_for_too_long_is_told_of(tmp_path, monkeypatch):
    """A process that hangs while it looks is no job, and holds no driver up for ever."""
    monkeypatch.setattr(driver_lock, "_MOST_LOOKING_S", 0.1)
    path = tmp_path / "driver.json"
    with path.open("w") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        refused = pytest.raises(errors.BatchOutputError, match=r"driver\.json, and is no batch job")
        with refused, driving(path):
            pass


def test_a_status_is_of_one_moment(job, monkeypatch):
    """A job that becomes complete while its entries are read is not complete with some of them."""
    with pytest.raises(errors.BatchInterruptedError):
        job(engine=FakeEngine(Interrupting())).run()
    made = job()

    def read(output):
        found = read_job(output)
        made.run()
        return found

    monkeypatch.setattr(batch_status, "read_job", read)
    status = made.status()
    assert (status.state, status.done < status.pieces) == ("incomplete", True)
    assert made.status().state == "complete"


def test_a_job_that_becomes_complete_during_the_look_is_complete(job, monkeypatch):
    """It has ended a moment later, and is not taken for one that was killed."""
    with pytest.raises(errors.BatchInterruptedError):
        job(engine=FakeEngine(Interrupting())).run()
    made = job()

    def is_driven(_output):
        made.run()
        return False

    monkeypatch.setattr(LocalOutput, "is_driven", is_driven)
    assert made.status().state == "complete"


def test_a_stop_counts_as_soon_as_the_run_begins(job, monkeypatch):
    """Also while the bundle is checked, which may take long; nothing is scored then."""
    process = FakeProcess()
    made = job(engine=FakeEngine(process))
    monkeypatch.setattr(job_run, "require_batchable", lambda *_, **__: made.stop())
    with pytest.raises(errors.BatchInterruptedError):
        made.run()
    assert process.calls == []
    monkeypatch.undo()
    assert made.run().rows_out == 30


class Interrupting(FakeProcess):
    """Ctrl-C is pressed during its fifth call."""

    def score(self, first, stop, *, timeout_s):
        """Raise what Python raises then."""
        if len(self.calls) == 4:
            raise KeyboardInterrupt
        return super().score(first, stop, timeout_s=timeout_s)


def test_an_interrupted_job_is_resumed(job):
    """What is done is kept."""
    with pytest.raises(errors.BatchInterruptedError, match="same command again") as caught:
        job(engine=FakeEngine(Interrupting())).run()
    assert 0 < caught.value.done < caught.value.pieces
    made = job()
    assert made.run().scored == caught.value.pieces - caught.value.done
    assert len(scored(made.output)) == 30


def test_a_job_with_too_many_failed_rows_stays_ended(job):
    """The same command again is no way around the threshold; another threshold is one."""
    rows, options = [1, 2, -1, -2], ms.BatchOptions(piece_bytes=1)
    for _ in range(2):
        with pytest.raises(errors.BatchStoppedError, match="2 rows .*failed, more than 1"):
            job(rows, error_threshold=1, options=options).run()
    assert job(error_threshold=2, options=options).run().failed == 2


@pytest.mark.parametrize(
    "given",
    [
        {"workers": -1},
        {"timeout_s": 0},
        {"start_timeout_s": float("nan")},
        {"error_threshold": -2},
        {"retries": -1},
        {"memory_gb": -1},
        {"options": ms.BatchOptions(call_rows=0)},
        {"options": ms.BatchOptions(piece_bytes=0)},
        {"options": ms.BatchOptions(items="row")},
        {"options": ms.BatchOptions(columns=("a", "a"))},
    ],
)
def test_values_that_options_cannot_have_are_refused(job, given):
    """Before anything is written."""
    with pytest.raises(errors.InvalidOptionError, match="expected"):
        job(**given)


class Telling(FakeProcess):
    """Its errors have a secret, which ends behind what is kept of a reason."""

    def score(self, first, stop, *, timeout_s):
        """Fail with a long reason."""
        raise CallError("x" * 995 + "hush-hush-hush")


def test_a_reason_has_no_part_of_a_secret(job, tmp_path):
    """It is shortened once the secret is hidden."""
    (tmp_path / "secret").write_text("hush-hush-hush")
    secrets = {"S": f"file:{tmp_path / 'secret'}"}
    for threshold in (None, -1):
        with pytest.raises(errors.BatchStoppedError, match=r"x{40}") as caught:
            job([1], engine=FakeEngine(Telling()), secrets=secrets, error_threshold=threshold).run()
        assert "hush" not in str(caught.value)
    [failure] = (tmp_path / "out/_failed").glob("*")
    assert json.loads(failure.read_text())["reason"] == "x" * 995 + "***"
