"""A failed deployment on the target ``process`` says why, and so does a service that failed."""

from __future__ import annotations

import psutil
import pytest

from modelship.bundle import Environment
from modelship.errors import DeploymentFailedError, DeploymentTimeoutError
from modelship.progress import Deadline, DeadlineExceededError
from modelship.targets import DeployTarget, Serving
from modelship.testing import cases, script_bundle, with_lock

MISSING = "import lightgbm\n\ndef init(): pass\ndef run(raw_data): return 1\n"
KILLED = "import os\n\ndef init():\n    os.kill(os.getpid(), 9)\n\ndef run(raw_data): return 1\n"
WRONG_PATH = """
import os

def init():
    open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "modle.pkl"))

def run(raw_data): return 1
"""


@pytest.fixture(autouse=True)
def home(shared_home, monkeypatch):
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))
    return shared_home


@pytest.fixture
def target():
    target = DeployTarget.open("process")
    yield target
    for deployment in target.list():
        if deployment.name.startswith("ailing"):
            deployment.delete(missing_ok=True)


@pytest.fixture
def make(bare_lock, tmp_path):
    def make(script, **options):
        environment = Environment(python=bare_lock.python, requirements=())
        made = script_bundle(script, folder=tmp_path, environment=environment, **options)
        return with_lock(made, lock=bare_lock)

    return make


def failure(target, bundle, *, expected=DeploymentFailedError):
    with pytest.raises(expected) as caught:
        target.deploy(bundle, name="ailing", check="off", show_output=False)
    return caught.value


def test_a_missing_module_reads_as_a_person_wants(target, make):
    """The cause comes first, then the place, the few lines that prove it, and what to do."""
    assert str(failure(target, make(MISSING))) == (
        "'ailing' on 'process' is Failed: The script imports lightgbm, which the environment does "
        "not provide (score.py:1, MS104).\n"
        '  | File "score.py", line 1, in <module>\n'
        "  |   import lightgbm\n"
        "  | ModuleNotFoundError: No module named 'lightgbm'\n"
        "  -> List lightgbm in the environment."
    )


def test_a_wrong_model_path_names_the_right_one(target, make):
    """The file that does lie in the model directory is named in what to write."""
    diagnosis = failure(target, make(WRONG_PATH)).diagnosis
    assert (diagnosis.code, diagnosis.where) == ("MS106", "score.py:5")
    assert "the model directory contains model.pkl" in diagnosis.cause
    assert "'model.pkl'" in diagnosis.remedy


def test_a_refused_sample_keeps_what_was_asked(target, make):
    """If run() fails on the sample request, both are told."""
    made = make(cases.SCALING, model={"factor": 2}, sample_input={"rows": [1]})
    error = failure(target, made)
    assert error.diagnosis.code == "MS503"
    assert "is Unhealthy: run() raised KeyError: 'data' (score.py:" in error.message
    assert "sample request" in error.evidence.splitlines()[0]


def test_a_worker_that_is_killed_again_and_again(target, make, home, monkeypatch):
    """A deadline that passes meanwhile says why, and not only that it passed."""

    def check(_):
        logs = (home / "state" / "process").glob("ailing-*/server.log")
        if any(log.read_text().count("was sent SIGKILL!") > 1 for log in logs):
            raise DeadlineExceededError

    monkeypatch.setattr(Deadline, "check", check)
    error = failure(target, make(KILLED), expected=DeploymentTimeoutError)
    assert error.diagnosis.code == "MS505"
    assert "while init() ran" in error.message


def test_a_service_that_was_killed_is_explained_later(target, make, home):
    """A healthy service has no diagnosis; one whose process is gone has one, known or not."""
    made = make(cases.SCALING, model={"factor": 2})
    own = Serving(server="modelship")
    deployment = target.deploy(made, name="ailing", check="off", serving=own, show_output=False)
    assert deployment.diagnose() is None
    folder = home / "state" / "process" / deployment.instance.instance_id
    server = psutil.Process(int((folder / "pid").read_text()))
    server.kill()
    server.wait(timeout=10)
    diagnosis = deployment.diagnose()
    assert diagnosis.code == "MS699"
    assert "its process exited" in diagnosis.cause
