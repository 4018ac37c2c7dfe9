"""One bundle of several models answers alike in process, as a process, in Docker and on Azure."""

import pickle
import secrets
from dataclasses import replace

import pytest

from modelship import DeployTarget, ModelSource, ScoringBundle, Serving
from modelship.bundle import Environment
from modelship.errors import InvalidOptionError
from modelship.parity import ScoringRequest, compare
from modelship.sources import Model
from modelship.sources.registered import register_model
from modelship.testing import OfflineWorkspace

SCRIPT = """
import os, pickle
from pathlib import Path
from azureml.core.model import Model
from beside import WORD

def init():
    global found
    folder = Path(os.environ["AZUREML_MODEL_DIR"])
    paths = {
        "one": folder / "a" / "1" / "model.pkl",
        "two": folder / "a" / "2" / "model.pkl",
        "other": Model.get_model_path("b"),
        "latest": Model.get_model_path("a"),
        "first": Model.get_model_path("a", version=1),
    }
    found = {name: pickle.loads(Path(path).read_bytes()) for name, path in paths.items()}
    found["folder"] = os.path.relpath(folder, os.environ["AML_APP_ROOT"])
    labels = os.path.join(os.path.dirname(__file__), "../../labels.txt")
    found["beside"] = WORD + open(labels).read()
    found["here"] = os.path.samefile(os.getcwd(), os.environ["AML_APP_ROOT"])

def run(raw_data):
    return found
"""
CONDA = "dependencies:\n  - python=3.11\n  - scikit-learn\n  - pip:\n      - azureml-defaults\n"
FOUND = {"one": "a1", "two": "a2", "other": "b1", "latest": "a2", "first": "a1"}
# Set apart from what other tests register on the same engine.
MARK = secrets.token_hex(4)


@pytest.fixture
def bundle(tmp_path):
    """Return a bundle of three models: two versions of one, and another."""
    source = tmp_path / "service"
    (source / "scripts" / "inner").mkdir(parents=True)
    (source / "scripts" / "inner" / "score.py").write_text(f"# {MARK}\n{SCRIPT}")
    (source / "beside.py").write_text("WORD = 'beside '\n")
    (source / "labels.txt").write_text("labels")
    (tmp_path / "myenv.yml").write_text(CONDA)
    models = []
    for name, version in (("b", "1"), ("a", "2"), ("a", "1")):
        folder = tmp_path / f"{name}{version}"
        folder.mkdir()
        (folder / "model.pkl").write_bytes(pickle.dumps(f"{name}{version}"))
        models.append(Model.read(folder / "model.pkl", name=name, version=version))
    return ScoringBundle(
        models,
        entry_script="scripts/inner/score.py",
        source_directory=source,
        environment=tmp_path / "myenv.yml",
    )


def on_aci_and_as_a_process(_request, offline):
    """Return the two that do not set the folder of models alike."""
    return [
        DeployTarget.open("process"),
        DeployTarget.open("aci", workspace=offline.config_path),
    ]


def elsewhere(request, offline):
    """Return all places, of which the others have code of one of the two in common."""
    image = request.getfixturevalue("docker_base_image")
    return [
        *on_aci_and_as_a_process(request, offline),
        DeployTarget.open("process").with_serving(Serving(server="modelship")),
        DeployTarget.open("docker", base_image=image),
    ]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "opened",
    [
        on_aci_and_as_a_process,
        pytest.param(elsewhere, marks=[pytest.mark.docker, pytest.mark.long]),
    ],
)
def test_several_models_are_found_alike_on_every_target(
    bundle, opened, request, shared_home, monkeypatch
):
    """So are the files of the source directory, from a script that lies some folders down."""
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))
    with OfflineWorkspace() as offline:
        places = opened(request, offline)
        asked = [ScoringRequest.of([], label="find")]
        report = compare(bundle, on=places, requests=asked, show_output=False)
    assert report.differences == ()
    [row] = report.answers
    expected = {**FOUND, "folder": "azureml-models", "here": True, "beside": "beside labels"}
    assert [each.value for each in row.values()] == [expected] * (1 + len(places))


VERSIONED = """
import os, pickle
def init():
    open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "a", "1", "model.pkl"))
def run(raw_data):
    return 1
"""


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
        target.deploy(other, name="refused")
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
