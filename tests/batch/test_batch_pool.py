"""Jobs of a pool of workers: order, retries, timeouts, thresholds and outputs."""

from __future__ import annotations

import os
import select
import sys
import threading
import time
from itertools import count
from types import SimpleNamespace

import psutil
import pytest

from modelship.batch.mini_batch import batch_worker
from modelship.batch.mini_batch.batch_pool import BatchFailedError, BatchSummary, score_files
from modelship.batch.mini_batch.batch_worker import BatchWorker, InitError
from modelship.batch.mini_batch.mini_batch_settings import BatchSettings
from modelship.batch.mini_batch.mini_batch_splitting import mini_batches_of
from waiting import wait_until

ECHO = """
import os, pathlib, sys
def init():
    print("prepared", file=sys.stderr)
def run(mini_batch):
    return [pathlib.Path(each).name for each in mini_batch]
"""


def runs(pid):
    """Return whether a process runs; one that nobody has reaped does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def score(tmp_path):
    """Return a function that scores five files with a script, and returns what the job did."""
    (tmp_path / "input").mkdir()
    for number in range(5):
        (tmp_path / "input" / f"{number}.txt").write_text(str(number))
    said, numbers = [], count()

    def run(script, **settings):
        folder = tmp_path / f"script-{next(numbers)}"  # Python caches the bytecode of each file
        folder.mkdir()
        (folder / "driver.py").write_text(script)
        usual = {"input": str(tmp_path / "input"), "mini_batch_size": 2, "max_retries": 0}
        places = {"script": str(folder / "driver.py"), "output": str(tmp_path / "output")}
        return score_files(BatchSettings(**places, **{**usual, **settings}), say=said.append)

    run.said = said
    run.output = tmp_path / "output"
    return run


def test_the_rows_are_in_the_order_of_the_files(score):
    """Whichever process is first, and whatever it prints."""
    slow_first = "import time\n" + ECHO.replace(
        "    return", "    time.sleep(0.2 * ('0.txt' in mini_batch[0]))\n    return"
    )
    assert score(slow_first, workers=3) == BatchSummary(5, 0, 5)
    text = (score.output / "predictions.csv").read_text()
    assert text == "".join(f"{number}.txt\n" for number in range(5))
    assert [each.name for each in score.output.iterdir()] == ["predictions.csv"]


def test_one_file_is_one_mini_batch(tmp_path):
    """A folder is searched with its subfolders."""
    (tmp_path / "more").mkdir()
    for name in ("b", "a", "more/c"):
        (tmp_path / name).touch()
    names = [[str(tmp_path / each) for each in row] for row in (["a", "b"], ["more/c"])]

    def split(place):
        settings = BatchSettings("", str(place), "", mini_batch_size=2)
        return [list(each.files) for each in mini_batches_of(settings)]

    assert split(tmp_path) == names
    assert split(tmp_path / "a") == [[str(tmp_path / "a")]]


def test_a_mini_batch_that_fails_once_is_no_failure(score, tmp_path):
    """It is tried again, in the same process."""
    mark = tmp_path / "mark"
    script = f"""
import os
def run(mini_batch):
    if not os.path.exists({str(mark)!r}):
        open({str(mark)!r}, "w").close()
        raise OSError("not yet")
    return mini_batch
"""
    assert score(script, max_retries=1, error_threshold=0) == BatchSummary(5, 0, 5)
    assert any("try 1 of 2" in each and "OSError: not yet" in each for each in score.said)


def test_a_call_that_takes_too_long_is_stopped(score, tmp_path):
    """With what it has started; the next process scores the rest."""
    script = f"""
import subprocess, time
def run(mini_batch):
    if "2.txt" in mini_batch[0]:
        child = subprocess.Popen(["sleep", "600"])
        open({str(tmp_path / "child")!r}, "w").write(str(child.pid))
        time.sleep(600)
    return mini_batch
"""
    assert score(script, timeout_s=1.0) == BatchSummary(5, 2, 3, failed_batches=1)
    assert any("run() took longer than 1 s, and was stopped." in each for each in score.said)
    pid = int((tmp_path / "child").read_text())
    wait_until(lambda: not runs(pid))


def test_a_process_that_dies_is_replaced(score):
    """Its mini-batch has failed, and the others are scored."""
    script = "import os\n" + ECHO.replace(
        "    return", "    if '2.txt' in mini_batch[0]: os._exit(3)\n    return"
    )
    assert score(script) == BatchSummary(5, 2, 3, failed_batches=1)
    assert any("The process ended during run()." in each for each in score.said)


@pytest.mark.parametrize(("threshold", "fails"), [(-1, False), (5, False), (4, True), (0, True)])
def test_too_many_failures_end_the_job(score, threshold, fails):
    """The threshold is for the whole job, and its own number is still allowed."""
    script = "def run(mini_batch):\n    return []"
    if not fails:
        assert score(script, error_threshold=threshold) == BatchSummary(5, 5, 0)
        return
    with pytest.raises(BatchFailedError, match=f"more than the error_threshold of {threshold}"):
        score(script, error_threshold=threshold)
    assert not (score.output / "predictions.csv").exists()


POISON = """
def run(mini_batch):
    if "0.txt" in mini_batch[0]:
        raise ValueError("poison")
    return mini_batch
"""


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"allowed_failed_count": 1, "allowed_failed_percent": 34}, ""),
        ({"allowed_failed_count": 0}, "1 mini-batches failed, more than the allowed_failed_count"),
        ({"allowed_failed_percent": 33}, "33.3 % of the mini-batches failed, more than the"),
    ],
)
def test_too_many_failed_mini_batches_end_the_job(score, settings, problem):
    """Their number, and their share once all have been begun."""
    if not problem:
        assert score(POISON, **settings) == BatchSummary(5, 2, 3, failed_batches=1)
        return
    with pytest.raises(BatchFailedError, match=problem):
        score(POISON, **settings)


def test_a_script_gets_arguments_and_variables(score):
    """It parses them in init(), as scripts of ParallelRunStep do; the log has only failures."""
    script = """
import argparse, os
def init():
    global color
    parser = argparse.ArgumentParser()
    parser.add_argument("--color")
    color = parser.parse_known_args()[0].color
def run(mini_batch):
    assert os.path.isdir(os.environ["AZUREML_BI_OUTPUT_PATH"])
    return [color + os.environ["SHADE"] for _ in mini_batch]
"""
    given = {"arguments": ["--color", "blue"], "variables": {"SHADE": "!"}}
    assert score(script, logging_level="warning", **given).rows == 5
    assert (score.output / "predictions.csv").read_text() == "blue!\n" * 5
    assert score.said == ["5 items, 0 failed, 5 rows."]


def test_summary_only_writes_no_file(score):
    """The rows only count."""
    assert score(ECHO, append_row=False) == BatchSummary(5, 0, 5)
    assert list(score.output.iterdir()) == []


def test_the_script_owns_its_output_and_its_arguments(score, capfd):
    """What it prints, and what it asks of standard input, do not disturb the pool."""
    script = """
import sys
def init():
    print("hello", sys.argv)
    assert sys.stdin.read() == ""
def run(mini_batch):
    print('{"items": 1}')
    return mini_batch
"""
    assert score(script, output_file_name="own.txt").rows == 5
    assert "driver.py']" in capfd.readouterr().err
    assert (score.output / "own.txt").exists()


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("def init(): 1/0\ndef run(batch): pass", "init() failed: Traceback"),
        ("import os\ndef init(): os._exit(1)\ndef run(batch): pass", "process ended in init()"),
        ("import nothing_there", "No module named 'nothing_there'"),
        ("run = 7", "has no function run"),
    ],
)
def test_an_init_that_fails_ends_the_job(score, script, expected):
    """There is no reason to try it again."""
    with pytest.raises(BatchFailedError) as caught:
        score(script, max_retries=5, workers=2)
    assert expected in str(caught.value)


def test_a_process_that_is_killed_in_init_is_started_again(score, tmp_path, monkeypatch):
    """The kernel may have needed the memory for a moment only."""
    monkeypatch.setattr(batch_worker, "_PAUSES_S", (0.0, 0.0))
    tries = tmp_path / "tries"
    script = f"""
import os
def init():
    with open({str(tries)!r}, "a") as file:
        file.write("x")
    if os.path.getsize({str(tries)!r}) <= KILLS:
        os.kill(os.getpid(), 9)
def run(mini_batch):
    return mini_batch
"""
    assert score(script.replace("KILLS", "2")).rows == 5
    assert tries.read_text() == "xxx"
    tries.unlink()
    with pytest.raises(BatchFailedError, match=r"init\(\) failed: The process was killed"):
        score(script.replace("KILLS", "9"))
    assert tries.read_text() == "xxx"


def test_no_process_is_started_again_once_the_job_is_to_end(tmp_path):
    """Nobody waits for it any more."""

    class Ending(threading.Event):
        def wait(self, timeout=None):
            self.set()
            return super().wait(timeout)

    killed = "import os\ndef init(): os.kill(os.getpid(), 9)\n"
    (tmp_path / "driver.py").write_text(f"{killed}def run(mini_batch): return mini_batch\n")
    worker = BatchWorker(sys.executable, str(tmp_path / "driver.py"))
    mini_batch = SimpleNamespace(question={}, items=1)
    with pytest.raises(InitError, match="The process was killed"):
        worker.score(mini_batch, 60, Ending())


def test_an_answer_that_came_in_time_counts_however_late_it_is_read(score, monkeypatch):
    """The process that reads it may have slept meanwhile."""

    def late(process, wait_s, piece=batch_worker._piece):
        found = piece(process, 0.0)
        if wait_s and not found:
            select.select([process.stdout], [], [])
            time.sleep(0.3)
        return found

    monkeypatch.setattr(batch_worker, "_piece", late)
    assert score(ECHO, timeout_s=0.2) == BatchSummary(5, 0, 5)


def test_a_name_that_is_not_utf_8_is_scored(score, tmp_path):
    """The script can open the file; its row shows the byte."""
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / os.fsdecode(b"n\xff")).write_text("1")
    script = ECHO.replace("pathlib.Path(each).name", "[each[-2:], open(each).read()]")
    assert score(script, input=str(tmp_path / "odd")).failed == 0
    assert score(ECHO, input=str(tmp_path / "odd")).failed == 0
    assert (score.output / "predictions.csv").read_text() == "n\\udcff\n"


def test_there_must_be_something_to_score(score, tmp_path):
    """An empty folder is an error, as it is a mistake."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(BatchFailedError, match="no file in the input"):
        score(ECHO, input=str(tmp_path / "empty"))
