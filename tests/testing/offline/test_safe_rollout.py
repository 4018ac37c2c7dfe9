"""The unmodified SDK v2 rolls out a model safely: blue, green, mirror, 10 %, 100 %, delete."""

from __future__ import annotations

from collections import Counter

import pytest
import requests
from online_requests import CONDA, open_online

pytest.importorskip("azure.ai.ml")
pytestmark = pytest.mark.long  # test_rollout_script.py asks the same in the gate

SCRIPT = """
import json, os, pathlib

def init():
    global root
    root = pathlib.Path(os.environ["AZUREML_MODEL_DIR"])
    print("ready", os.environ["COLOR"])

def run(raw_data):
    print("asked", raw_data)
    files = [str(each.relative_to(root)) for each in root.rglob("*") if each.is_file()]
    return {"color": os.environ["COLOR"], "files": files}
"""
NAME = "safe"


class Rollout:
    """What the sample of a safe rollout does, with the SDK."""

    def __init__(self, client, folder):
        self.client = client
        self.folder = folder
        for place in ("src", "weights"):
            (folder / place).mkdir()
        (folder / "src" / "score.py").write_text(SCRIPT)
        (folder / "weights" / "weights.txt").write_text("7")
        (folder / "conda.yml").write_text(CONDA)

    def create(self):
        """Create the endpoint."""
        from azure.ai.ml.entities import ManagedOnlineEndpoint

        endpoint = ManagedOnlineEndpoint(name=NAME, auth_mode="key", tags={"team": "one"})
        found = self.client.online_endpoints.begin_create_or_update(endpoint).result()
        assert (found.provisioning_state, found.tags) == ("Succeeded", {"team": "one"})

    def deploy(self, color, environment, **options):
        """Create or change a deployment, from local files."""
        from azure.ai.ml.entities import CodeConfiguration, ManagedOnlineDeployment, Model

        return self.client.online_deployments.begin_create_or_update(
            ManagedOnlineDeployment(
                name=color,
                endpoint_name=NAME,
                model=Model(path=str(self.folder / "weights"), name="weights"),
                environment=environment,
                code_configuration=CodeConfiguration(
                    code=str(self.folder / "src"), scoring_script="score.py"
                ),
                instance_type="Standard_DS3_v2",
                instance_count=1,
                environment_variables={"COLOR": color},
                **options,
            )
        ).result()

    def environment(self):
        """Return a local environment."""
        from azure.ai.ml.entities import Environment

        image = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest"
        conda = str(self.folder / "conda.yml")
        return Environment(name="small", version="1", conda_file=conda, image=image)

    def share(self, *, mirror=(), **traffic):
        """Change the traffic of the endpoint, as it is now."""
        endpoint = self.client.online_endpoints.get(NAME)
        endpoint.traffic, endpoint.mirror_traffic = traffic, dict(mirror)
        self.client.online_endpoints.begin_create_or_update(endpoint).result()

    def answers(self, count):
        """Return how many requests each color answers."""
        uri = self.client.online_endpoints.get(NAME).scoring_uri
        key = self.client.online_endpoints.get_keys(NAME).primary_key
        headers = {"Authorization": f"Bearer {key}"}
        found = [requests.post(uri, data="[1]", headers=headers, timeout=30) for _ in range(count)]
        return Counter(each.json()["color"] for each in found)

    def log(self, color, container=None):
        """Return the log of a deployment."""
        deployments = self.client.online_deployments
        return deployments.get_logs(color, NAME, lines=500, container_type=container)


@pytest.fixture(scope="module")
def rollout(tmp_path_factory, shared_home):
    """Return a rollout whose "blue" serves, and whose "green" has no traffic."""
    folder = tmp_path_factory.mktemp("rollout")
    with open_online(folder / "offline", home=shared_home) as online:
        found = Rollout(online.offline.ml_client(), folder)
        found.create()
        blue = found.deploy("blue", found.environment())
        assert blue.provisioning_state == "Succeeded"
        found.share(blue=100)
        found.deploy("green", "azureml:small:1")
        yield found


def test_the_new_deployment_is_asked_by_its_name(rollout, tmp_path):
    """The SDK's own invoke() reaches the one with traffic, or the one that it names."""
    file = tmp_path / "request.json"
    file.write_text("[1]")
    invoke = rollout.client.online_endpoints.invoke
    assert '"color": "blue"' in invoke(NAME, request_file=str(file))
    answer = invoke(NAME, deployment_name="green", request_file=str(file))
    assert answer == '{"color": "green", "files": ["weights/weights.txt"]}'


def test_the_new_deployment_gets_a_share(rollout):
    """Copies first, then a tenth of the requests."""
    rollout.share(blue=100, mirror={"green": 10})
    assert rollout.answers(10) == {"blue": 10}
    rollout.share(blue=90, green=10)
    assert rollout.client.online_endpoints.get(NAME).mirror_traffic == {}
    assert rollout.answers(10) == {"blue": 9, "green": 1}


def test_the_logs_are_in_the_format_of_azure(rollout):
    """The container's, and that of the download of the model."""
    log = rollout.log("green")
    assert log.startswith("Instance status:\nSystemSetup: Succeeded\n")
    assert "ready green" in log
    assert "downloading weights:" in rollout.log("green", "storage-initializer")


def test_the_new_deployment_takes_over(rollout):
    """One that has traffic cannot be deleted."""
    from azure.core.exceptions import HttpResponseError

    deployments = rollout.client.online_deployments
    rollout.share(blue=0, green=100)
    with pytest.raises(HttpResponseError, match="its traffic is 100"):
        deployments.begin_delete(name="green", endpoint_name=NAME).result()
    deployments.begin_delete(name="blue", endpoint_name=NAME).result()
    assert [each.name for each in deployments.list(NAME)] == ["green"]
    assert rollout.answers(2) == {"green": 2}
    rollout.client.online_endpoints.begin_regenerate_keys(NAME, key_type="primary").result()
    assert rollout.answers(1) == {"green": 1}
    rollout.client.online_endpoints.begin_delete(NAME).result()
    assert list(rollout.client.online_endpoints.list()) == []
