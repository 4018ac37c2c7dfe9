"""A batch job that is killed at any step, again and again, loses no row and repeats none."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import threading
import time
from collections import Counter

import pandas as pd
import pytest
from fake_scoring import FakeEngine, SlowProcess
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from killed_jobs import begun, ended, expected, run_killed_at, running_with

import modelship as ms
from modelship import errors
from modelship.batch.engines.local_pool import LocalPool
from waiting import wait_until

SCRIPT = """
import json

def init():
    pass

def run(raw_data):
    rows = [row[0] for row in json.loads(raw_data)["data"]]
    if any(row < 0 for row in rows):
        raise ValueError("a negative number")
    return [row + 1 for row in rows]
"""


def accounted(folder):
    """Return how often each row of the input is in the output, and how often it failed."""
    files = [pd.read_csv(each) for each in folder.glob("*.csv")]
    out = Counter(int(row.a) for each in files for row in each.itertuples())
    for each in files:
        assert (each.prediction == each.a + 1).all()
    lines = [line for each in folder.glob("_failed/*") for line in each.read_text().splitlines()]
    return out, Counter(json.loads(each)["row"] for each in lines)


# That all rows fail is an error.
VALUES = st.lists(st.integers(-3, 30), min_size=1, max_size=40).filter(lambda each: max(each) >= 0)


@settings(
    max_examples=settings().max_examples // 2,  # 50 in the long run
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    values=VALUES,
    piece_bytes=st.integers(1, 40),
    call_rows=st.integers(1, 9),
    kills=st.lists(st.integers(0, 150), max_size=3),
    is_slow=st.booleans(),
)
def test_no_row_is_lost_or_repeated(
    idle_bundle, tmp_path, values, piece_bytes, call_rows, kills, is_slow
):
    """Whatever step the driver is killed at, and how often."""
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    pd.DataFrame({"a": values}).to_csv(tmp_path / "rows.csv", index=False)
    options = ms.BatchOptions(piece_bytes=piece_bytes, call_rows=call_rows)
    if is_slow:  # then pieces are cut again
        options = ms.BatchOptions()
    job = ms.BatchJob(
        *(idle_bundle, tmp_path / "rows.csv", tmp_path / "out"),
        options=options,
        engine=FakeEngine(SlowProcess() if is_slow else None),
        check="off",
    )
    for step in kills:
        status = ended(begun(lambda step=step: run_killed_at(step, job)))
        assert status in {0, -signal.SIGKILL, errors.BatchStoppedError.exit_code}
    job.error_threshold = -1
    summary = job.run(show_output=False)
    assert accounted(tmp_path / "out") == expected(values)
    assert summary.rows_in == len(values) == summary.rows_out + summary.failed


@pytest.fixture
def job(idle_bundle, places, tmp_path):
    """Return a function that makes a job with real scoring processes."""

    def made(script=SCRIPT, rows=200, **given):
        values = [each if each % 50 else -1 - each for each in range(rows)]
        if not (tmp_path / "rows.csv").exists():
            pd.DataFrame({"a": values}).to_csv(tmp_path / "rows.csv", index=False)
        return ms.BatchJob(
            *(idle_bundle, tmp_path / "rows.csv", tmp_path / "out"),
            options=ms.BatchOptions(piece_bytes=rows // 2, call_rows=20),
            engine=LocalPool(2, place=places(script)),
            check="off",
            **given,
        ), values

    return made


def killed_after(seconds, function):
    """Run a function in a process, and kill that."""
    pid = begun(function)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    ended(pid)


@pytest.mark.parametrize("kills", [3, pytest.param(100, marks=pytest.mark.long)])
def test_a_job_whose_driver_is_killed_is_resumed(job, kills, wait_for_no_scorer, tmp_path):
    """With real scoring processes, none of which stays."""
    made, values = job(rows=200 if kills < 10 else 5000)
    for each in range(kills):
        killed_after(0.3 + each % 10 / 10, lambda: made.run(show_output=False))
        wait_for_no_scorer(tmp_path)
    made.run(show_output=False)
    assert accounted(tmp_path / "out") == expected(values)


@pytest.mark.parametrize("fork", ["", "FORKABLE = False\n"])
def test_what_a_script_has_started_ends_with_a_killed_driver(job, tmp_path, fork):
    """Also in a session of its own, without the variables, if what started it is gone."""
    mark = tmp_path / "started"
    inner = f"""
import subprocess
subprocess.Popen(["sh", "-c", "sleep 600; : {mark}"], env={{}})
"""
    fault = f"""
    import subprocess, sys, time
    subprocess.run([sys.executable, "-c", {inner!r}], start_new_session=True)
    open({str(mark)!r}, "w")
    time.sleep(600)
    rows ="""
    made, _ = job(fork + SCRIPT.replace("\n    rows =", fault, 1))
    pid = begun(lambda: made.run(show_output=False))
    wait_until(mark.exists)
    assert running_with(mark)
    os.kill(pid, signal.SIGKILL)
    ended(pid)
    wait_until(lambda: not running_with(mark))


def test_a_job_whose_scoring_processes_are_killed_loses_no_row(job, tmp_path):
    """Each mini-batch is scored by the next process."""
    fault = """
    import os, random
    if random.random() < 0.3:
        os.kill(os.getpid(), 9)
    rows ="""
    made, values = job(SCRIPT.replace("\n    rows =", fault, 1), rows=100, retries=20)
    made.run(show_output=False)
    assert accounted(tmp_path / "out") == expected(values)


def interrupt_in_a_thread(mark):
    """Let a thread of this process get Ctrl-C once there is a file: that wakes no other thread."""

    def interrupt():
        wait_until(mark.exists)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    threading.Thread(target=interrupt).start()


@pytest.mark.parametrize("is_seen_late", [False, True])
def test_ctrl_c_ends_a_job_that_hangs(job, wait_for_no_scorer, tmp_path, is_seen_late):
    """Within seconds, and nothing stays; also where it comes just before the driver waits."""
    mark = tmp_path / "hangs"
    hanging = f"    open({str(mark)!r}, 'w')\n    time.sleep(600)\n"
    made, _ = job(f"import time\ndef init(): pass\ndef run(raw_data):\n{hanging}")

    def run():
        if is_seen_late:
            interrupt_in_a_thread(mark)
        made.run(show_output=False)

    pid = begun(run)
    wait_until(mark.exists)
    began = time.monotonic()
    if not is_seen_late:
        os.kill(pid, signal.SIGINT)
    assert ended(pid) == errors.BatchInterruptedError.exit_code
    assert time.monotonic() - began < 20
    wait_for_no_scorer(tmp_path)


@pytest.mark.parametrize("most_bytes", [100, 1_500, 4_000])
def test_a_full_disk_is_an_error_after_which_the_job_is_resumed(idle_bundle, tmp_path, most_bytes):
    """It says where there is no space; what was done is kept."""
    pd.DataFrame({"a": range(3000)}).to_csv(tmp_path / "rows.csv", index=False)
    given = (idle_bundle, tmp_path / "rows.csv", tmp_path / "out")
    job = ms.BatchJob(
        *given,
        options=ms.BatchOptions(piece_bytes=3000),
        engine=FakeEngine(),
        check="off",
    )

    def run():
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
        job.run(show_output=False)

    assert ended(begun(run)) == errors.StorageError.exit_code
    assert job.run(show_output=False).rows_out == 3000
    assert accounted(tmp_path / "out") == (Counter(range(3000)), Counter())


def test_a_script_that_fails_in_the_middle_ends_the_job(job, tmp_path):
    """What is done is kept; the error has the log."""
    flag = tmp_path / "flag"
    script = f"""
import os
{SCRIPT.replace("    pass", f"    assert not os.path.exists({str(flag)!r}), 'moved'")}
"""
    dying = script.replace(
        "    return [row",
        f"    open({str(flag)!r}, 'w'); os.kill(os.getppid(), 9)\n    return [row",
    )
    made, values = job(dying)
    with pytest.raises(errors.BatchStoppedError, match="AssertionError: moved"):
        made.run(show_output=False)
    flag.unlink()
    job(SCRIPT)[0].run(show_output=False)
    assert accounted(tmp_path / "out") == expected(values)
