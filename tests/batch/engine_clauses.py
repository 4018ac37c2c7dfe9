"""What every engine has to do, whatever it runs on: a job has each row once.

A class of tests derives from :class:`EngineClauses`, and gives it the fixtures `engine`, the name
and the scheduler of an engine, and `victim`, the process id of a worker that may be killed.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

import modelship as ms
from modelship import errors
from modelship.batch.engines.worker_places import IDLE_S
from modelship.batch.piece_work import Work
from modelship.bundle import Environment
from modelship.testing import with_lock
from waiting import wait_until

ROWS = 300
# Each job starts some, and they do little: no time goes into compiling them well.
QUICK_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
SCRIPT = """
import json, time

def init():
    INIT

def run(raw_data):
    rows = [row[0] for row in json.loads(raw_data)["data"]]
    time.sleep(0.02)
    if any(row % 50 == 7 for row in rows):
        raise ValueError("seven")
    return [row + 1 for row in rows]
"""


def accounted(output):
    """Return how often each row is in the output, and how often each failed."""
    files = [pd.read_csv(each) for each in output.glob("*.csv")]
    for each in files:
        assert (each.prediction == each.a + 1).all()
    out = Counter(int(row) for each in files for row in each.a)
    lines = [line for each in output.glob("_failed/*") for line in each.read_text().splitlines()]
    return out, Counter(json.loads(each)["row"] for each in lines)


def all_once():
    """Return the same of a job that is complete."""
    bad = [each for each in range(ROWS) if each % 50 == 7]
    return Counter(set(range(ROWS)) - set(bad)), Counter(bad)


def scorers(output):
    """Return the processes that score rows for an output."""
    found = []
    for each in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"AZUREML_BI_OUTPUT_PATH={output}\0".encode() in each.read_bytes():
                found.append(int(each.parent.name))
    return found


HANGS = """
    import os
    slept, few = time.sleep, iter(range(8))

    def sleep(seconds):
        while next(few, None) is None and os.path.exists(FILE):
            slept(0.02)
        slept(seconds)

    time.sleep = sleep
"""


def hanging_while(file):
    """Return lines for init(): each process scores a few pieces, and hangs while there is a file.

    So the job is not done before something is done to it.
    """
    return HANGS.replace("FILE", repr(str(file))).strip()


def require_spark():
    """Skip the test unless Spark can be started; return its folder."""
    pyspark = pytest.importorskip("pyspark", reason="the extra spark is not installed")
    if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        pytest.skip("Java is not installed")
    return Path(pyspark.__file__).parent


@pytest.fixture(scope="module")
def bundles(tmp_path_factory, bare_lock):
    """Return a function that makes a bundle whose init() has this line."""

    def made(init="pass"):
        folder = tmp_path_factory.mktemp("bundle")
        (folder / "score.py").write_text(SCRIPT.replace("INIT", init))
        environment = Environment(python=bare_lock.python, requirements=())
        bundle = ms.ScoringBundle([], entry_script=folder / "score.py", environment=environment)
        return with_lock(bundle, lock=bare_lock)

    return made


class EngineClauses:
    """The clauses."""

    @pytest.fixture
    def job(self, bundles, engine, tmp_path):
        """Return a function that makes a job of many pieces."""
        pd.DataFrame({"a": range(ROWS)}).to_csv(tmp_path / "rows.csv", index=False)

        def made(init="pass", *, piece_bytes=40, call_rows=5):
            options = ms.BatchOptions(piece_bytes=piece_bytes, call_rows=call_rows)
            name, scheduler = engine
            return ms.BatchJob(
                bundles(init), tmp_path / "rows.csv", tmp_path / "out",
                options=options, engine=name, scheduler=scheduler, check="off",
            )  # fmt: skip

        return made

    def test_1_each_row_is_scored_once(self, job):
        """All rows are accounted for, and no scoring process is left."""
        made = job()
        summary = made.run(show_output=False)
        assert accounted(made.output) == all_once()
        assert summary.rows_in == ROWS
        wait_until(lambda: not scorers(made.output), timeout_s=IDLE_S)

    def test_2_a_stop_ends_it_and_the_job_resumes(self, job):
        """What is under way is abandoned at once, and scored by the next run."""
        made = job()
        with pytest.raises(errors.BatchInterruptedError):
            made.run(show_output=False, on_progress=lambda _: made.stop())
        wait_until(lambda: not scorers(made.output), timeout_s=IDLE_S)
        assert 0 < made.status().rows_in < ROWS
        made.run(show_output=False)
        assert accounted(made.output) == all_once()

    def test_3_a_script_that_does_not_start_ends_the_job(self, job):
        """The error says why."""
        made = job("raise RuntimeError('no model')")
        with pytest.raises(errors.BatchStoppedError, match="no model"):
            made.run(show_output=False)
        wait_until(lambda: not scorers(made.output), timeout_s=IDLE_S)

    def test_4_a_worker_that_is_killed_loses_nothing(self, job, victim):
        """Its pieces are scored by others."""
        made = job()
        killed = threading.Event()

        def kill(_status):
            if not killed.is_set():
                os.kill(victim(made.output), signal.SIGKILL)
                killed.set()

        made.run(show_output=False, on_progress=kill)
        assert accounted(made.output) == all_once()
        wait_until(lambda: not scorers(made.output), timeout_s=IDLE_S)

    def test_6_the_progress_of_a_piece_is_told(self, job, tmp_path):
        """The rows of a piece that takes some time are counted before it is done."""
        made = job(piece_bytes=2**20, call_rows=1)
        saved = made.bundle.save(tmp_path / "saved")
        work = Work(str(saved), str(made.output), made.plan(), 30, 60)
        (tmp_path / "out").mkdir()
        *told, last = made.engine.run(work, work.plan.pieces, stopped=threading.Event())
        assert (last.rows_out, last.failed) == (ROWS - 6, 6)
        scored = [each.scored for each in told]
        assert scored == sorted({*scored})
        assert 0 < scored[0] < ROWS

    def test_7_pieces_that_are_added_are_run_too(self, job, tmp_path):
        """A piece that takes long is cut again while the job runs."""
        made = job(piece_bytes=500)
        saved = made.bundle.save(tmp_path / "saved")
        work = Work(str(saved), str(made.output), made.plan(), 30, 60)
        (tmp_path / "out").mkdir()
        given, rows = [work.plan.pieces[0]], 0
        for found in made.engine.run(work, given, stopped=threading.Event()):
            rows += getattr(found, "rows_in", 0)
            given += work.plan.pieces[len(given) :]
        assert rows == ROWS
        assert len(given) > 1

    def test_8_a_piece_that_takes_long_is_cut(self, job):
        """All workers have some of it, and each row is scored once."""
        slow = "slept = time.sleep; time.sleep = lambda _: slept(0.05)"
        made = job(slow, piece_bytes=ms.BatchOptions().piece_bytes, call_rows=1)
        assert made.run(show_output=False).pieces > 4
        assert accounted(made.output) == all_once()

    def test_5_a_driver_that_is_killed_leaves_nothing_and_is_resumed(self, job, engine, tmp_path):
        """The scoring processes end by themselves, and the same command scores the rest."""
        (tmp_path / "hold").touch()
        made = job(hanging_while(tmp_path / "hold"))
        made.bundle.save(tmp_path / "saved")
        command = [sys.executable, "-m", "modelship.cli", "batch", tmp_path / "saved"]
        command += [tmp_path / "rows.csv", "-o", made.output, "--check", "off", "--quiet"]
        command += ["--piece-mb", str(40 / 2**20), "--call-rows", "5", "--engine", engine[0]]
        command += ["--scheduler", engine[1]] if engine[1] else []
        manifest = made.output / "_modelship" / "manifest.jsonl"
        with subprocess.Popen(command) as driver:
            # Java may start slowly
            wait_until(lambda: manifest.exists() and manifest.stat().st_size > 500, timeout_s=240)
            driver.kill()
        assert 0 < made.status().rows_in < ROWS
        (tmp_path / "hold").unlink()
        wait_until(lambda: not scorers(made.output))
        subprocess.run(command, check=True)
        assert accounted(made.output) == all_once()
