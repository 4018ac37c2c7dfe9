"""Started programs: they return their exit codes, and end with their parent."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time

import psutil
import pytest

from modelship.bundle import programs
from waiting import wait_until

_TIMEOUT_S = 20.0
_STARTS_ONE = """
import sys
from modelship.bundle import programs
child = "import subprocess, time; subprocess.Popen(['sleep', '600']); time.sleep(600)"
programs.start([sys.executable, "-c", child]).wait()
"""
_IN_A_THREAD = (
    f"import threading; threading.Thread(target=exec, args=({_STARTS_ONE!r}, {{}})).start()"
)

_SEES_ITS_END = """
import subprocess, sys
from modelship.bundle import programs
child = "import subprocess, sys; subprocess.Popen(['sleep', '600']); sys.stdin.read()"
programs.start([sys.executable, "-c", child], stdin=subprocess.PIPE).wait()
"""


def _marked(mark):
    processes = psutil.process_iter(["environ", "status"])
    return [
        each
        for each in processes
        if (each.info["environ"] or {}).get("MARK") == mark and each.info["status"] != "zombie"
    ]


@pytest.mark.parametrize(
    "program", [_STARTS_ONE, _IN_A_THREAD, _SEES_ITS_END], ids=["main", "thread", "ends-first"]
)
@pytest.mark.parametrize("after_s", [0.25, 0.4, 1.5])
def test_nothing_outlives_whoever_started_it(program, after_s):
    """SIGKILL to this process ends the program, and what that has started, at any moment."""
    mark = f"{os.getpid()}-{random.random()}"
    environ = {**os.environ, "MARK": mark, "PYTHONPATH": os.pathsep.join(sys.path)}
    starter = subprocess.Popen([sys.executable, "-c", program], env=environ)
    time.sleep(after_s)
    starter.kill()
    starter.wait()
    wait_until(lambda: not _marked(mark))


def test_a_program_ends_with_its_orphans():
    """Those in sessions of their own end with it if its guard is asked to do so."""
    mark = f"{os.getpid()}-{random.random()}"
    inner = "import subprocess; print(subprocess.Popen(['sleep', '600'], stdout=-3).pid)"
    code = f"import subprocess; subprocess.run([{sys.executable!r}, '-c', {inner!r}])"
    done = programs.start(
        [sys.executable, "-c", code.replace("])", "], start_new_session=True)")],
        ends_orphans=True,
        env={"MARK": mark},
        stdout=subprocess.PIPE,
    )
    assert int(done.communicate(timeout=_TIMEOUT_S)[0]) > 0
    assert (done.returncode, _marked(mark)) == (0, [])


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("raise SystemExit(0)", 0),
        ("raise SystemExit(7)", 7),
        ("import os; os.kill(os.getpid(), 9)", -9),
        ("import os; os.kill(os.getpid(), 15)", -15),
        ("import ctypes; ctypes.string_at(0)", -11),
    ],
)
def test_a_program_ends_as_it_does(code, expected):
    """Its exit code, or the signal that ended it, is that of the guard."""
    assert programs.run([sys.executable, "-c", code], timeout_s=_TIMEOUT_S).returncode == expected


def test_a_program_that_takes_too_long_is_ended():
    """After the timeout neither it nor what it has started is there."""
    mark = f"{os.getpid()}-{random.random()}"
    code = "import subprocess; subprocess.run(['sleep', '600'])"
    with pytest.raises(subprocess.TimeoutExpired) as caught:
        programs.run([sys.executable, "-c", code], timeout_s=0.5, env={"MARK": mark})
    assert (caught.value.output, caught.value.stderr) == ("", "")
    wait_until(lambda: not _marked(mark))


def test_a_program_speaks_and_listens():
    """Standard input, output and error are its own; one that is not there says so."""
    code = "import sys; print(input()); sys.stderr.write('words')"
    done = programs.run([sys.executable, "-c", code], stdin="asked\n", timeout_s=_TIMEOUT_S)
    assert (done.stdout, done.stderr) == ("asked\n", "words")
    missing = programs.run(["/nowhere/program"], timeout_s=_TIMEOUT_S)
    assert (missing.returncode, "No such file" in missing.stderr) == (127, True)
