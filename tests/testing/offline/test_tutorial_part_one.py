"""The first half of the tutorial, as people with other Pythons than ours run it.

Their script is tutorial/part_one.py, unmodified, in an environment and a home of their own, in a
terminal that has sourced the workspace's file.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from modelship.testing.offline.offline_workspace import OfflineWorkspace

SCRIPT = Path(__file__).parent / "tutorial" / "part_one.py"


# In the gate: test_script_runs.py, and test_a_submitted_script_reads_a_dataset with Python 3.8.
pytestmark = pytest.mark.long


@pytest.fixture(scope="module", params=["3.8", "3.10", "3.11"])
def tutorial(request, client_python, tmp_path_factory):
    """Run part one; return the workspace, what it printed, and what it found."""
    folder = tmp_path_factory.mktemp(f"one-{request.param}")
    with OfflineWorkspace(folder / "offline") as offline:
        shutil.copy(offline.config_path, folder)
        printed = run_in_terminal([client_python(request.param), SCRIPT], folder, offline)
        yield offline, printed, json.loads((folder / "findings.json").read_text())


def run_in_terminal(words, folder, offline):
    """Run a command in a shell that has sourced the workspace's file."""
    sourced = shlex.quote(str(offline.folder / "environment.sh"))
    command = f"source {sourced} && exec {shlex.join(map(str, words))}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_script_is_trained_and_its_log_is_shown(tutorial):
    """On a cluster that says that it is this machine, with the arguments that were given."""
    offline, printed, found = tutorial
    assert "Streaming user_logs/std_log.txt" in printed
    assert "The cluster cpu-cluster is this machine" in printed
    assert "Train on (1000, 64) with regularization rate of 0.5" in printed
    assert found["status"] == "Completed"
    assert offline.refused == []


def test_the_run_has_its_metrics_and_files(tutorial):
    """What the script logged without ending its run, and what it wrote to outputs."""
    found = tutorial[2]
    assert found["metrics"]["regularization rate"] == 0.5
    assert found["metrics"]["accuracy"] > 0.9
    assert "outputs/sklearn_mnist_model.pkl" in found["files"]


def test_the_model_is_registered_with_its_run(tutorial):
    """Part two finds it under its name."""
    assert tutorial[2]["model"] == ["sklearn_mnist:1", True, "sklearn-mnist"]
