"""Bundles as files of az ml: what is written, and what the script does with the Azure CLI."""

import marshal
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from modelship.bundle import ScoringBundle
from modelship.errors import InvalidNameError, InvalidOptionError
from modelship.sources import Model
from modelship.targets import Serving
from modelship.targets.online_endpoint.az_yaml import read_deployment, read_endpoint
from modelship.targets.online_endpoint.az_yaml.az_exporting import export_endpoint
from modelship.testing import offline_bundle

SCRIPT = "import helper\ndef init(): ...\ndef run(raw_data): return helper.ANSWER\n"
CHANGES = ("create", "update", "delete")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """Return a bundle of a model, a script with a module of its own, and a sample request."""
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "code").mkdir()
    (folder / "code/score.py").write_text(SCRIPT)
    (folder / "code/helper.py").write_text("ANSWER = 1\n")
    (folder / "digits.bin").write_bytes(b"model")
    made = ScoringBundle(
        Model.read(folder / "digits.bin"),
        entry_script="score.py",
        source_directory=folder / "code",
        environment=["six==1.16.0"],
        sample_input={"data": [1]},
        tags={"team": "a"},
    )
    return offline_bundle(made)


@pytest.fixture
def az(tmp_path):
    """Return what runs a deploy.sh with a stand-in for the Azure CLI, and what that has done."""
    program = tmp_path / "bin/az"
    program.parent.mkdir()
    fake = Path(__file__).with_name("fake_az.py")
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{fake}" "$@"\n')
    program.chmod(0o755)
    state = tmp_path / "state"

    def run(folder, **variables):
        path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
        own = {"PATH": path, "FAKE_AZ_STATE": str(state), **variables}
        done = subprocess.run(
            ["bash", folder / "deploy.sh"], env=own, capture_output=True, text=True, timeout=120
        )
        return done, marshal.loads(state.read_bytes())

    return run


def exported(bundle, folder, mode="a"):
    """Export the bundle with a variable; another one is another release."""
    serving = Serving(workers=2, variables={"MODE": mode})
    return export_endpoint(bundle, folder, name="digits", serving=serving)


def changes(state):
    """Return the commands that changed something."""
    return [call for call in state["calls"] if call.endswith(CHANGES)]


def test_the_files_have_everything_that_az_ml_needs(bundle, tmp_path):
    """They read back as what was exported, and nothing in them imports modelship."""
    made = exported(bundle, tmp_path / "out")
    endpoint = read_endpoint(made.folder / "endpoint.yml")
    deployment = read_deployment(made.folder / "deployment.yml")
    assert (endpoint.name, deployment.endpoint_name) == ("digits", "digits")
    assert re.fullmatch(r"d-[0-9a-f]{10}", deployment.name)
    assert deployment.model.path == (tmp_path / "out/model/digits.bin").resolve()
    assert deployment.settings.environment_variables["MODE"] == "a"
    assert deployment.settings.request_settings.max_concurrent_requests_per_instance == 2
    assert deployment.settings.tags == {"team": "a"}
    assert "six==1.16.0" in (made.folder / "conda.yml").read_text()
    assert (made.folder / "code/helper.py").read_text() == "ANSWER = 1\n"
    texts = [(made.folder / each).read_text() for each in made.files]
    assert not any(re.search(r"import modelship|modelship (deploy|run)", text) for text in texts)


def test_the_same_bundle_has_the_same_files(bundle, tmp_path):
    """So a pipeline sees no difference where there is none."""
    one, other = (exported(bundle, tmp_path / each) for each in ("one", "other"))
    assert one.files == other.files
    for name in one.files:
        assert (one.folder / name).read_bytes() == (other.folder / name).read_bytes()


def test_the_script_deploys_without_traffic_first(bundle, tmp_path, az):
    """The sample request is answered before the deployment gets any traffic."""
    made = exported(bundle, tmp_path / "out")
    done, state = az(made.folder)
    assert done.returncode == 0, done.stderr
    assert changes(state) == [
        "online-endpoint create",
        "model create",
        "environment create",
        "online-deployment create",
        "online-endpoint update",
    ]
    invoked = state["calls"].index("online-endpoint invoke")
    assert invoked < state["calls"].index("online-endpoint update")
    assert state["endpoints"]["digits"]["traffic"] == {made.deployment: 100}
    version = (made.folder / "environment.yml").read_text().partition("version: ")[2].split()[0]
    expected = ["model=azureml:digits:1", f"environment=azureml:modelship:{version}"]
    assert state["deployments"][made.deployment]["set"] == expected
    assert done.stdout.endswith("https://digits/score\n")


def test_a_second_run_of_the_script_changes_nothing(bundle, tmp_path, az):
    """Only the traffic is set again, to what it is."""
    made = exported(bundle, tmp_path / "out")
    _, first = az(made.folder)
    done, second = az(made.folder)
    assert done.returncode == 0, done.stderr
    assert changes(second)[len(changes(first)) :] == ["online-endpoint update"]
    assert second["endpoints"] == first["endpoints"]


@pytest.mark.parametrize("keeps", [pytest.param(False, marks=pytest.mark.long), True])
def test_a_new_release_replaces_the_old_one(bundle, tmp_path, az, keeps):
    """It gets a part of the traffic first if asked; the old one is deleted unless it is kept."""
    old = exported(bundle, tmp_path / "old")
    new = exported(bundle, tmp_path / "new", mode="b")
    az(old.folder)
    wishes = {"CANARY_PERCENT": "10", "CANARY_SECONDS": "0"} | ({"KEEP_OLD": "1"} if keeps else {})
    done, state = az(new.folder, **wishes)
    assert done.returncode == 0, done.stderr
    assert "10 % of the traffic" in done.stderr
    assert state["endpoints"]["digits"]["traffic"] == {new.deployment: 100}
    assert set(state["deployments"]) == {new.deployment, *([old.deployment] if keeps else [])}
    assert state["calls"].count("model create") == 1


def test_a_failure_leaves_the_traffic_where_it_was(bundle, tmp_path, az):
    """The message says so, and how to read the log and to delete the new deployment."""
    old = exported(bundle, tmp_path / "old")
    new = exported(bundle, tmp_path / "new", mode="b")
    az(old.folder)
    done, state = az(new.folder, FAKE_AZ_FAILING="online-endpoint invoke")
    assert done.returncode != 0
    assert state["endpoints"]["digits"]["traffic"] == {old.deployment: 100}
    assert f"requests go to {old.deployment} as before" in done.stderr
    assert f"az ml online-deployment delete --name {new.deployment}" in done.stderr


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"name": "a_b"}, InvalidNameError, "endpoint name"),
        ({"serving": Serving(server="modelship")}, InvalidOptionError, "azmlinfsrv"),
        ({"serving": Serving(auth=False)}, InvalidOptionError, "always requires a key"),
        ({"options": {"instance_count": 51}}, InvalidOptionError, "from 1 to 50"),
    ],
)
def test_what_azure_refuses_is_refused(bundle, tmp_path, given, error, said):
    """Nothing is written then."""
    with pytest.raises(error, match=said):
        export_endpoint(bundle, tmp_path / "out", **{"name": "digits", **given})
    assert not (tmp_path / "out").exists()


def test_a_folder_with_files_is_left_alone(bundle, tmp_path):
    """An empty one is used."""
    (tmp_path / "empty").mkdir()
    assert exported(bundle, tmp_path / "empty").files
    with pytest.raises(InvalidOptionError, match="a new or an empty folder"):
        exported(bundle, tmp_path / "empty")
