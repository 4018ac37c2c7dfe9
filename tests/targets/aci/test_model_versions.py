"""Versions of models: what a script names is found on Azure, or refused before a deployment."""

import pickle
import secrets
from dataclasses import replace

import pytest

from modelship import ModelSource, ScoringBundle
from modelship.bundle import Environment
from modelship.errors import InvalidOptionError
from modelship.sources import Model
from modelship.sources.registered import register_model

# Set apart from what other tests register.
MARK = secrets.token_hex(4)
VERSIONED = """
import os, pickle
def init():
    open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "a", "1", "model.pkl"))
def run(raw_data):
    return 1
"""


@pytest.fixture(scope="module")
def bare_lock(light):
    """Let services have a server that starts at once: no test here is about it."""
    return light


@pytest.fixture
def two_models(bare_lock, tmp_path):
    """Return what makes a bundle of two models of these names and contents, and of a script."""

    def make(script, **contents):
        models = []
        for name, content in contents.items():
            folder = tmp_path / name
            folder.mkdir(exist_ok=True)
            (folder / "model.pkl").write_bytes(pickle.dumps([MARK, content]))
            models.append(Model.read(folder / "model.pkl", name=name))
        (tmp_path / "score.py").write_text(script)
        environment = Environment(bare_lock.python, ())
        made = ScoringBundle(models, entry_script=tmp_path / "score.py", environment=environment)
        return made.with_lock(bare_lock)

    return make


def test_a_path_that_azure_does_not_have_is_refused_before_the_deployment(
    offline, target, two_models, bare_lock, tmp_path
):
    """Where the workspace has another version, a script that names it needs that one, fetched."""
    register_model(two_models(VERSIONED, a=1).models[0], workspace=offline.config_path)
    other = two_models(VERSIONED, a=2, b=1)
    with pytest.raises(InvalidOptionError, match=r"a:1 is a:2.*score.py:4 would not find"):
        target.deploy(other, name="refused", check="static")
    assert not target.list()
    where = {"workspace": offline.config_path}
    fetched = [
        ModelSource.open(f"azureml:{each}", **where).fetch(tmp_path / f"from-{each}")
        for each in "ab"
    ]
    assert [model.version for model in fetched] == ["2", "1"]
    (tmp_path / "score.py").write_text(VERSIONED.replace('"1"', '"2"'))
    bundle = ScoringBundle(
        fetched, entry_script=tmp_path / "score.py", environment=other.environment
    ).with_lock(bare_lock)
    options = {"check": "static", "show_output": False}
    assert target.deploy(bundle, name="deployed", **options).run([]) == 1


def test_where_a_model_lies_on_azure_is_said(offline, target, two_models, capsys):
    """A script that names no version is deployed, and the steps tell of the other one."""
    script = (
        'import os\ndef init(): os.listdir("azureml-models/c")[0]\ndef run(raw_data): return 1\n'
    )
    before = two_models(script, c=1, d=1).models[0]
    register_model(before, workspace=offline.config_path)
    target.deploy(two_models(script, c=2, d=1), name="third", check="static")
    assert "on Azure ML: c:1 is c:2; their folder is azureml-models" in capsys.readouterr().err


def test_the_same_content_twice_is_refused(target, two_models):
    """Azure ML registers it once for a name, so two versions of it would be one."""
    bundle = two_models(VERSIONED, e=1)
    twice = [replace(bundle.models[0], version=each) for each in ("1", "2")]
    changed = ScoringBundle.from_parts(**{**vars(bundle), "models": tuple(twice)})
    with pytest.raises(InvalidOptionError, match=r"\['e:1', 'e:2'\]"):
        target.deploy(changed, name="twice", check="off")
