"""A secret reaches the service's environment, and nothing else that modelship writes or says."""

from __future__ import annotations

import json
import secrets
import traceback
from contextlib import suppress

import psutil
import pytest
import requests
from docker_base import BASE_IMAGE, deploying, docker_says, inspect

from modelship import DeployTarget, Serving
from modelship.errors import DeploymentFailedError, NameTakenError
from modelship.runtime.variables import Secret
from modelship.targets import Release
from modelship.targets.kept import KeptReleases

PLACES = ["process", pytest.param("docker", marks=pytest.mark.docker)]
_PAGES = ("", "docs", "swagger.json", "metrics", "healthz", "environ")
SHOWING = """
import os

def init():
    pass

def run(raw_data):
    return {name: os.environ.get(name) for name in raw_data.split()}
"""


RAISING = """
import os

def init():
    print("connecting with", os.environ["TOKEN"], flush=True)
    raise ConnectionError(f"refused: user={os.environ['TOKEN']}")

def run(raw_data):
    return 1
"""


@pytest.fixture(scope="module")
def deployer(shared_home, tmp_path_factory):
    with deploying(tmp_path_factory.mktemp("bundles"), home=shared_home) as deployer:
        yield deployer


@pytest.fixture
def canary(monkeypatch):
    """Return a value that is in this process's environment, and nowhere else."""
    value = f"canary-{secrets.token_hex(12)}"
    monkeypatch.setenv("MY_TOKEN", value)
    return value


@pytest.fixture(params=PLACES)
def target(request):
    """Return a target; a test may name its own."""
    if request.param == "docker":
        request.getfixturevalue("docker_engine")
        return DeployTarget.open("docker", base_image=BASE_IMAGE)
    return DeployTarget.open("process")


def _written(home):
    """Return all that modelship has written on this machine, but for packages of others."""
    files = (path for path in home.rglob("*") if "environments" not in path.parts)
    return b"".join(path.read_bytes() for path in files if path.is_file()).decode(errors="replace")


def _said_by_engine(deployment):
    container = inspect(deployment.instance.instance_id)
    history = docker_says("history", "--no-trunc", container["Image"])
    return json.dumps([container, inspect(container["Image"])]) + history


def _pages(deployment):
    """Return what the server tells of itself; Azure ML's has fewer pages."""
    base = deployment.scoring_uri.removesuffix("/score")
    return [requests.get(f"{base}/{each}", timeout=10).text for each in _PAGES]


def _command_lines():
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            found += process.cmdline()
    return " ".join(found)


@pytest.mark.parametrize(
    ("target", "server", "traces"),
    [
        ("process", "azmlinfsrv", False),
        ("process", "modelship", True),
        pytest.param("docker", "modelship", True, marks=pytest.mark.docker),
        # With either server the engine is told the same: in the gate, how a script starts with a
        # secret and what is said of it, in test_what_a_script_tells_of_a_secret_is_not_told_on.
        pytest.param("docker", "azmlinfsrv", False, marks=[pytest.mark.docker, pytest.mark.long]),
    ],
    indirect=["target"],
)
def test_a_secret_is_in_the_environment_of_the_service_alone(
    deployer, target, canary, server, traces, shared_home, tmp_path, monkeypatch
):
    """Of several lines, of a file, or in a variable for traces: nothing else holds it.

    A container that is restarted has it again.
    """
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"api-key={canary}")
    (tmp_path / "pem").write_text(f"-----BEGIN\n{canary}\n-----END=\n")
    given = {"TOKEN": "env:MY_TOKEN", "PEM": f"file:{tmp_path}/pem"}
    plain = {"MODE": "a $b\n'c'"}
    serving = Serving(server=server, traces=traces, variables=plain, secrets=given)
    name, bundle = f"canary-{target.name}-{server}", deployer.bundle(SHOWING)
    with deployer.deploy(bundle, name=name, target=target, serving=serving) as deployment:
        assert deployment.run("TOKEN PEM MODE OTEL_EXPORTER_OTLP_HEADERS") == {
            "TOKEN": canary,
            "PEM": f"-----BEGIN\n{canary}\n-----END=",
            "MODE": "a $b\n'c'",
            "OTEL_EXPORTER_OTLP_HEADERS": f"api-key={canary}" if traces else None,
        }
        with pytest.raises(NameTakenError, match=r"secrets\.PEM, secrets\.TOKEN") as taken:
            deployer.deploy(bundle, name=name, target=target)
        said = [str(taken.value), repr(deployment), repr(deployment.history()), repr(serving)]
        said += [deployment.logs(), *_pages(deployment), _written(shared_home), _command_lines()]
        if target.name == "docker":
            said.append(_said_by_engine(deployment))
            _require_after_restart(target, deployment, token=canary)
    said.append(_written(shared_home))
    assert [each[max(0, each.find(canary) - 200) :] for each in said if canary in each] == []


def test_secrets_are_known_for_as_long_as_they_are_where_they_were(
    deployer, canary, monkeypatch, tmp_path
):
    """A diagnosis of a later day hides those that it can still read, and asks for no others."""
    (tmp_path / "file").write_text("of-a-file\n")
    sources = {"A": "env:MY_TOKEN", "B": f"file:{tmp_path}/file", "C": "env:OTHER"}
    monkeypatch.setenv("OTHER", "another")
    given = {**sources, "D": Secret("given as it is")}
    release = Release(deployer.bundle(SHOWING), Serving(secrets=given))
    kept = KeptReleases("process", "secret-svc")
    kept.keep(release)
    monkeypatch.delenv("OTHER")
    assert kept.known_secrets(release.digest) == (canary, "of-a-file")
    assert kept.known_secrets("0" * 64) == ()


def test_a_deployment_tries_the_script_with_its_secrets(deployer, canary):
    """A script that cannot start without one is no broken script."""
    bundle = deployer.bundle(SHOWING.replace("pass", "assert len(os.environ['TOKEN']) > 8"))
    serving = Serving(server="modelship", secrets={"TOKEN": "env:MY_TOKEN"})
    target = DeployTarget.open("process")
    with deployer.deploy(
        bundle, name="canary-tried", target=target, serving=serving, check="trial"
    ) as deployment:
        assert deployment.run("TOKEN") == {"TOKEN": canary}


def _require_after_restart(target, deployment, *, token):
    """Require that secrets are in a file of the container, which its user alone can read."""
    container = deployment.instance.instance_id
    listed = docker_says("exec", container, "ls", "-ln", "/run/modelship/secrets")
    assert listed.startswith("-r-------- 1 1000 1000 ")
    docker_says("restart", "--time=1", container)
    again = target.get(deployment.name).wait(timeout_s=60)
    assert again.run("TOKEN") == {"TOKEN": token}


def test_what_a_script_tells_of_a_secret_is_not_told_on(deployer, target, canary, shared_home):
    """The service's own log is the script's; errors, diagnoses and the history hide the value."""
    bundle, serving = deployer.bundle(RAISING), Serving(secrets={"TOKEN": "env:MY_TOKEN"})
    name = f"canary-told-{target.name}"
    with pytest.raises(DeploymentFailedError) as failed:
        deployer.deploy(bundle, name=name, target=target, serving=serving)
    assert "refused: user=***" in str(failed.value)
    told = "".join(traceback.format_exception(failed.value)) + repr(vars(failed.value))
    assert canary not in told
    assert canary not in _written(shared_home)
