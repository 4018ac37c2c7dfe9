"""Temporary folders of processes that were killed are removed, and no others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile

import pytest

from modelship.runtime.owned_folders import owned_folder

KILLED = """
import os, signal, sys
from modelship.runtime.owned_folders import owned_folder

def kill(event, arguments):
    if event == sys.argv[1] and "job-" in str(arguments[0]):
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(kill)
with owned_folder("job-") as folder:
    (folder / "model").touch()
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Return the folder for temporary files, which is empty."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_removed_at_the_end(temporary):
    """Its lock, too; other folders and locks stay."""
    (temporary / "other-left").mkdir()
    (temporary / "job-0.new").touch()
    os.utime(temporary / "job-0.new", (0, 0))
    with owned_folder("job-") as folder:
        (folder / "model").touch()
        with owned_folder("job-"):
            assert (folder / "model").exists()
    assert [each.name for each in temporary.iterdir()] == ["other-left"]


@pytest.mark.parametrize("event", ["os.mkdir", "shutil.rmtree", "os.rmdir"])
def test_a_folder_is_removed_whenever_its_process_is_killed(temporary, event):
    """Before there is a folder, while it is removed, or when nothing is in it any more."""
    environment = {**os.environ, "TMPDIR": str(temporary)}
    done = subprocess.run([sys.executable, "-c", KILLED, event], env=environment)
    assert done.returncode == -signal.SIGKILL
    assert any(temporary.iterdir())
    with owned_folder("job-"):
        pass
    assert not any(temporary.iterdir())
