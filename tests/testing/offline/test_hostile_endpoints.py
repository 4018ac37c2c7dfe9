"""Hostile requests about endpoints and assets: no request fails, and none reaches another place."""

from __future__ import annotations

import json
import random
import re
from itertools import cycle, islice

import pytest
import requests

from modelship.testing.offline.offline_workspace import OfflineWorkspace
from modelship.testing.offline.request_guard import Door

VALUES = [None, -1, 1.5, True, "", "x" * 5000, [], [1], {"a": 1}, {"": None}, "PT5S", "\0", 1e300]
NAMES = ["real", "1", "workspaceblobstore", "a" * 300, "%2e%2e", "%2F", "é", "a b", "a:b"]
PROPERTIES = {
    "authMode": "Key",
    "traffic": {"blue": 100},
    "mirrorTraffic": {"green": 10},
    "endpointComputeType": "Managed",
    "codeConfiguration": {"codeId": "x", "scoringScript": "score.py"},
    "environmentId": "x",
    "model": {"assetId": "x"},
    "instanceType": "Standard_DS3_v2",
    "environmentVariables": {"A": "b"},
    "requestSettings": {"requestTimeout": "PT5S", "maxConcurrentRequestsPerInstance": 1},
    "livenessProbe": {"initialDelay": "PT1S", "failureThreshold": 3},
    "modelUri": "azureml://datastores/workspaceblobstore/paths/LocalUpload/a/b",
    "condaFile": "dependencies:\n- python=3.11\n",
    "inferenceConfig": {"scoringRoute": {"port": 1, "path": "/"}},
    "codeUri": "https://a.blob.core.windows.net/c/p",
    "dataType": "uri_folder",
    "dataUri": "azureml://x",
    "inputData": {"UriFolder": {"jobInputType": "uri_folder", "uri": "azureml://x"}},
    "properties": {"hash_sha256": "a"},
    "tags": {"a": "b"},
}
BODY = {"location": "w", "tags": {}, "sku": {"capacity": 1}, "properties": PROPERTIES}


class Stranger:
    """Sends requests to the calls of a workspace, with a valid token."""

    def __init__(self, offline):
        self.identity = offline.identity
        self.calls = [each for each in offline._app.calls.values() if "/<workspace>/" in each.path]
        self._endpoint = offline.endpoint
        self._session = requests.Session()
        token = offline._shared.access.token(lifetime_s=600)
        self._session.headers["Authorization"] = f"Bearer {token}"

    def asks(self, call, body, *, name="x", **scope):
        """Make a call, whose names are all `name`, within some scope; return the answer."""
        given = {
            "subscription": self.identity.subscription_id,
            "group": self.identity.resource_group,
            "workspace": self.identity.workspace_name,
            **scope,
        }
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: given.get(found[1], name), call.path)
        content = {"data": json.dumps(body), "headers": {"Content-Type": "application/json"}}
        return self._session.request(call.method, self._endpoint + path, **content, timeout=60)


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """Return one who knows the token of a workspace."""
    with OfflineWorkspace(tmp_path_factory.mktemp("hostile") / "offline") as offline:
        found = Stranger(offline)
        endpoint = offline._app.calls["online-endpoints.create"]
        body = {"location": "w", "properties": {"authMode": "Key"}}
        assert found.asks(endpoint, body, name="real").status_code == 201
        yield found


# Each call with one of the three in the gate; with the other two in the long tests.
LONG_TURNS = [pytest.param(each, marks=pytest.mark.long) for each in (1, 2)]


@pytest.mark.parametrize("turn", [0, *LONG_TURNS])
def test_another_scope_is_not_found(stranger, turn):
    """No call under a workspace answers for another subscription, group or workspace."""
    calls = [each for each in stranger.calls if each.door is Door.TOKEN]
    fields = islice(cycle(["subscription", "group", "workspace"]), turn, None)
    for call, field in zip(calls, fields, strict=False):
        answer = stranger.asks(call, BODY, name="real", **{field: "other"})
        assert (call.name, answer.status_code) == (call.name, 404)
        assert "other" in answer.json()["error"]["message"]


def mutated(document, chance):
    """Return a document in which one value, wherever it is, is another."""
    if not document or not isinstance(document, dict) or chance.random() < 0.2:
        return chance.choice(VALUES)
    key = chance.choice([*document])
    return {**document, key: mutated(document[key], chance)}


@pytest.mark.parametrize("times", [80, pytest.param(400, marks=pytest.mark.long)])
def test_no_body_makes_a_call_fail(stranger, times):
    """Whatever its shape, and whatever the name: the answer is no internal error."""
    chance = random.Random(7)
    calls = [each for each in stranger.calls if each.path.startswith("/subscriptions")]
    assert len(calls) > 40
    for _ in range(times):
        call, body = chance.choice(calls), mutated(mutated(BODY, chance), chance)
        answer = stranger.asks(call, body, name=chance.choice(NAMES))
        assert answer.status_code < 500, (call.name, body, answer.text)
