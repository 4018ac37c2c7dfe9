"""One bundle of several models answers alike in process, as a process, in Docker and on Azure."""

import pickle
import secrets

import pytest

from modelship import DeployTarget, ScoringBundle, Serving
from modelship.parity import ScoringRequest, compare
from modelship.sources import Model
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


def as_a_process(_request, _offline):
    """Return the place of the gate, where test_model_versions.py has models on aci."""
    return [DeployTarget.open("process")]


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
        as_a_process,
        pytest.param(on_aci_and_as_a_process, marks=pytest.mark.long),
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
