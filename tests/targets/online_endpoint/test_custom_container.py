"""A release with a container of its own is built here and pushed to a registry."""

import os
import subprocess

import pytest
import requests
from image_registry import ImageRegistry

from modelship import DeployTarget, Serving
from modelship.bundle import Environment
from modelship.errors import ImagePushError, InvalidOptionError, TargetUnavailableError
from modelship.progress import Steps
from modelship.targets.http_scoring import answers
from modelship.targets.online_endpoint import OnlineEndpointBackend
from modelship.targets.online_endpoint.custom_container import _advice
from modelship.targets.release import Release
from modelship.testing import cases, script_bundle, with_lock
from waiting import wait_until

BASE_IMAGE = os.environ.get("MODELSHIP_TEST_BASE_IMAGE", "python:3.11-slim")
OWN = Serving(server="modelship", auth=True)


@pytest.fixture(scope="module")
def registry():
    """Return a registry of images on loopback."""
    with ImageRegistry() as registry:
        yield registry


@pytest.fixture
def backend(workspace, registry):
    """Return the target that pushes to that registry."""
    repository = f"127.0.0.1:{registry.server_port}/scale"
    return OnlineEndpointBackend.at(workspace, registry=repository, base_image=BASE_IMAGE)


def docker(*arguments):
    """Return what the docker command prints."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def answered(address):
    """Return the answer of a container, once it answers."""
    wait_until(lambda: answers(address))
    return requests.post(f"{address}score", json=cases.ROWS, timeout=10).json()


@pytest.mark.long
@pytest.mark.docker
@pytest.mark.usefixtures("docker_engine")
def test_the_image_of_the_environment_serves_by_itself(backend, workspace, registry, bundle):
    """It is registered with its routes, pulled from the registry, and started without arguments."""
    steps = Steps("scale", timeout_s=280, show_output=False)
    prepared = backend.prepare(Release(bundle, OWN), steps)
    environment = workspace.environment("modelship-image", prepared.environment_id.split("/")[-1])
    assert environment["inference_config"]["scoring_route"] == {"port": 5001, "path": "/score"}
    assert (prepared.model_id, prepared.code_id) == (None, "")
    image = environment["image"]
    docker("pull", image)
    container = docker("run", "-d", "-p", "127.0.0.1::5001", image)
    try:
        port = docker("port", container, "5001").rpartition(":")[2]
        assert answered(f"http://127.0.0.1:{port}/") == cases.SCORED
        sent = dict(workspace.sent)
        assert backend.prepare(Release(bundle, OWN), steps) == prepared
        assert dict(workspace.sent) == sent
    finally:
        docker("rm", "-f", container)
        docker("rmi", "-f", image)


@pytest.mark.docker
@pytest.mark.usefixtures("docker_engine")
def test_what_the_registry_says_is_in_the_error(backend, workspace, registry, bundle, monkeypatch):
    """No environment is registered with an image that is not there."""
    monkeypatch.setattr(registry, "refuses", 403)
    registry.blobs.clear()
    steps = Steps("scale", timeout_s=280, show_output=False)
    with pytest.raises(ImagePushError, match="cannot be pushed"):
        backend.prepare(Release(bundle, OWN), steps)
    assert workspace.sent == {}


@pytest.mark.parametrize(
    ("reference", "problem", "advice"),
    [
        ("a.azurecr.io/x:1", "unauthorized: authentication required", "az acr login --name a"),
        ("127.0.0.1:5/x:1", "denied: requested access", "docker login 127.0.0.1:5"),
        ("b.azurecr.io/x:1", "dial tcp: lookup b.azurecr.io: no such host", "b.azurecr.io in reg"),
        ("b.azurecr.io/x:1", "manifest invalid", "the message of the registry"),
    ],
)
def test_the_advice_fits_what_the_registry_says(reference, problem, advice):
    """A login, the name of the registry, or its message."""
    assert advice in _advice(reference, problem)


def test_without_an_engine_nothing_is_sent(workspace, bundle, monkeypatch):
    """The error says how to start one."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    backend = OnlineEndpointBackend.at(workspace, registry="a.azurecr.io/scale")
    with pytest.raises(TargetUnavailableError, match="docker"):
        DeployTarget(backend).deploy(bundle, name="scale", serving=OWN, check="static")
    assert workspace.sent == {}


def test_without_a_registry_the_own_server_is_refused(workspace):
    """The message names the option."""
    backend = OnlineEndpointBackend.at(workspace)
    with pytest.raises(InvalidOptionError, match="registry="):
        backend.check_serving(OWN)
    with pytest.raises(InvalidOptionError, match="without a tag"):
        OnlineEndpointBackend.at(workspace, registry="scale:latest")


@pytest.fixture(scope="module")
def bundle(bare_lock_311, tmp_path_factory):
    """Return a bundle for the Python of the base image."""
    made = script_bundle(
        cases.SCALING,
        folder=tmp_path_factory.mktemp("bundle"),
        environment=Environment(python="3.11", requirements=()),
        model={"factor": cases.FACTOR},
    )
    return with_lock(made, lock=bare_lock_311)


@pytest.fixture(scope="module")
def bare_lock_311():
    """Return the lock of the inference server alone."""
    from modelship.bundle.remembered import todays_lock

    return todays_lock(Environment(python="3.11", requirements=()))
