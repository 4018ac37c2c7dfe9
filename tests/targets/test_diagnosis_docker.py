"""A failed deployment in Docker says why, with what the engine knows."""

from __future__ import annotations

import pytest
from docker_base import deploying, docker_says

from modelship.errors import DeploymentFailedError

pytestmark = pytest.mark.docker

HUNGRY = "def init():\n    bytearray(400 * 2**20)\n\ndef run(raw_data): return 1\n"
WRITING = "def init():\n    open('/var/x', 'w')\n\ndef run(raw_data): return 1\n"
INERT = "def init(): pass\ndef run(raw_data): return 1\n"


@pytest.fixture(scope="module")
def deployer(docker_engine, shared_home, tmp_path_factory):
    with deploying(tmp_path_factory.mktemp("bundles"), home=shared_home) as deployer:
        yield deployer


def diagnosis_of(deployer, script, **options):
    with pytest.raises(DeploymentFailedError) as caught:
        deployer.deploy(deployer.bundle(script, **options), name="docker-ailing", check="off")
    return caught.value.diagnosis


def test_killed_for_memory_names_the_limit(deployer):
    """What the engine says of the kill is the evidence, and twice the memory is advised."""
    found = diagnosis_of(deployer, HUNGRY, memory_gb=0.125)
    assert found.code == "MS505"
    assert "its limit of 0.125 GiB while init() ran" in found.cause
    assert "memory_gb=0.25," in found.remedy
    assert any("OOMKilled" in line for line in found.evidence)


def test_a_file_that_cannot_be_written_names_the_line(deployer):
    """The root of a container is read-only, and the script's line is in the traceback."""
    found = diagnosis_of(deployer, WRITING)
    assert (found.code, found.where) == ("MS606", "score.py:2")


def test_a_killed_container_was_killed_from_outside(deployer):
    """The engine knows that it was not for memory."""
    deployment = deployer.deploy(deployer.bundle(INERT), name="docker-ended", check="off")
    docker_says("kill", deployment.instance.instance_id)
    found = deployment.diagnose()
    assert found.code == "MS506"
    assert "not because of its memory limit" in found.cause
