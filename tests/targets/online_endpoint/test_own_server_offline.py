"""modelship's server as a custom container of an online endpoint, in an offline workspace."""

import io
import os
import subprocess

import numpy as np
import pytest
import requests
from debian_registry import debian_registry, log_in
from image_registry import ImageRegistry

from modelship import DeployTarget, Serving
from modelship.bundle import Environment
from modelship.errors import ImagePushError
from modelship.testing import OfflineWorkspace, script_bundle, with_lock
from waiting import wait_until

BASE_IMAGE = os.environ.get("MODELSHIP_TEST_BASE_IMAGE", "python:3.11-slim")
TYPED = """
import json, os
import numpy as np

def init():
    print("the model is in", os.environ["AZUREML_MODEL_DIR"])

def run(raw_data):
    return run_array(np.array(json.loads(raw_data)["data"]))

def run_array(data):
    return (3 * data.sum(axis=1)).tolist()
"""


@pytest.fixture
def target(tmp_path, monkeypatch):
    """Return the target of an offline workspace with Docker, which pushes to a local registry."""
    pytest.importorskip("azure.ai.ml")
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path / "home"))
    with (
        ImageRegistry() as registry,
        OfflineWorkspace(tmp_path / "workspace", compute="docker") as offline,
    ):
        repository = f"127.0.0.1:{registry.server_port}/typed"
        place = {"workspace": str(offline.config_path), "registry": repository}
        yield DeployTarget.open("online-endpoint", base_image=BASE_IMAGE, **place)
        _remove_images(repository)


@pytest.fixture
def bundle(tmp_path):
    """Return a bundle with a typed script, which accepts arrays."""
    from modelship.bundle.remembered import todays_lock

    environment = Environment(python="3.11", requirements=("numpy",))
    made = script_bundle(TYPED, folder=tmp_path / "bundle", environment=environment, model=3)
    return with_lock(made, lock=todays_lock(environment))


def _remove_images(repository):
    """Remove the images of a repository from the engine."""
    command = ["docker", "images", "-q", repository]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    if found:
        subprocess.run(["docker", "rmi", "-f", *found], check=True, stdout=subprocess.DEVNULL)


# In the gate: test_custom_containers.py runs an image, test_custom_container.py is refused a push.
@pytest.mark.docker
@pytest.mark.long
@pytest.mark.usefixtures("docker_engine")
def test_a_typed_script_serves_behind_the_endpoint(target, bundle):
    """It is built, pushed, pulled and started, answers JSON and npy, and is deleted."""
    serving = Serving(server="modelship", workers=2, server_options={"body_mb": 1})
    deployment = target.deploy(bundle, name="typed", serving=serving)
    assert deployment.run({"data": [[1, 2], [3, 4]]}) == [9, 21]
    body = io.BytesIO()
    np.save(body, np.array([[1.0, 2.0]]))
    key, kind = deployment.keys().primary, {"Content-Type": "application/x-npy"}
    headers = {"Authorization": f"Bearer {key}", **kind}
    sent = {"data": body.getvalue(), "headers": headers, "timeout": 30}
    assert requests.post(deployment.scoring_uri, **sent).json() == [9]
    wait_until(lambda: "the model is in" in deployment.logs(), describe=deployment.logs)
    target.delete("typed")
    assert not target.list()


@pytest.mark.docker
@pytest.mark.long
@pytest.mark.usefixtures("docker_engine")
def test_a_registry_with_a_login_gets_the_image(bundle, tmp_path, monkeypatch):
    """Debian's registry refuses the push without a login, and names it; with one, it serves."""
    pytest.importorskip("azure.ai.ml")
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-login"))
    with (
        debian_registry(tmp_path) as address,
        OfflineWorkspace(tmp_path / "workspace", compute="docker") as offline,
    ):
        place = {"workspace": str(offline.config_path), "registry": f"{address}/typed"}
        target = DeployTarget.open("online-endpoint", base_image=BASE_IMAGE, **place)
        serving = Serving(server="modelship")
        with pytest.raises(ImagePushError, match=f"docker login {address}"):
            target.deploy(bundle, name="private", serving=serving)
        monkeypatch.setenv("DOCKER_CONFIG", str(log_in(tmp_path, address)))
        deployment = target.deploy(bundle, name="private", serving=serving)
        assert deployment.run({"data": [[1, 2], [3, 4]]}) == [9, 21]
        target.delete("private")
        _remove_images(f"{address}/typed")
