"""A scoring process survives what scripts do to it, and the rows that are the cause are found."""

from __future__ import annotations

import socket
import time
from contextlib import closing

import pyarrow as pa
import pytest

from modelship.batch.bisecting import Bisection
from modelship.batch.call_sizes import FixedSize
from modelship.batch.scorer.scorer_messages import send
from modelship.batch.scoring_process import (
    CallError,
    ScoringProcess,
    ScoringStoppedError,
    ScriptNotReadyError,
)
from modelship.batch.script_host import received

SCRIPT = """
import ctypes, json, os, signal, subprocess, sys, time

kept = []

def init():
    pass

def run(raw_data):
    rows = [row[0] for row in json.loads(raw_data)["data"]]
    if 7 in rows:
        FAULT
    return rows
"""
ROWS = pa.table({"a": list(range(20))})


@pytest.fixture
def process_of(place_of):
    """Return a function that starts the process of a script with a fault, in row 7."""
    started = []

    def made(fault, **given):
        text = SCRIPT.replace("FAULT", fault)
        started.append(ScoringProcess(place_of(text), start_timeout_s=30, **given))
        started[-1].put(ROWS)
        return started[-1]

    yield made
    for each in started:
        each.close()


def scored(process, *, timeout_s=30.0, retries=0):
    """Return the rows that were scored, and the reasons of the others."""
    bisection = Bisection(process.score, timeout_s=timeout_s, retries=retries)
    answers, bad = bisection.run(len(ROWS), sizes=FixedSize(5))
    rows = [each for *_, table in answers for each in table.column("prediction").to_pylist()]
    return rows, {each.row: each.reason for each in bad}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("raise ValueError('seven\\nlines')", "ValueError: seven lines"),
        ("raise ValueError('Row 0, column 1: no')", "ValueError: column 1: no"),
        ("sys.exit(3)", "SystemExit: 3"),
        ("os._exit(3)", "the process exited with 3 in run()"),
        ("os.abort()", "the process was killed by SIGABRT in run()"),
        ("ctypes.string_at(0)", "the process was killed by SIGSEGV in run()"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "the process was killed by SIGKILL in run()"),
        ("os.closerange(3, 100)", "the process exited with 70 in run()"),
        ("os.kill(os.getpid(), 40)", "the process was killed by signal 40 in run()"),
        (
            "os.kill(os.getppid(), signal.SIGKILL); time.sleep(60)",
            "the process was killed by SIGKILL in run()",
        ),
    ],
)
def test_a_row_that_ends_the_process_is_found(process_of, fault, reason):
    """All other rows are scored, by the next process."""
    rows, reasons = scored(process_of(fault))
    assert rows == [each for each in range(20) if each != 7]
    assert reasons == {7: reason}


@pytest.mark.parametrize(
    "fault",
    [
        "print('x' * 5_000_000)",
        "if os.fork() == 0: return rows",
        "subprocess.Popen(['sleep', '60'])",
        "sys.stdout.close(), os.close(0), os.close(1), os.close(2)",
        "[os.unlink(f'../{each}') for each in os.listdir('..') if each.endswith('.log')]",
    ],
)
def test_what_a_script_may_do_is_no_fault(process_of, fault):
    """A flood of output, children and closed streams cost no row."""
    process = process_of(fault)
    assert scored(process) == (list(range(20)), {})
    assert "kept" not in process.kill()


def test_a_row_that_hangs_costs_few_timeouts(process_of):
    """The halves of a call that took too long get less time each."""
    began = time.monotonic()
    rows, reasons = scored(process_of("time.sleep(600)"), timeout_s=2)
    assert (len(rows), reasons) == (19, {7: "run() took longer than 2 s"})
    assert time.monotonic() - began < 30


def test_a_row_that_takes_too_much_memory_is_found(process_of):
    """The process is killed in the call."""
    fault = "kept.append(b'x' * 400_000_000); time.sleep(60)"
    rows, reasons = scored(process_of(fault, memory_gb=0.25))
    assert (len(rows), reasons) == (19, {7: "run() took more than 0.25 GB"})


def test_a_process_that_has_grown_is_replaced(process_of):
    """It costs no row."""
    process = process_of("pass\n    kept.append(b'x' * 100_000_000)", memory_gb=0.25)
    assert scored(process) == (list(range(20)), {})


def test_a_row_that_fails_now_and_then_is_tried_again(process_of, tmp_path):
    """A file remembers the first tries; the last one succeeds."""
    flag = str(tmp_path / "flag")
    fault = f"open({flag!r}, 'a').write('x'); assert os.path.getsize({flag!r}) == 4"
    assert scored(process_of(fault), retries=1) == (list(range(20)), {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1/0", "ZeroDivisionError"),
        ("import os\nos._exit(4)", "the process exited with 4 in init"),
        ("import os\nos.kill(os.getpid(), 9)", "the process was killed by SIGKILL in init"),
        ("FORKABLE = False\nimport os\nos._exit(4)", "the process exited with 4 in init"),
        ("import time\ntime.sleep(60)", "longer than 1 s"),
    ],
)
def test_a_script_that_does_not_start_is_an_error(place_of, text, message):
    """The message has the log."""
    process = ScoringProcess(place_of(text), start_timeout_s=1 if "sleep" in text else 30)
    with pytest.raises(ScriptNotReadyError, match=message):
        process.put(ROWS)
    process.close()


@pytest.mark.parametrize("fork", ["", "FORKABLE = False\n"])
def test_no_process_stays(place_of, wait_for_no_scorer, tmp_path, fork):
    """Children of the script end with it, in whatever way it was started, and these were."""
    fault = (
        "kept.extend(subprocess.Popen(['sleep', '60'], start_new_session=n > 0) for n in (0, 1))"
    )
    place = place_of(fork + SCRIPT.replace("FAULT", fault))
    process = ScoringProcess(place, start_timeout_s=30)
    process.put(ROWS)
    scored(process)
    process.close()
    place.host.close()
    wait_for_no_scorer(tmp_path)


@pytest.mark.parametrize(
    ("init", "loads"),
    [
        ("pass", 1),
        ("threading.Thread(target=time.sleep, args=[60], daemon=True).start()", 3),
    ],
)
def test_a_script_is_loaded_once_if_it_can_be_forked(place_of, tmp_path, init, loads):
    """A script with threads is loaded by each process, and again after one has ended."""
    log = tmp_path / "loads"
    text = SCRIPT.replace("    pass", f"    open({str(log)!r}, 'a').write('x'); {init}")
    place = place_of("import threading\n" + text.replace("FAULT", "os._exit(3)"))
    two = [ScoringProcess(place, start_timeout_s=30) for _ in range(2)]
    for each in two:
        each.put(ROWS)
    assert [each.score(0, 5, timeout_s=30).num_rows for each in two] == [5, 5]
    with pytest.raises(CallError, match="exited with 3"):
        two[0].score(5, 10, timeout_s=30)
    assert two[0].score(8, 9, timeout_s=30).num_rows == 1
    assert len(log.read_text()) == loads
    for each in two:
        each.close()


def test_calls_end_when_the_job_does(process_of):
    """Within seconds, and not after the timeout."""
    stopped = []
    process = process_of("time.sleep(600)", is_stopped=lambda: bool(stopped))
    stopped.append(1)
    with pytest.raises(ScoringStoppedError):
        scored(process)


def test_processes_in_init_end_when_the_job_does(place_of):
    """Also those that wait for the script that another one loads."""
    place = place_of("import time\ndef init(): time.sleep(600)\ndef run(raw_data): return []\n")
    began = time.monotonic()
    for _ in range(2):
        process = ScoringProcess(place, start_timeout_s=600, is_stopped=lambda: True)
        with pytest.raises(ScoringStoppedError):
            process.start()
        process.close()
    assert time.monotonic() - began < 60


def test_a_process_that_has_closed_its_connection_ends_when_the_job_does(process_of, tmp_path):
    """Nobody waits any more until it ends by itself."""
    mark = tmp_path / "closed"
    closes = f"os.closerange(3, 256); open({str(mark)!r}, 'w'); time.sleep(600)"
    process = process_of(closes, is_stopped=mark.exists)
    with pytest.raises(ScoringStoppedError):
        process.score(5, 10, timeout_s=600)


def test_an_answer_that_came_before_the_end_counts():
    """The process may end, or its time pass, just after nothing had come."""
    ours, its = socket.socketpair()

    def end():
        send(its, {"error": "no model"})
        raise EOFError

    def sleep():
        time.sleep(0.2)
        send(its, {"ready": True})

    with ours, its:
        assert received(ours, timeout_s=60, look=end)[0] == {"error": "no model"}
        assert received(ours, timeout_s=0.1, look=sleep)[0] == {"ready": True}


def test_an_answer_with_another_number_of_rows_fails(process_of):
    """It cannot be assigned to the rows."""
    process = process_of("return rows[1:]")
    with pytest.raises(CallError, match="for 5 rows"):
        process.score(5, 10, timeout_s=30)


@pytest.mark.parametrize("answer", [r"['\ud800']", r"{'\ud800': rows}", "{'a': rows, 'b': Odd()}"])
def test_an_answer_that_is_no_table_costs_its_row_alone(place_of, answer):
    """Texts that are not Unicode, and columns of different lengths."""
    odd = "class Odd(list):\n    def __len__(self): return 1\n"
    text = SCRIPT.replace("FAULT", f"if len(rows) == 1: return {answer}\n        assert 0")
    process = ScoringProcess(place_of(odd + text), start_timeout_s=30)
    process.put(ROWS)
    rows, reasons = scored(process)
    assert (len(rows), list(reasons)) == (19, [7])
    assert "no form in a table" in reasons[7]
    process.close()


def test_a_script_of_mini_batches_gets_fewer_rows_once_they_took_too_long(place_of):
    """Also in the process that is started after one was killed."""
    script = "import time\ndef init(): pass\ndef run(raw_data): pass\n"
    script += "def run_batch(rows):\n    time.sleep(0.2 * len(rows))\n    return rows.a\n"
    with closing(ScoringProcess(place_of(script), start_timeout_s=30)) as process:
        process.put(ROWS)
        first = process.sizes.rows
        answers, bad = Bisection(process.score, timeout_s=2).run(len(ROWS), sizes=process.sizes)
        assert (first, bad) == (50_000, [])
        assert sum(table.num_rows for *_, table in answers) == len(ROWS)
        assert process.sizes.rows < first


def test_a_script_of_mini_batches_of_rows_needs_pandas(place_of):
    """Its environment has none: that is said before a row is scored."""
    script = "import sys\nsys.modules['pandas'] = None\n"
    script += "def init(): pass\ndef run(mini_batch): pass\n"
    with (
        closing(ScoringProcess(place_of(script), start_timeout_s=30)) as process,
        pytest.raises(ScriptNotReadyError, match="has no pandas: add pandas to the packages"),
    ):
        process.start()
