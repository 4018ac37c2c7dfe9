"""What the tests of the target ``aci`` share: an offline workspace, a target and a bundle."""

import socket

import pytest

from light_inference_server import only_light_server
from modelship import DeployTarget
from modelship.bundle import Environment
from modelship.bundle.remembered import todays_lock
from modelship.testing import OfflineWorkspace, cases, script_bundle, with_lock
from modelship.testing.contract_fixtures import ContractFixtures


@pytest.fixture(scope="module")
def light(shared_home, tmp_path_factory):
    """Let the services of a module have a server that starts at once, and their lock."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELSHIP_HOME", str(shared_home))
        with only_light_server(tmp_path_factory.mktemp("light")):
            yield todays_lock(Environment(python=ContractFixtures.python, requirements=()))


@pytest.fixture(scope="module")
def offline(shared_home):
    """Open a workspace for a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELSHIP_HOME", str(shared_home))
        with OfflineWorkspace() as offline:
            yield offline


@pytest.fixture
def faults(offline):
    """Return the faults of the workspace; what a test plants does not befall the next."""
    yield offline.faults
    offline.faults.clear()


@pytest.fixture
def target(offline):
    """Return the target; what a test deploys on it is removed afterwards."""
    target = DeployTarget.open("aci", workspace=offline.config_path)
    yield target
    offline.faults.clear()
    for deployment in target.list():
        deployment.delete(missing_ok=True)


@pytest.fixture(scope="module")
def bundle(bare_lock, tmp_path_factory):
    """Return a bundle whose service multiplies its rows."""
    environment = Environment(python=bare_lock.python, requirements=())
    made = script_bundle(
        cases.SCALING,
        folder=tmp_path_factory.mktemp("bundle"),
        environment=environment,
        model={"factor": cases.FACTOR},
        sample_input={"data": [1]},
    )
    return with_lock(made, lock=bare_lock)


@pytest.fixture
def unused_port():
    """Return a port of this machine on which nobody listens, nor can meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]
