"""Ctrl-C ends a job on Spark as any other: with the command that resumes it, and no Java."""

import os
import signal
import subprocess
import sys

import pandas as pd
import psutil
import pytest
from engine_clauses import QUICK_JAVA, ROWS, SCRIPT, hanging_while, require_spark

from waiting import wait_until

pytestmark = pytest.mark.long


@pytest.fixture
def interrupted(bare_bundle, tmp_path, monkeypatch):
    """Return a function that interrupts a job once something is true of it, and what it printed."""
    require_spark()
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", QUICK_JAVA)
    (tmp_path / "hold").touch()
    bare_bundle(SCRIPT.replace("INIT", hanging_while(tmp_path / "hold"))).save(tmp_path / "saved")
    pd.DataFrame({"a": range(ROWS)}).to_csv(tmp_path / "rows.csv", index=False)

    def ended(is_time):
        command = [sys.executable, "-m", "modelship.cli", "batch", "saved", "rows.csv", "-o", "out"]
        command += ["--check", "off", "--engine", "spark", "--piece-mb", str(40 / 2**20)]
        with subprocess.Popen(
            command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as job:
            wait_until(lambda: is_time(job.pid), timeout_s=240)
            java = java_of(job.pid)
            os.killpg(job.pid, signal.SIGINT)
            _, printed = job.communicate(timeout=240)
        assert job.returncode == 130
        _, left = psutil.wait_procs(java, timeout=60)
        assert left == []
        return printed

    return ended


def java_of(pid):
    """Return the processes of Java that a process has started."""
    found = psutil.Process(pid).children()
    return [each for each in found if "pyspark-shell" in each.cmdline()]


def require_only_ours(printed):
    """Check that a user sees the command that resumes the job, and no stack of Java or Python."""
    assert "This scores what is missing: " in printed
    assert "--engine spark" in printed.splitlines()[-1]
    assert not [each for each in printed.splitlines() if each.startswith(("\tat ", "Traceback"))]


def test_it_is_interrupted_while_java_starts(interrupted):
    """Spark itself would leave a Java that never ends."""
    require_only_ours(interrupted(java_of))


def test_it_is_interrupted_while_pieces_are_scored(interrupted, tmp_path):
    """What is done is kept."""
    manifest = tmp_path / "out/_modelship/manifest.jsonl"
    printed = interrupted(lambda _: manifest.exists() and manifest.stat().st_size > 500)
    require_only_ours(printed)
    assert "it was interrupted" in printed
