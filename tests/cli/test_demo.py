"""modelship demo: the whole story, for real."""

import json
import tempfile

import pytest

from modelship.cli.demo import _Demo, _Story
from modelship.errors import DeploymentNotFoundError
from modelship.targets import DeployTarget


def test_the_demo_tells_the_whole_story(modelship, here, shared_home, monkeypatch):
    """On the process target: equal answers, the pictures, and nothing left behind."""
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))
    done = modelship("demo", "--output", "out", "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["equal"] is True
    assert document["model_accuracy"] == document["service_accuracy"] > 0.9
    assert {path.name for path in (here / "out").iterdir()} == {
        "digits.joblib",
        "conf.png",
        "results.png",
        "report.html",
    }
    for told in ("Train", "Pass the gate", "Test over HTTP", "all 450 predictions equal", "Delete"):
        assert told in done.stderr
    with pytest.raises(DeploymentNotFoundError):
        DeployTarget.open("process").get(document["name"])


@pytest.mark.long
def test_the_demo_can_leave_its_service(modelship, here, tmp_path, monkeypatch):
    """With --keep the service keeps running, and the last line says how to delete it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    done = modelship("demo", "-t", "memory", "--keep")
    assert done.exit_code == 0, done.output
    [deployment] = DeployTarget.open("memory").list()
    assert f"modelship delete {deployment.name} -t memory" in done.stdout
    assert [*here.iterdir()] == []  # what it wrote lies elsewhere


@pytest.mark.docker
def test_the_demo_begins_with_the_base_image(modelship, docker_engine):
    """What is not available is reported at once, and not after training, testing and locking."""
    image = "127.0.0.1:9/nothing:1"
    done = modelship("demo", "-t", "docker", "--option", f"base_image={image}")
    assert done.exit_code == 7
    assert f"docker pull {image}" in done.stderr
    assert "Train" not in done.stdout


def test_the_demo_deletes_its_service_after_a_failure(modelship, here):
    """If a later step fails, nothing is left running."""
    (here / "out").mkdir()
    (here / "out" / "conf.png").mkdir()  # a picture cannot be written there
    done = modelship("demo", "-t", "memory", "--output", "out")
    assert done.exit_code != 0
    assert "Test over HTTP" in done.stdout
    assert DeployTarget.open("memory").list() == ()


def test_the_demo_deletes_its_service_after_ctrl_c(modelship, monkeypatch):
    """Also in the moment in which it says that the service runs."""

    def tell(story, mark, name, *_):
        if name == "Deploy":
            raise KeyboardInterrupt

    monkeypatch.setattr(_Story, "_tell", tell)
    assert modelship("demo", "-t", "memory").exit_code == 130
    assert DeployTarget.open("memory").list() == ()


def test_an_interrupted_demo_removes_its_temporary_folder(modelship, here, monkeypatch):
    """Only a demo that comes to its end leaves the folder with its results."""

    def train(_demo):
        raise KeyboardInterrupt

    monkeypatch.setattr(tempfile, "tempdir", str(here))
    monkeypatch.setattr(_Demo, "_train", train)
    assert modelship("demo", "-t", "memory").exit_code == 130
    assert list(here.glob("modelship-demo-*")) == []


def test_the_demo_first_creates_its_folder(modelship, here):
    """A folder that cannot be created is reported at once, with what to do, and not as a bug."""
    (here / "taken").write_text("a file")
    done = modelship("demo", "-t", "memory", "--output", "taken/out")
    assert done.exit_code == 10
    assert "taken/out cannot be used" in done.stderr
    assert "name another folder" in done.stderr
    assert "Train" not in done.stdout


def test_the_demo_says_if_it_cannot_save_the_model(modelship, here):
    """A folder in place of the model's file is reported with what to do, and not as a bug."""
    (here / "out" / "digits.joblib").mkdir(parents=True)
    done = modelship("demo", "-t", "memory", "--output", "out")
    assert done.exit_code == 10
    assert "Move away the folder that is in place of a file" in done.stderr
