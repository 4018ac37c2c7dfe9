"""Run jobs in processes that are killed, at any operation on files."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter

import psutil

from modelship import errors

_STEPS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link"}


def begun(function):
    """Run a function in a process of its own, and return the process id."""
    if pid := os.fork():
        return pid
    code = 99
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        function()
        code = 0
    except errors.ModelshipError as error:
        code = error.exit_code
    finally:
        os._exit(code)


def ended(pid):
    """Wait for the end of a process, and return its exit status."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def running_with(text):
    """Return the processes with a text in their commands."""
    found = psutil.process_iter(["cmdline"])
    return [each.pid for each in found if str(text) in " ".join(each.info["cmdline"] or ())]


def run_killed_at(step, job):
    """Run a job in this process, which is killed before its nth operation on files."""
    left = [step]

    def hook(event, _arguments):
        if event in _STEPS:
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    job.run(show_output=False)


def expected(values):
    """Return the same of an input with these values."""
    bad = [at for at, each in enumerate(values) if each < 0]
    return Counter(each for each in values if each >= 0), Counter(bad)
