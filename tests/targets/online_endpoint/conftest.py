"""What the tests of the target ``online-endpoint`` share: a workspace in memory, and a target."""

import pytest
from fake_ml_workspace import FakeMlWorkspace

from modelship import DeployTarget
from modelship.targets.online_endpoint import OnlineEndpointBackend
from modelship.testing import cases


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """Return a workspace whose deployments run in this process."""
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path / "home"))
    workspace = FakeMlWorkspace(tmp_path / "workspace")
    yield workspace
    workspace.close()


@pytest.fixture
def target(workspace):
    """Return the target in that workspace."""
    return DeployTarget(OnlineEndpointBackend.at(workspace, drain_s=0))


@pytest.fixture
def bundle(make_bundle):
    """Return a bundle whose service multiplies its rows."""
    return make_bundle(
        cases.SCALING, sample_input={"data": [1]}, tags={"team": "a"}, description="Scale"
    )
