"""A failed deployment in Docker says why, with what the engine knows."""

from __future__ import annotations

import pytest
from docker_base import deploying, docker_says, exists

from modelship import State
from modelship.errors import DeploymentFailedError

pytestmark = pytest.mark.docker

HUNGRY = "def init():\n    bytearray(400 * 2**20)\n\ndef run(raw_data): return 1\n"
WRITING = "def init():\n    open('/var/x', 'w')\n\ndef run(raw_data): return 1\n"
INERT = "def init(): pass\ndef run(raw_data): return 1\n"


@pytest.fixture(scope="module")
def deployer(docker_engine, shared_home, tmp_path_factory):
    with deploying(tmp_path_factory.mktemp("bundles"), home=shared_home) as deployer:
        yield deployer


def failure_of(deployer, script, **options):
    """Deploy a script that fails to start; return the error."""
    bundle = deployer.bundle(script, **options)
    with pytest.raises(DeploymentFailedError) as caught:
        deployer.deploy(bundle, name="docker-ailing", check="off", timeout_s=60)
    assert not exists(f"modelship/service:{bundle.digest[:16]}")
    return caught.value


def test_killed_for_memory_names_the_limit(deployer):
    """What the engine says of the kill is the evidence, and twice the memory is advised."""
    error = failure_of(deployer, HUNGRY, memory_gb=0.125)
    found = error.diagnosis
    assert found.code == "MS505"
    assert "its limit of 0.125 GiB while init() ran" in found.cause
    assert "memory_gb=0.25," in found.remedy
    assert any("OOMKilled" in line for line in found.evidence)
    assert "OOMKilled" in str(error)
    assert "at its limit of 0.125 GiB" in error.log_tail


def test_a_file_that_cannot_be_written_names_the_line(deployer):
    """The root is read-only; the error has the traceback, and no container or image is left."""
    error = failure_of(deployer, WRITING)
    assert (error.diagnosis.code, error.diagnosis.where) == ("MS606", "score.py:2")
    assert "Traceback (most recent call last)" in error.log_tail
    assert "OSError: [Errno 30] Read-only file system" in error.log_tail
    listed = docker_says("ps", "--all", "--format", "{{.Names}}")
    assert deployer.name("docker-ailing") not in listed


def test_a_killed_container_was_killed_from_outside(deployer):
    """It is Failed, its log says with which code, and the engine knows that it was not memory."""
    deployment = deployer.deploy(deployer.bundle(INERT), name="docker-ended", check="off")
    docker_says("kill", deployment.instance.instance_id)
    assert deployment.state is State.FAILED
    assert deployment.logs(tail=1) == "[modelship] the container was ended: exit code 137"
    assert deployer.target.get(deployment.name).digest == deployment.digest
    found = deployment.diagnose()
    assert found.code == "MS506"
    assert "not because of its memory limit" in found.cause
