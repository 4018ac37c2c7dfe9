"""Whether the process of a build has ended, as its label says."""

import os
import subprocess
import sys

import pytest

from modelship.runtime.images.build_labels import is_abandoned, label_of_build


def owner(**changed):
    """Return the label of a build of this process, with other parts."""
    machine, pid, start = label_of_build("x").rpartition("@")[2].split(".")
    parts = {"machine": machine, "pid": pid, "start": start, **changed}
    return f"modelship/model:1-1234abcd@{parts['machine']}.{parts['pid']}.{parts['start']}"


@pytest.mark.parametrize(
    ("label", "abandoned"),
    [
        ("", False),
        ("modelship/model:1-1234abcd", False),  # by an older modelship
        (owner(), False),
        (owner(start="1"), True),  # another process has its id now
        (owner(pid="9999999999"), True),
        (owner(machine="0" * 16, pid="9999999999"), False),
        (owner(pid="1e3"), False),
    ],
)
def test_only_a_process_of_this_machine_is_known_to_have_ended(label, abandoned):
    """That of another machine may run, and so may one of an unknown label."""
    assert is_abandoned(label) is abandoned


def test_a_process_that_has_exited_has_ended():
    """A label names the process that asked for it."""
    says = "from modelship.runtime.images.build_labels import label_of_build as f; print(f('x'))"
    command = [sys.executable, "-c", says]
    label = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert f".{os.getpid()}." not in label
    assert is_abandoned(label)
