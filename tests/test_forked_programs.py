"""Programs that the tests start by a fork end with the tests, however these end."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil

from forked_programs import ForkServer
from waiting import wait_until

SLEEP = "import time\ntime.sleep(600)\n"


def test_no_program_outlives_what_started_it(tmp_path):
    """A test process that is killed closes its end, too."""
    (tmp_path / "sleeping.py").write_text(SLEEP)
    with (tmp_path / "log").open("wb") as output:
        server = ForkServer(Path(sys.executable), [], os.environ)
        program = server.start("sleeping", [], folder=tmp_path, variables=os.environ, output=output)
    assert psutil.pid_exists(program.pid)
    server.end()
    wait_until(lambda: not psutil.pid_exists(program.pid))
