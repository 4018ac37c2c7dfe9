"""Online deployments of images with a server of their own, in an offline workspace."""

from __future__ import annotations

import json
import secrets
import subprocess

import pytest
from mlflow_models import registered
from online_requests import open_online

from modelship.testing.offline.custom_images import CustomImage, check_stage
from modelship.testing.offline.deployment_failures import DeploymentFailure
from modelship.testing.offline.v2.arm_ids import V2
from modelship.testing.offline.v2.arm_refusals import ArmRefusalError
from modelship.testing.offline.v2.custom_environments import custom_request
from modelship.testing.offline.v2.environment_definitions import definition_of

# Not ready until its second request, so that the probes of the environment are the ones asked.
SERVER = """
import http.server, json, os, pathlib
class Handler(http.server.BaseHTTPRequestHandler):
    asked = []
    def do_GET(self):
        self.asked.append(self.path)
        self.answer(200 if len(self.asked) > 2 else 503, self.asked)
    def do_POST(self):
        folder = pathlib.Path(os.environ['AZUREML_MODEL_DIR'])
        files = [str(each.relative_to(folder)) for each in folder.rglob('*') if each.is_file()]
        body = self.rfile.read(int(self.headers['Content-Length'])).decode()
        self.answer(200, [body, str(folder), files, (folder / files[0]).read_text()])
    def answer(self, status, found):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(found).encode())
print('the server starts as', os.environ['COLOR'], flush=True)
http.server.HTTPServer(('', 7001), Handler).serve_forever()
"""
FILES = {"factor.txt": "three"}


def routes(**ports):
    """Return an inference_config in Azure's format; a port is 7001 if it is not given."""
    paths = {"liveness": "/", "readiness": "/ready", "scoring": "/score"}
    return {
        f"{name}Route": {"path": path, "port": ports.get(name, 7001)}
        for name, path in paths.items()
    }


def environment_document(image, **ports):
    """Return the document of an environment with a server of its own."""
    properties = {"image": image, "inferenceConfig": routes(**ports)}
    definition = definition_of("own", "1", properties)
    document = {"name": "own", "version": "1", "digest": "0", "environment": definition}
    return {**document, V2: properties}


def custom_body(online, image, **properties):
    """Return the body of the request for a deployment of such an image."""
    environment = online.asset("environments", "own", environment_document(image))
    return online.body(environmentId=environment, codeConfiguration=None, **properties)


def test_a_request_names_the_image_its_port_and_its_probes():
    """Both probes are asked; the model's folder is that of Azure."""
    found = custom_request(environment_document("own:1"), compute="docker", has_code=False)
    request = {**found, "modelIds": ["factor:2"]}
    image = CustomImage.of_request(
        request, resources=None, files_of=lambda model_id: {"a/b": model_id}
    )
    assert (image.reference, image.port, image.probes) == ("own:1", 7001, ("/", "/ready"))
    folder = "/var/azureml-app/azureml-models/factor/2"
    assert dict(image.models) == {f"{folder}/a/b": "factor:2"}
    assert dict(image.with_variables({"A": "b"}).variables) == {
        "AZUREML_MODEL_DIR": folder,
        "A": "b",
    }


@pytest.mark.parametrize(
    ("image", "ports", "options", "words"),
    [
        ("own:1", {}, {"compute": "process"}, 'compute="docker"'),
        ("own:1", {}, {"has_code": True}, "Remove code_configuration"),
        ("own:1", {"readiness": 7002}, {}, "7001, 7002"),
        ("own/../../containers", {}, {}, "not the name of one"),
    ],
)
def test_what_cannot_run_is_refused(image, ports, options, words):
    """With what to do instead."""
    document = environment_document(image, **ports)
    with pytest.raises(ArmRefusalError, match=words):
        custom_request(document, **{"compute": "docker", "has_code": False, **options})


@pytest.mark.parametrize("stage", ["crash", "out-of-memory", "never-healthy"])
def test_an_injected_fault_applies_to_such_an_image_too(stage):
    """Although there is no script that could fail."""
    with pytest.raises(DeploymentFailure):
        check_stage(stage, name="blue", memory_gb=1)


def test_a_workspace_with_processes_refuses_the_deployment(tmp_path, shared_home):
    """Before anything is stored."""
    with open_online(tmp_path / "offline", home=shared_home) as online:
        name, _ = online.endpoint()
        found = online.put(name, "blue", custom_body(online, "own:1"))
        assert (found.status_code, "Docker engine" in found.text) == (400, True)
        assert online.call("GET", f"onlineEndpoints/{name}/deployments").json() == {"value": []}


@pytest.fixture(scope="module")
def server_image(docker_base_image):
    """Build an image that starts the server by its own command; return its name."""
    name = f"modelship-test-own:{secrets.token_hex(4)}"
    command = json.dumps(["python3", "-c", SERVER])
    lines = f"FROM {docker_base_image}\nENTRYPOINT []\nCMD {command}\n"
    subprocess.run(["docker", "build", "-q", "-t", name, "-"], input=lines, text=True, check=True)
    yield name
    subprocess.run(["docker", "rmi", "-f", name], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.docker
def test_an_image_with_its_own_server_runs_behind_the_endpoint(tmp_path, shared_home, server_image):
    """It is started by its command, with the model mounted, and serves once its probes answer."""
    options = {"compute": "docker"}
    with open_online(tmp_path / "offline", home=shared_home, **options) as online:
        name, _ = online.endpoint()
        wanted = {
            "model": registered(online, "factor", FILES),
            "environmentVariables": {"COLOR": "blue"},
        }
        found = online.settled(
            online.put(name, "blue", custom_body(online, server_image, **wanted))
        )
        assert found["status"] == "Succeeded", online.logs(name, "blue")
        online.endpoint(name, traffic={"blue": 100})
        folder = "/var/azureml-app/azureml-models/factor/1"
        assert online.ask(name, "hi").json() == ["hi", folder, ["folder/factor.txt"], "three"]
        assert online.ask(name, key="wrong").status_code == 401
        assert "the server starts as blue" in online.logs(name, "blue")
        failed = online.settled(online.put(name, "green", custom_body(online, "127.0.0.1:9/x:1")))
        assert "cannot be pulled" in failed["error"]["message"]
        assert online.call("DELETE", f"onlineEndpoints/{name}").status_code == 202
    left = ["docker", "ps", "-aq", "--filter", f"ancestor={server_image}"]
    assert subprocess.run(left, capture_output=True, text=True, check=True).stdout == ""
