"""The second half of the tutorial, as people with other Pythons than ours run it.

Their script is tutorial/part_two.py, unmodified, in an environment and a home of their own, in a
terminal that has sourced the workspace's file.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import psutil
import pytest
from offline_services import deploying

from modelship.diagnosis import diagnose

pytestmark = [
    pytest.mark.timeout(600),  # environments are installed on the way
    pytest.mark.long,  # in the gate: test_acceptance.py; with Python 3.8, test_client_scripts.py
]

SCRIPT = Path(__file__).parent / "tutorial" / "part_two.py"
TRAIN = """
import joblib
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

X, y = load_digits(return_X_y=True)
joblib.dump(LogisticRegression(C=0.01, max_iter=1000).fit(X / 16.0, y), "sklearn_mnist_model.pkl")
"""
REGISTER = """
import platform
from azureml.core import Model, Workspace
ws = Workspace.from_config()
model = Model.register(ws, "sklearn_mnist_model.pkl", "sklearn_mnist")
print(platform.python_version(), ws.name, model.id)
"""
MNIST = os.environ.get("MODELSHIP_MNIST_DIR")


class Client:
    """Somebody with a Python of their own, at work in a folder with a config.json."""

    def __init__(self, python, folder, offline):
        self.folder = folder
        self._command = (
            f"source {shlex.quote(str(offline.folder / 'environment.sh'))} && "
            f"exec {shlex.quote(str(python))} script.py"
        )
        self._terminal = {"PATH": os.environ["PATH"], "HOME": str(folder), "MPLBACKEND": "Agg"}
        shutil.copy(offline.config_path, folder)

    def runs(self, code, **variables):
        """Run a script, and return what it printed."""
        (self.folder / "script.py").write_text(code)
        done = subprocess.run(
            ["bash", "-c", self._command],
            cwd=self.folder,
            env={**self._terminal, **variables},
            capture_output=True,
            text=True,
            timeout=280,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def registers_the_model(self):
        """Register the tutorial's own model, or one of scikit-learn's digits; return who did it."""
        if MNIST:
            shutil.copy(Path(MNIST) / "sklearn_mnist_model.pkl", self.folder)
        else:
            self.runs(TRAIN)
        return self.runs(REGISTER).splitlines()[-1].split()


RUNS = [("3.8", 500), ("3.10", 500), ("3.11", 10_000)]


@pytest.fixture(scope="module", params=RUNS, ids=str)
def tutorial(request, client_python, tmp_path_factory, shared_home):
    """Run part two; return the workspace, what it printed, and what it found."""
    version, images = request.param
    folder = tmp_path_factory.mktemp(f"client-{version}")
    data = {"MODELSHIP_MNIST_DIR": MNIST} if MNIST else {}
    with deploying(folder, home=shared_home) as place:
        client = Client(client_python(version), folder / "here", place.offline)
        registered = client.registers_the_model()
        printed = client.runs(SCRIPT.read_text(), IMAGES=str(images), **data)
        found = json.loads((client.folder / "findings.json").read_text())
        yield (
            place.offline,
            printed,
            {**found, "folder": client.folder, "by": (version, registered)},
        )


def test_the_service_answers_what_the_model_does(tutorial):
    """Over the SDK, for many images and for thirty random ones, as over HTTP."""
    _, printed, found = tutorial
    assert "Succeeded\nACI service creation operation finished" in printed
    assert found["there"] == found["here"]
    assert found["sample"][0] == found["sample"][1]
    assert found["corrected"] == [200, [found["expected"]]]


def test_a_script_of_another_python_finds_the_workspace(tutorial):
    """In a terminal that has sourced the workspace's file, and with its config.json."""
    version, (python, *registered) = tutorial[2]["by"]
    assert python.startswith(f"{version}.")
    assert registered == ["offline", "sklearn_mnist:1"]


def test_the_model_is_as_good_as_it_was(tutorial):
    """The tutorial's own is right on 9,193 of the 10,000 images; its confusion matrix is drawn."""
    _, printed, found = tutorial
    assert found["accuracy"] == 0.9193 if MNIST else found["accuracy"] > 0.9
    assert f"Overall accuracy: {found['accuracy']}" in printed
    for picture in ("conf.png", "results.png"):
        assert (found["folder"] / picture).read_bytes().startswith(b"\x89PNG")


def test_the_request_by_hand_is_answered_or_explained(tutorial):
    """With numpy 1 its body is JSON; numpy 2 writes its own names into it, and the log tells."""
    found = tutorial[2]
    if found["numpy"].startswith("1."):
        assert found["by hand"] == [200, f"[{found['expected']}]"]
        return
    assert found["by hand"][0] == 500
    told = diagnose(found["logs"])
    assert (told.code, told.where.partition(":")[0]) == ("MS511", "score.py")
    assert "np.float64(…)" in told.remedy


def test_nothing_is_left(tutorial):
    """After service.delete() there is no service, no document and no process."""
    offline, _, found = tutorial
    assert found["left"] == []
    assert list((offline.folder / "documents" / "services").glob("*.json")) == []
    serving = (each.info["environ"] or {} for each in psutil.process_iter(["environ"]))
    assert not [
        each for each in serving if str(offline.folder) in each.get("AZUREML_MODEL_DIR", "")
    ]
