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

pytestmark = pytest.mark.timeout(600)  # environments are installed on the way

SCRIPT = Path(__file__).parent / "tutorial" / "part_two.py"
TRAIN = """
import joblib
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

X, y = load_digits(return_X_y=True)
joblib.dump(LogisticRegression(C=0.01, max_iter=1000).fit(X / 16.0, y), "sklearn_mnist_model.pkl")
"""
REGISTER = """
from azureml.core import Model, Workspace
Model.register(Workspace.from_config(), "sklearn_mnist_model.pkl", "sklearn_mnist")
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
        """Register the tutorial's own model, or one of scikit-learn's digits."""
        if MNIST:
            shutil.copy(Path(MNIST) / "sklearn_mnist_model.pkl", self.folder)
        else:
            self.runs(TRAIN)
        self.runs(REGISTER)


@pytest.fixture(scope="module", params=[("3.8", 500), ("3.10", 500), ("3.11", 10_000)], ids=str)
def tutorial(request, client_python, tmp_path_factory, shared_home):
    """Run part two; return the workspace, what it printed, and what it found."""
    version, images = request.param
    folder = tmp_path_factory.mktemp(f"client-{version}")
    data = {"MODELSHIP_MNIST_DIR": MNIST} if MNIST else {}
    with deploying(folder, home=shared_home) as place:
        client = Client(client_python(version), folder / "here", place.offline)
        client.registers_the_model()
        printed = client.runs(SCRIPT.read_text(), IMAGES=str(images), **data)
        found = json.loads((client.folder / "findings.json").read_text())
        yield place.offline, printed, {**found, "folder": client.folder}


def test_the_service_answers_what_the_model_does(tutorial):
    """Over the SDK, for many images and for thirty random ones, as over HTTP."""
    _, printed, found = tutorial
    assert "Succeeded\nACI service creation operation finished" in printed
    assert found["there"] == found["here"]
    assert found["sample"][0] == found["sample"][1]
    assert found["corrected"] == [200, [found["expected"]]]


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
