"""Managed online endpoints in an offline workspace, over HTTP as SDK v2 asks."""

from __future__ import annotations

from collections import Counter

import pytest
import requests
from online_requests import open_online

from waiting import wait_until


@pytest.fixture(scope="module")
def online(tmp_path_factory, shared_home):
    """Return a workspace that all tests of this module share."""
    folder = tmp_path_factory.mktemp("online") / "offline"
    with open_online(folder, home=shared_home, light=True) as found:
        yield found


@pytest.mark.long  # in the gate: test_rollout_script.py, and the tests below
def test_an_endpoint_serves_a_deployment(online):
    """Its name has capitals; it answers with its key once it has traffic, logs, and is deleted."""
    name, document = online.endpoint()
    assert document["properties"]["provisioningState"] == "Succeeded"
    assert online.ask(name).status_code == 404
    assert online.deploy(name, "Blue")["status"] == "Succeeded", online.logs(name, "Blue")
    assert online.ask(name).status_code == 404
    assert online.ask(name, "6 * 7", **{"azureml-model-deployment": "Blue"}).json() == 42
    online.endpoint(name, traffic={"Blue": 100})
    answer = online.ask(name, "6 * 7")
    assert (answer.json(), answer.headers["azureml-model-deployment"]) == (42, "Blue")
    assert online.ask(name, key="wrong").status_code == 401
    assert "the inspector is ready" in online.logs(name, "Blue")
    assert online.call("DELETE", f"onlineEndpoints/{name}/deployments/Blue").status_code == 400
    online.endpoint(name, traffic={})
    assert online.call("DELETE", f"onlineEndpoints/{name}/deployments/Blue").status_code == 202
    assert online.call("DELETE", f"onlineEndpoints/{name}").status_code == 202
    assert online.call("GET", f"onlineEndpoints/{name}").status_code == 404


@pytest.fixture(scope="module")
def rollout(online):
    """Return the name of an endpoint with two deployments: 90 % of the traffic go to "blue"."""
    name, _ = online.endpoint()
    for color in ("blue", "green"):
        found = online.deploy(name, color, saying(color))
        assert found["status"] == "Succeeded", online.logs(name, color)
    online.endpoint(name, traffic={"blue": 90, "green": 10})
    return name


def saying(word):
    """Return a script that logs the request and answers with a word, after 0.05 s."""
    lines = ("print('got ' + raw_data)", "time.sleep(0.05)", f"return {word!r}")
    body = "".join(f"    {each}\n" for each in lines)
    return f"import time\n\ndef init():\n    pass\n\ndef run(raw_data):\n{body}"


def test_deployments_share_the_traffic(online, rollout):
    """Exactly, and a request that names a deployment gets that one."""
    assert Counter(online.ask(rollout).json() for _ in range(10)) == {"blue": 9, "green": 1}
    named = [online.ask(rollout, **{"azureml-model-deployment": "green"}) for _ in range(3)]
    assert {each.json() for each in named} == {"green"}


def test_copies_reach_the_mirror(online, rollout):
    """Half of the requests, while the other deployment answers all."""
    online.endpoint(rollout, traffic={"blue": 100}, mirrorTraffic={"green": 50})
    for _ in range(4):
        assert online.ask(rollout, "[77]").json() == "blue"
    wait_until(lambda: online.logs(rollout, "green").count("got [77]") == 2)
    online.endpoint(rollout, traffic={"blue": 90, "green": 10})


def test_settings_of_requests_change_without_a_new_container(online, rollout):
    """The operation has ended at once, and the next request meets them."""
    own = "_offline"
    documents = online.offline._shared.store.documents("services")
    before = documents.get(f"online:{rollout}.green")[own]["instance"]
    body = online.get(rollout, "green")
    green = {"azureml-model-deployment": "green"}
    for timeout, status in (("PT0.01S", 408), ("PT9S", 200)):
        body["properties"]["requestSettings"] = {"requestTimeout": timeout}
        assert online.settled(online.put(rollout, "green", body))["status"] == "Succeeded"
        assert online.ask(rollout, **green).status_code == status
    shown = online.get(rollout, "green")["properties"]["requestSettings"]
    assert shown["requestTimeout"] == "PT9S"
    assert documents.get(f"online:{rollout}.green")[own]["instance"] == before


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"traffic": {"blue": 50}}, "sum of 0 or 100"),
        ({"traffic": {"teal": 100}}, "not in the endpoint"),
        ({"traffic": {"blue": 100}, "mirrorTraffic": {"green": 60}}, "from 0 to 50"),
        ({"traffic": {"blue": 100}, "mirrorTraffic": {"blue": 10}}, "no traffic itself"),
        ({"authMode": "password"}, "auth_mode"),
        ({"compute": "/computes/cluster"}, "create a ManagedOnlineEndpoint"),
    ],
)
def test_an_invalid_change_of_an_endpoint_is_refused(online, rollout, properties, words):
    """With a sentence, and nothing changes."""
    before = online.call("GET", f"onlineEndpoints/{rollout}").json()
    found = online.call("PUT", f"onlineEndpoints/{rollout}", {"properties": properties})
    assert (found.status_code, words in found.json()["error"]["message"]) == (400, True), found.text
    assert online.call("GET", f"onlineEndpoints/{rollout}").json() == before


@pytest.mark.parametrize(
    ("name", "changes", "status", "words"),
    [
        ("x", {}, 400, "3 to 32"),
        ("big", {"instanceType": "Standard_F72s_v2", "instances": 2}, 400, "Not enough quota"),
        ("none", {"instances": 0}, 400, "instance_count is 0"),
        ("slow", {"requestSettings": {"requestTimeout": "PT200S"}}, 400, "request_timeout_ms"),
        ("no-env", {"environmentId": "/environments/none/versions/1"}, 404, "environment"),
        ("no-code", {"codeConfiguration": None}, 400, "add a scoring script"),
        ("no-model", {"model": "azureml:models/none/versions/1"}, 404, "model"),
        ("cluster", {"endpointComputeType": "Kubernetes"}, 400, "Kubernetes"),
    ],
)
def test_an_invalid_deployment_is_refused(online, rollout, name, changes, status, words):
    """Before anything is built."""
    found = online.put(rollout, name, online.body(**changes))
    assert (found.status_code, words in found.json()["error"]["message"]) == (status, True)
    assert online.call("GET", f"onlineEndpoints/{rollout}/deployments/{name}").status_code == 404


def test_an_environment_without_a_conda_file_is_refused(online, rollout):
    """The message says what to add."""
    environment = online.environment(conda=None)
    found = online.put(rollout, "image", online.body(environmentId=environment))
    assert "Add conda_file" in found.json()["error"]["message"]


def test_sdk_v1_does_not_see_endpoints(online, rollout):
    """They are not its services."""
    path = f"{online.offline.endpoint}/modelmanagement/v1.0{online.offline.identity.path}"
    token = online.offline._shared.access.token(lifetime_s=60)
    headers = {"Authorization": f"Bearer {token}"}
    listed = requests.get(f"{path}/services", headers=headers, timeout=30).json()
    assert listed["value"] == []
    found = requests.get(f"{path}/services/{rollout}", headers=headers, timeout=30)
    assert found.status_code == 404


def test_a_deployment_needs_its_endpoint(online):
    """It is 404, as for what is not there at all."""
    assert online.put("missing", "blue", online.body()).status_code == 404
    assert online.call("POST", "onlineEndpoints/missing/listKeys").status_code == 404
    assert online.call("DELETE", "onlineEndpoints/missing").status_code == 204


def test_tokens_take_the_place_of_keys(online):
    """A token of another endpoint does not fit, and there are no keys."""
    (one, _), (two, _) = (online.endpoint(authMode="AMLToken") for _ in range(2))
    token = online.call("POST", f"onlineEndpoints/{one}/token").json()["accessToken"]
    assert online.ask(one, key=token).status_code == 404
    assert online.ask(two, key=token).status_code == 401
    assert online.call("POST", f"onlineEndpoints/{one}/listKeys").status_code == 400


def test_a_token_of_the_workspace_fits_where_it_is_asked_for(online):
    """It is that of Microsoft Entra ID in Azure."""
    name, _ = online.endpoint(authMode="AADToken")
    token = online.offline._shared.access.token(lifetime_s=60)
    assert online.ask(name, key=token).status_code == 404
    assert online.ask(name, key="wrong").status_code == 401


def test_a_regenerated_key_replaces_the_present_one(online):
    """Although the SDK sends that one along."""
    name, _ = online.endpoint()
    old = online.keys(name)
    body = {"keyType": "Primary", "keyValue": old["primaryKey"]}
    assert online.call("POST", f"onlineEndpoints/{name}/regenerateKeys", body).status_code == 202
    new = online.keys(name)
    assert new["primaryKey"] != old["primaryKey"]
    assert new["secondaryKey"] == old["secondaryKey"]
    assert online.ask(name, key=old["primaryKey"]).status_code == 401
    assert online.ask(name, key=old["secondaryKey"]).status_code == 404
