"""What the tests of all targets share."""

from __future__ import annotations

import os

import pytest

from modelship.bundle import Environment
from modelship.bundle.lock import lock
from modelship.testing.contract_fixtures import ContractFixtures


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory):
    """Return a MODELSHIP_HOME for the whole session, so that its environment is built once."""
    return tmp_path_factory.mktemp("shared-home")


@pytest.fixture(scope="session")
def bare_lock():
    """Return the lock of the inference server alone, for this Python; resolved once a session."""
    return lock(Environment(python=ContractFixtures.python, requirements=()))


@pytest.fixture(scope="session")
def docker_engine():
    """Skip, or fail if MODELSHIP_REQUIRE_DOCKER is 1, where no Docker engine answers."""
    import docker

    try:
        client = docker.from_env(timeout=10)
        client.ping()
        client.close()
    except docker.errors.DockerException as error:
        if os.environ.get("MODELSHIP_REQUIRE_DOCKER") == "1":
            pytest.fail(f"MODELSHIP_REQUIRE_DOCKER is 1, but no Docker engine answers: {error}")
        pytest.skip("no Docker engine answers")
