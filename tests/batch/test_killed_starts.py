"""A process that is killed in init() gets other tries, and what is known of the cause is said."""

from __future__ import annotations

import pickle
import signal

import pyarrow as pa
import pytest

from modelship.batch.killed_starts import ScriptNotReadyError, StartOfScript
from modelship.batch.scoring_process import ScoringProcess

DIES = """
import os, pathlib

def init():
    tries = pathlib.Path(TRIES)
    with tries.open("a") as file:
        file.write("x")
    if len(tries.read_text()) <= KILLED:
        os.kill(os.getpid(), 9)

def run(raw_data):
    return [1]
"""


@pytest.fixture
def started(place_of, tmp_path):
    """Return a function that starts a script that is killed so often; it returns its tries."""

    def made(killed, *, prefix=""):
        text = DIES.replace("TRIES", repr(str(tmp_path / "tries"))).replace("KILLED", str(killed))
        process = ScoringProcess(place_of(prefix + text), start_timeout_s=30)
        try:
            process.put(pa.table({"a": [1]}))
        finally:
            process.close()
            found.append(len((tmp_path / "tries").read_text()))
        return found[-1]

    found = made.tries = []
    return made


@pytest.mark.parametrize("prefix", ["", "FORKABLE = False\n"])
def test_a_process_that_is_killed_in_its_first_init_is_started_again(started, prefix):
    """The kernel may have needed the memory for a moment only."""
    assert started(1, prefix=prefix) == 2


def test_a_process_that_is_always_killed_is_an_error(started):
    """After three tries."""
    with pytest.raises(ScriptNotReadyError, match="killed by SIGKILL in init") as raised:
        started(99)
    assert started.tries == [3]
    assert raised.value.is_killed


@pytest.mark.parametrize(
    ("before", "after", "known", "is_memory"),
    [
        ("nr_free_pages 7\noom_kill 3", "oom_kill 5", "the kernel killed 2 for lack of", True),
        ("oom_kill 3", "oom_kill 3", "killed none for lack of memory", False),
        ("nr_free_pages 7", "nr_free_pages 7", "is the usual cause", True),
    ],
)
def test_the_kernels_count_says_whether_memory_was_missing(
    tmp_path, before, after, known, is_memory
):
    """The advice is about memory unless the kernel has killed nothing."""
    vmstat = tmp_path / "vmstat"
    vmstat.write_text(before)
    start = StartOfScript(vmstat)
    vmstat.write_text(after)
    error = pickle.loads(pickle.dumps(start.ended(-signal.SIGKILL, "the log")))
    assert known in str(error)
    assert str(error).endswith("\nthe log")
    assert error.is_killed
    assert ("more memory" in error.advice) == is_memory


def test_another_end_is_not_blamed_on_memory():
    """Nor tried again: an exit code is the script's own."""
    error = StartOfScript().ended(4, "")
    assert (error.is_killed, error.advice) == (False, "")
    assert "memory" not in str(error)
