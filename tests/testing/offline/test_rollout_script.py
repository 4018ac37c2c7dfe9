"""A script that never heard of modelship rolls out a model with azure-ai-ml, and reaches only us.

It is rollout_script.py, unmodified, with DefaultAzureCredential and Azure's own host names.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from guarded_person import Person
from offline_services import PYTHON
from online_requests import CONDA, open_online

SCRIPT = Path(__file__).with_name("rollout_script.py")
SDK = ("azure-ai-ml", "azure-identity")
CLIENTS = [
    (),
    *(
        pytest.param((version, *SDK), marks=pytest.mark.long)
        for version in ("3.10", "3.12", "3.13")
    ),
    pytest.param(("3.11", "azure-ai-ml==1.27.0", "azure-identity"), marks=pytest.mark.long),
]
"""The Python of the tests, which has both SDKs; environments with only SDK v2."""

pytestmark = [
    pytest.mark.timeout(600),  # environments are installed on the way
    pytest.mark.skipif(not importlib.util.find_spec("azure.ai.ml"), reason="needs azure-ai-ml"),
]


@pytest.fixture(scope="module", params=CLIENTS, ids=" ".join)
def rollout(request, client_python, tmp_path_factory, shared_home):
    """Run the script in an environment; return what it found, and what it must not have done."""
    folder = tmp_path_factory.mktemp("rollout")
    python = client_python(*request.param) if request.param else sys.executable
    with open_online(folder / "offline", home=shared_home, name="acceptance") as online:
        person = Person(folder, online.offline)
        (person.here / "conda.yml").write_text(CONDA)
        done = person.runs(SCRIPT.read_text(), python=python, arguments=["safe"])
        assert done.returncode == 0, done.stdout + done.stderr
        found = json.loads((person.here / "findings.json").read_text())
        assert found.pop("python").startswith(request.param[0] if request.param else PYTHON)
        yield found, person, done.stdout + done.stderr


def test_models_are_registered_and_found(rollout):
    """Two versions, the latest of which is found by its label; a download is what was uploaded."""
    found = rollout[0]
    assert found["workspace"] == "acceptance"
    assert sorted(found["models"]) == ["1", "2"]
    assert (found["latest"], found["downloaded"]) == ({"v": "2"}, "of 1")


def test_the_first_deployment_serves(rollout):
    """Without traffic the endpoint says so; then blue answers, and says so in its log."""
    found = rollout[0]
    assert found["endpoint"] == ["Succeeded", {"foo": "bar"}, "a sample"]
    status, text = found["no traffic"]
    assert (status, text.partition(".")[0]) == (404, "No valid deployments to route to")
    assert (found["blue"], found["traffic"]) == ("Succeeded", {"blue": 100})
    assert found["invoked"] == {"weights": "of 1", "rows": 2}
    assert "loaded the weights of 1" in found["blue log"]
    assert (found["scaled"], found["after scaling"]) == (2, {"of 1": 2})


def test_the_second_deployment_takes_over_by_shares(rollout):
    """At 0 % it is asked by its name; then it gets copies, a tenth, and everything."""
    found = rollout[0]
    assert (found["green"], found["names"]) == ("Succeeded", ["blue", "green"])
    assert found["green at 0"] == {"blue": 100, "green": 0}
    assert (found["by name"]["weights"], found["still blue"]) == ("of 2", {"of 1": 5})
    assert found["mirrored"] == [{"green": 10}, {"of 1": 20}]
    assert found["canary"] == [{}, {"of 1": 18, "of 2": 2}]
    assert found["not 100"][:2] == ["HttpResponseError", "BadArgument"]
    assert found["all green"] == {"of 2": 5}
    # Two copies, two of the tenth, and five: the one by name has another length.
    assert found["green log"].count("a request of 12 characters") == 2 + 2 + 5
    assert "downloading safe-weights:2" in found["download log"]


def test_what_is_deleted_is_gone(rollout):
    """What has traffic is not; a replaced key is refused."""
    found = rollout[0]
    assert found["updated"] == {"stage": "live"}
    assert (found["old key"], found["new key"]) == (401, 200)
    assert "its traffic is 100 %" in found["in use"][2]
    assert (found["left"], found["gone"]) == (["green"], "ResourceNotFound")


def test_nothing_else_is_reached_and_no_secret_is_printed(rollout):
    """Every host is the workspace's; the password of the terminal is in no output."""
    _, person, printed = rollout
    assert (person.offline.refused, person.escapes) == ([], [])
    assert person.offline.environment["AZURE_CLIENT_SECRET"] not in printed
