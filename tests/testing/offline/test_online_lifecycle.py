"""What becomes of online deployments: an update, a crash, the end of the workspace."""

from __future__ import annotations

import pytest
from online_requests import open_online
from test_online_endpoints import saying

from waiting import wait_until

SLOW = """
import os, time
def init():
    while not os.path.exists({go_on!r}):
        time.sleep(0.02)
def run(raw_data):
    return "slow"
"""
BROKEN = "def init():\n    raise ValueError('broken')\n\ndef run(raw_data):\n    return 1\n"


@pytest.fixture
def place(tmp_path, shared_home):
    """Return a function that opens one workspace, again and again."""
    return lambda: open_online(tmp_path / "offline", home=shared_home, light=True)


def serving(online, script):
    """Return the name of a new endpoint with one deployment."""
    name, _ = online.endpoint()
    found = online.deploy(name, "blue", script)
    assert found["status"] == "Succeeded", online.logs(name, "blue")
    online.endpoint(name, traffic={"blue": 100})
    return name


def test_an_update_replaces_the_container_without_a_gap(place, tmp_path):
    """The old one serves until the new one does, and also after a new one that crashes."""
    with place() as online:
        name = serving(online, saying("old"))
        slow = online.body(SLOW.format(go_on=str(tmp_path / "go_on")))
        answer = online.put(name, "blue", slow)
        assert answer.status_code == 200
        assert online.get(name, "blue")["properties"]["provisioningState"] == "Updating"
        assert online.put(name, "blue", slow).status_code == 409
        assert online.ask(name).json() == "old"
        (tmp_path / "go_on").touch()
        assert online.settled(answer)["status"] == "Succeeded"
        assert online.ask(name).json() == "slow"
        assert online.deploy(name, "blue", BROKEN)["error"]["code"] == "BadArgument"
        assert "ValueError: broken" in online.logs(name, "blue")
        assert online.ask(name).json() == "slow"


# In the gate: test_a_deployment_without_a_container_is_unavailable.
@pytest.mark.long
def test_a_container_that_dies_leaves_an_unavailable_endpoint(place):
    """A deployment was created all the same, and its log is kept."""
    script = "import os\n" + saying("x").replace("return 'x'", "return os.kill(os.getppid(), 9)")
    with place() as online:
        name = serving(online, script)
        online.ask(name)
        wait_until(lambda: "got 1" in online.logs(name, "blue"))
        wait_until(lambda: online.ask(name).status_code == 503)
        assert online.get(name, "blue")["properties"]["provisioningState"] == "Succeeded"


def test_endpoints_come_back_with_the_workspace(place):
    """At the same addresses and with the same keys."""
    with place() as online:
        name, document = online.endpoint()
        keys = online.keys(name)
    with place() as online:
        again = online.call("GET", f"onlineEndpoints/{name}").json()
        assert again["properties"]["scoringUri"] == document["properties"]["scoringUri"]
        assert online.keys(name) == keys
        assert online.ask(name, key=keys["primaryKey"]).status_code == 404


@pytest.mark.long  # in the gate: test_endpoints_come_back_with_the_workspace
def test_deployments_come_back_with_the_workspace(place):
    """They serve again without a request for it."""
    with place() as online:
        name = serving(online, saying("here"))
        keys = online.keys(name)
    with place() as online:
        assert online.ask(name, key=keys["primaryKey"]).json() == "here"
        assert online.call("DELETE", f"onlineEndpoints/{name}").status_code == 202


@pytest.mark.docker
@pytest.mark.long
def test_a_deployment_is_a_container_of_the_engine(tmp_path, shared_home, docker_base_image):
    """With compute="docker" it serves, logs and is deleted as with a process."""
    options = {"compute": "docker", "base_image": docker_base_image}
    with open_online(tmp_path / "offline", home=shared_home, **options) as online:
        name = serving(online, saying("contained"))
        assert online.ask(name).json() == "contained"
        assert "got 1" in online.logs(name, "blue")
        assert online.call("DELETE", f"onlineEndpoints/{name}").status_code == 202
