"""A name on the target docker keeps its address where the engine runs on this machine."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from docker_base import BASE_IMAGE, deploying, docker_says, inspect

from modelship import DeployTarget
from modelship.runtime.images import labels
from modelship.targets import Serving
from modelship.targets.docker import gates
from reserved_ports import reserved

pytestmark = pytest.mark.docker

SCRIPT = """
import os
def init():
    pass
def run(raw_data):
    seen = "/run/modelship-gate"
    return [{answer}, os.access(seen, os.W_OK), os.environ.get("MODELSHIP_GATE")]
"""


@pytest.fixture(scope="module")
def deployer(docker_engine, shared_home, tmp_path_factory):
    with deploying(tmp_path_factory.mktemp("bundles"), home=shared_home) as deployer:
        yield deployer


def bundle(deployer, answer):
    return deployer.bundle(SCRIPT.replace("{answer}", str(answer)))


def label(deployment):
    return inspect(deployment.instance.instance_id)["Config"]["Labels"].get(labels.GATE)


@pytest.mark.parametrize(
    ("server", "then"),
    [
        ("azmlinfsrv", "modelship"),
        pytest.param("azmlinfsrv", "azmlinfsrv", marks=pytest.mark.long),
        pytest.param("modelship", "azmlinfsrv", marks=pytest.mark.long),
        pytest.param("modelship", "modelship", marks=pytest.mark.long),
    ],
)
def test_an_address_outlives_its_containers(deployer, server, then):
    """It stays with an update, also of one that was killed; the script gets nothing of the gate."""
    name = f"docker-address-{server[0]}-{then[0]}"
    first = deployer.deploy(bundle(deployer, 1), name=name, serving=Serving(server=server))
    uri, folder = first.scoring_uri, Path(label(first))
    port = urlsplit(uri).port
    assert first.run({}) == [1, False, None]
    assert first.instance.own_uri not in {"", uri}
    first.update(bundle(deployer, 2), serving=Serving(server=then), show_output=False)
    assert (first.scoring_uri, first.run({})[0], folder.exists()) == (uri, 2, False)
    docker_says("kill", first.instance.instance_id)
    serving = Serving(server=server, port=port)
    with reserved(port):
        last = deployer.deploy(bundle(deployer, 3), name=name, serving=serving, overwrite=True)
    assert (last.scoring_uri, last.run({})[0]) == (uri, 3)


@pytest.mark.parametrize("refusal", ["unseen", "unreachable"])
def test_without_an_address_requests_go_to_the_container(deployer, monkeypatch, capsys, refusal):
    """An engine that cannot hand it over publishes the container's port as the address."""
    if refusal == "unseen":
        unseen = {**gates.mount(Path("/nonexistent"))}
        monkeypatch.setattr(gates, "mount", lambda _: unseen)
    else:
        monkeypatch.setattr(gates, "ENVIRONMENT", {})
    target = DeployTarget.open("docker", base_image=BASE_IMAGE)
    name = deployer.name(f"docker-{refusal}")
    serving = Serving(server="azmlinfsrv" if refusal == "unseen" else "modelship")
    with target.deploy(bundle(deployer, 1), name=name, serving=serving) as deployment:
        answer, *_ = deployment.run({})
        assert (answer, deployment.instance.own_uri, label(deployment)) == (1, "", None)
        assert "cannot pass the address" in capsys.readouterr().err
