"""No part of modelship loads a model that is not known to be safe, unless the user trusts it."""

from __future__ import annotations

import importlib
import os
import sys

import joblib
import pytest
from sklearn.linear_model import LogisticRegression

from modelship.batch.batch_job import BatchJob
from modelship.bundle import Environment, ScoringBundle
from modelship.bundle.scoring_script import SourceFile
from modelship.checks.loading_rules import loading_findings
from modelship.checks.own_modules import OwnModules
from modelship.errors import CheckFailedError, UntrustedModelError
from modelship.evaluation import Evaluator
from modelship.parity import ScoringRequest, compare
from modelship.sources import Model, ModelSource
from modelship.targets import DeployTarget
from modelship.testing import with_lock

SCRIPT = """
import os
import joblib

def init():
    joblib.load(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.pkl"))

def run(raw_data):
    return [1]
"""
EVALUATOR = Evaluator([[0.0], [1.0]], [0, 1])


class Marking:
    """Makes a folder when it is loaded."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.fixture(autouse=True)
def home(shared_home, monkeypatch):
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "it ran"


@pytest.fixture
def hostile(tmp_path, marker):
    """Return a model that makes a folder when it is loaded."""
    joblib.dump(Marking(marker), tmp_path / "model.pkl")
    return Model.read(tmp_path / "model.pkl")


@pytest.fixture
def bundle_of(bare_lock, tmp_path):
    """Return a function from a model to its bundle."""

    def make(model, script=SCRIPT):
        (tmp_path / "score.py").write_text(script)
        environment = Environment(python=bare_lock.python, requirements=())
        made = ScoringBundle(
            model,
            entry_script=tmp_path / "score.py",
            environment=environment,
            sample_input={"data": [1]},
        )
        return with_lock(made, lock=bare_lock)

    return make


def test_it_is_not_loaded_here(hostile, marker):
    """The error says what loading would call, and what to do."""
    with pytest.raises(UntrustedModelError, match=r"loading it would call.*mkdir") as caught:
        hostile.load()
    assert "trust_model=True (--trust-model)" in caught.value.hint
    with pytest.raises(UntrustedModelError):
        EVALUATOR.evaluate(hostile)
    assert not marker.exists()


def test_a_module_that_loading_imports_is_a_reason(tmp_path):
    """What a file imports without naming anything of it is told, and not as a call."""
    content = b"\x80\x02ccloudpickle.cloudpickle\nsubimport\nU\x0bantigravity\x85R."
    (tmp_path / "model.pkl").write_bytes(content)
    with pytest.raises(UntrustedModelError, match="loading it would import antigravity"):
        Model.read(tmp_path / "model.pkl").load()


def test_trust_loads_it(hostile, marker):
    """A file that is declared as trusted is loaded."""
    hostile.load(trust_model=True)
    assert marker.exists()


def test_an_object_of_this_process_is_trusted(tmp_path):
    """What was just saved from memory runs nothing that is not here already."""
    estimator = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    estimator.note = Marking(tmp_path / "made by loading")
    model = ModelSource.open(estimator).fetch(tmp_path / "fetched")
    assert model.passport.obstacles
    assert EVALUATOR.evaluate(model).accuracy == 1.0


@pytest.mark.parametrize("check", ["static", "trial", "off"])
def test_it_is_not_deployed(hostile, bundle_of, marker, check):
    """However much is checked, the service that would load it does not start."""
    target = DeployTarget.open("memory")
    with pytest.raises(CheckFailedError, match="MS301 model.pkl: Loading it would call"):
        target.deploy(bundle_of(hostile), name="hostile-svc", check=check, show_output=False)
    assert target.list() == ()
    assert not marker.exists()


def test_it_is_not_tried(hostile, bundle_of, marker):
    """The check does not run the script of a model that it found to be unsafe."""
    [finding] = [each for each in bundle_of(hostile).check() if each.code == "MS301"]
    assert finding.blocks
    assert "--trust-model" in finding.advice
    assert not marker.exists()


def test_parity_does_not_load_it(hostile, bundle_of, marker):
    """The comparison refuses it before the script runs in process."""
    with pytest.raises(CheckFailedError, match="MS301"):
        compare(bundle_of(hostile), on=[], requests=[ScoringRequest("one", body=b"{}")])
    assert not marker.exists()


@pytest.mark.parametrize("check", ["static", "trial", "off"])
def test_a_batch_job_does_not_load_it(hostile, bundle_of, marker, tmp_path, check):
    """However much is checked, no process that would load it starts, and nothing is written."""
    (tmp_path / "rows.csv").write_text("a\n1\n")
    job = BatchJob(bundle_of(hostile), tmp_path / "rows.csv", tmp_path / "out", check=check)
    with pytest.raises(CheckFailedError, match="MS301 model.pkl: Loading it would call"):
        job.run(show_output=False)
    assert not marker.exists()
    assert not (tmp_path / "out").exists()


def test_trust_turns_errors_into_warnings(hostile, bundle_of, capsys):
    """A trusted model is deployed, and what was found is shown."""
    script = SCRIPT.replace("joblib.load", "str").replace("import joblib\n", "")
    with DeployTarget.open("process").deploy(
        bundle_of(hostile, script), name="trusted-svc", trust_model=True
    ) as deployment:
        assert deployment.run({"data": [1]}) == [1]
    assert "warning: model.pkl: MS301" in capsys.readouterr().err


OWN = """
def rebuild(number):
    return number
class Own:
    def __reduce__(self):
        return rebuild, (1,)
"""


@pytest.mark.parametrize(("defined", "blocks"), [(OWN, False)])
def test_functions_beside_the_script_may_be_called(tmp_path, monkeypatch, defined, blocks):
    """What the bundle's own modules define may be called; what they only import may not."""
    (tmp_path / "own_parts.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    joblib.dump(importlib.import_module("own_parts").Own(), tmp_path / "model.pkl")
    monkeypatch.delitem(sys.modules, "own_parts")
    own = OwnModules([SourceFile("own_parts.py", defined.encode())])
    found = loading_findings(
        Model.read(tmp_path / "model.pkl"), path="model.pkl", own=own, trust_model=False
    )
    assert [each.blocks for each in found] == [True] * blocks
