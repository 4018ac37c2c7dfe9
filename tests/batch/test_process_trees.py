"""Processes of a job end, whatever kills the driver meanwhile."""

import os
import signal
import subprocess
import sys

import psutil
import pytest
from killed_jobs import begun, ended

from modelship.batch.process_trees import end_tree
from modelship.bundle.programs import start
from waiting import wait_until


@pytest.mark.parametrize("step", [0, 1, 2, 3])
def test_a_driver_may_be_killed_while_it_ends_a_process(wait_for_no_scorer, tmp_path, step):
    """Before any of its signals: the guard is never left stopped, nor what it guards."""

    def driver():
        variables = {"AML_APP_ROOT": str(tmp_path)}
        program = [sys.executable, "-c", "import time; time.sleep(60)"]
        output = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = start(program, ends_orphans=True, env=variables, **output)
        wait_until(psutil.Process(process.pid).children)
        sys.addaudithook(killing_at(step))
        end_tree(process.pid, is_guard=True)

    code = ended(begun(driver))
    assert code == -signal.SIGKILL or step == 3  # it has sent all that it sends
    wait_for_no_scorer(tmp_path)


def killing_at(step):
    """Return an audit hook that kills this process before its nth signal to others."""
    left = [step]

    def hook(event, _arguments):
        if event in {"os.kill", "os.killpg"}:
            left[0] -= 1
            if left[0] == -1:
                os.kill(os.getpid(), signal.SIGKILL)

    return hook
