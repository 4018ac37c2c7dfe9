"""A model that Python 3.8 has pickled is served by that Python; so is one of scikit-learn 0.22."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from modelship.bundle import Environment, ScoringBundle
from modelship.bundle.lock import Lock, lock
from modelship.errors import EnvironmentBuildError, PythonNotFoundError
from modelship.parity import compare
from modelship.runtime.environments import environment_python, release_of
from modelship.sources import ModelSource
from modelship.targets import DeployTarget, Serving, State

TRAIN = """
import json, sys
import joblib, numpy as np
from sklearn.linear_model import LogisticRegression

X = np.random.RandomState(0).rand(200, 5)
model = LogisticRegression().fit(X, (X.sum(axis=1) * 2).astype(int))
joblib.dump(model, "model.pkl")
json.dump({"X": X.tolist(), "answers": model.predict_proba(X).tolist()}, open("told.json", "w"))
"""
SCORE = """
import json, os, platform
import joblib

def init():
    global model
    print("served by", platform.python_version())
    model = joblib.load(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.pkl"))

def run(raw_data):
    return model.predict_proba(json.loads(raw_data)["data"]).tolist()
"""
CONDA = """
dependencies:
  - python=3.8.1
  - scikit-learn=0.22.1
  - numpy<1.24
"""
# The same for a model without packages, which are most of the time.
PLAIN_TRAIN = """
import json, pickle

X = [[n, n / 7] for n in range(200)]
pickle.dump({"slope": 0.1}, open("model.pkl", "wb"))
json.dump({"X": X, "answers": [[0.1 * each for each in row] for row in X]}, open("told.json", "w"))
"""
PLAIN_SCORE = SCORE.replace("import joblib", "import pathlib, pickle").replace(
    'joblib.load(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.pkl"))',
    'pickle.loads(pathlib.Path(os.environ["AZUREML_MODEL_DIR"], "model.pkl").read_bytes())',
)
PLAIN_SCORE = PLAIN_SCORE.replace(
    'model.predict_proba(json.loads(raw_data)["data"]).tolist()',
    '[[model["slope"] * each for each in row] for row in json.loads(raw_data)["data"]]',
)
MODELS = {
    "plain": (PLAIN_TRAIN, PLAIN_SCORE, "dependencies:\n  - python=3.8.1\n"),
    "scikit-learn": (TRAIN, SCORE, CONDA),
}


@pytest.fixture(
    scope="module", params=["plain", pytest.param("scikit-learn", marks=pytest.mark.long)]
)
def written(request):
    """Return the text of the training, of the script and of the environment."""
    return MODELS[request.param]


@pytest.fixture(scope="module", autouse=True)
def home(shared_home):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELSHIP_HOME", str(shared_home))
        yield


@pytest.fixture(scope="module")
def trained(home, written, tmp_path_factory):
    """Return a bundle that was trained in its own environment, rows, and the model's answers."""
    folder = tmp_path_factory.mktemp("old")
    train, score, conda = written
    (folder / "myenv.yml").write_text(conda)
    (folder / "score.py").write_text(score)
    environment = Environment.read(folder / "myenv.yml")
    locked = lock(environment)
    python = environment_python(locked, timeout_s=250)
    subprocess.run([python, "-c", train], cwd=folder, check=True, timeout=60)
    told = json.loads((folder / "told.json").read_text())
    bundle = ScoringBundle(
        ModelSource.open(folder / "model.pkl").fetch(folder / "fetched"),
        entry_script=folder / "score.py",
        environment=environment,
        sample_input={"data": told["X"][:2]},
    ).with_lock(locked)
    return bundle, told["X"], told["answers"]


def test_the_service_answers_what_the_model_did(trained, capsys):
    """It is tried, started and asked; the log names its Python, and stderr the one asked for."""
    bundle, X, answers = trained
    target = DeployTarget.open("process")
    with target.deploy(bundle, name="old-python", check="trial") as deployment:
        assert deployment.state is State.HEALTHY
        assert np.array_equal(deployment.run({"data": X}), answers)
        logs = deployment.logs()
    release = release_of(environment_python(bundle.lock, timeout_s=9))
    assert f"served by {release}" in logs
    assert f"myenv.yml requires Python 3.8.1; Python {release} of this machine is used" in (
        capsys.readouterr().err
    )


@pytest.mark.long
def test_the_place_answers_as_the_script_in_process(trained):
    """Over HTTP and without it, the server of that Python answers the same, errors too."""
    report = compare(trained[0], on=["process"], show_output=False)
    assert report.equal


def test_a_failure_is_found_before_anything_starts(trained, written, tmp_path):
    """The trial runs on Python 3.8 as well, and names the line."""
    script = tmp_path / "score.py"
    script.write_text(written[1].replace('["data"]', '["rows"]'))
    model, environment = trained[0].model, trained[0].environment
    bundle = ScoringBundle(
        model,
        entry_script=script,
        environment=environment,
        sample_input=trained[0].sample_input,
    ).with_lock(trained[0].lock)
    [finding] = bundle.check(target="process")
    assert (finding.path, finding.line) == ("score.py", 11)


def test_modelships_own_server_says_which_python_it_needs(trained):
    """It works with Azure ML's server, or with a newer Python."""
    target = DeployTarget.open("process").with_serving(Serving(server="modelship"))
    with pytest.raises(EnvironmentBuildError, match=r"needs Python 3\.10 or newer.* has 3\.8"):
        target.deploy(trained[0], name="old-python", check="off", show_output=False)
    assert Path(trained[0].environment.origin).name == "myenv.yml"


def test_a_python_that_is_missing_is_told_with_the_line_that_asks_for_it(
    trained, bare_lock, tmp_path
):
    """And with what this machine has."""
    (tmp_path / "score.py").write_text(PLAIN_SCORE)
    (tmp_path / "myenv.yml").write_text("dependencies:\n  - python=3.98.1\n")
    bundle = ScoringBundle(
        trained[0].model,
        entry_script=tmp_path / "score.py",
        environment=Environment.read(tmp_path / "myenv.yml"),
    ).with_lock(Lock(python="3.98", text=bare_lock.text))
    with pytest.raises(PythonNotFoundError) as caught:
        DeployTarget.open("process").deploy(bundle, name="none", check="off", show_output=False)
    assert caught.value.message.startswith(f"{tmp_path}/myenv.yml:2: it requires Python 3.98.1, ")
