"""Managed online endpoints in an offline workspace, over HTTP as SDK v2 asks."""

from __future__ import annotations

import pytest
from online_requests import Online

from modelship.testing.offline.offline_workspace import OfflineWorkspace


@pytest.fixture(scope="module")
def online(tmp_path_factory, shared_home):
    """Return a workspace that all tests of this module share."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELSHIP_HOME", str(shared_home))
        with OfflineWorkspace(tmp_path_factory.mktemp("online") / "offline") as offline:
            yield Online(offline)


def test_an_endpoint_serves_a_deployment(online):
    """It is created, answers with its key once it has traffic, has a log, and is deleted."""
    name, document = online.endpoint()
    assert document["properties"]["provisioningState"] == "Succeeded"
    assert online.ask(name).status_code == 404
    assert online.deploy(name, "blue")["status"] == "Succeeded", online.logs(name, "blue")
    assert online.ask(name).status_code == 404
    assert online.ask(name, "6 * 7", **{"azureml-model-deployment": "blue"}).json() == 42
    online.endpoint(name, traffic={"blue": 100})
    answer = online.ask(name, "6 * 7")
    assert (answer.json(), answer.headers["azureml-model-deployment"]) == (42, "blue")
    assert online.ask(name, key="wrong").status_code == 401
    assert "the inspector is ready" in online.logs(name, "blue")
    assert online.call("DELETE", f"onlineEndpoints/{name}/deployments/blue").status_code == 400
    assert online.call("DELETE", f"onlineEndpoints/{name}").status_code == 202
    assert online.call("GET", f"onlineEndpoints/{name}").status_code == 404
