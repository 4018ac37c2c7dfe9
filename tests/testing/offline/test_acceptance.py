"""Code that never heard of modelship runs against an offline workspace and reaches nothing else.

It runs as a user runs it: in a process and a home of its own, in a folder with a config.json, with
the variables that the workspace names.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import joblib
import pytest
from guarded_person import Person
from offline_services import PYTHON

from modelship.testing.offline.offline_workspace import OfflineWorkspace

EXAMPLE = Path(__file__).parents[3] / "examples" / "mnist"

REGISTER = """
from azureml.core import Model, Workspace

ws = Workspace.from_config()
print(ws.name, ws.location)
model = Model.register(ws, "weights.bin", "weights", tags={"data": "none"})
path = Model(ws, "weights").download("downloaded")
print(model.id, open(path, "rb").read() == open("weights.bin", "rb").read())
"""

TUTORIAL = """
# %%
import json

import requests
from azureml.core import Environment, Model, Workspace
from azureml.core.model import InferenceConfig
from azureml.core.webservice import AciWebservice

ws = Workspace.from_config()
# %%
model = Model.register(ws, model_path="outputs/sklearn_mnist_model.pkl", model_name="sklearn_mnist")
path = Model(ws, "sklearn_mnist").download("downloaded")
with open(path, "rb") as downloaded, open("outputs/sklearn_mnist_model.pkl", "rb") as original:
    print(ws.name, ws.location, model.id, downloaded.read() == original.read())
# %%
environment = Environment.from_conda_specification("project_environment", "myenv.yml")
inference_config = InferenceConfig(entry_script="score.py", environment=environment)
aci_config = AciWebservice.deploy_configuration(
    cpu_cores=1,
    memory_gb=1,
    tags={"data": "MNIST", "method": "sklearn"},
    description="Predict MNIST with sklearn",
)
# %%
service = Model.deploy(
    workspace=ws,
    name="sklearn-mnist-svc",
    models=[model],
    inference_config=inference_config,
    deployment_config=aci_config,
    overwrite=True,
)
service.wait_for_deployment(show_output=True)
print(service.state, service.tags, service.description)
# %%
payload = open("request.json").read()
by_sdk = service.run(input_data=payload)
# %%
answer = requests.post(
    service.scoring_uri, data=payload, headers={"Content-Type": "application/json"}
)
assert answer.status_code == 200, answer.text
# %%
logs = service.get_logs()
with open("findings.json", "w") as file:
    json.dump({"by_sdk": by_sdk, "by_http": answer.json(), "logs": logs}, file)
# %%
service.delete()
print([service.name for service in ws.webservices.values()])
"""


@pytest.fixture
def person(tmp_path, shared_home, monkeypatch):
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))
    with OfflineWorkspace(tmp_path / "offline", name="acceptance") as offline:
        yield Person(tmp_path, offline)


# In the gate, the model of the tutorial is registered so, and comes back.
@pytest.mark.long
def test_a_model_is_registered_and_comes_back(person):
    """From a config.json and a service principal's variables, by Azure's own host names."""
    (person.here / "weights.bin").write_bytes(os.urandom(100_000))
    done = person.runs(REGISTER)
    assert done.returncode == 0, done.stderr
    assert "acceptance eastus" in done.stdout
    assert "weights:1 True" in done.stdout
    assert (person.offline.refused, person.escapes) == ([], [])


def test_the_tutorial_runs_as_it_stands(person, mnist_dir, mnist_test_set):
    """Its cells, in order, with the real model: the service predicts what the model does here."""
    shutil.copy(EXAMPLE / "score.py", person.here)
    conda = (EXAMPLE / "myenv.yml").read_text()
    # The Python of the example, so that both have one environment.
    (person.here / "myenv.yml").write_text(
        conda.replace("dependencies:", f"dependencies:\n  - python={PYTHON}")
    )
    (person.here / "outputs").mkdir()
    model = shutil.copy(mnist_dir / "sklearn_mnist_model.pkl", person.here / "outputs")
    X = mnist_test_set[0][:30]
    (person.here / "request.json").write_text(json.dumps({"data": X.tolist()}))
    done = person.runs(TUTORIAL)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "acceptance eastus sklearn_mnist:1 True\n" in done.stdout
    assert "Succeeded\nACI service creation operation finished" in done.stdout
    assert "Healthy {'data': 'MNIST', 'method': 'sklearn'} Predict MNIST" in done.stdout
    findings = json.loads((person.here / "findings.json").read_text())
    assert findings["by_sdk"] == findings["by_http"] == joblib.load(model).predict(X).tolist()
    assert "200" in findings["logs"]
    assert done.stdout.endswith("[]\n")
    assert (person.offline.refused, person.escapes) == ([], [])


@pytest.mark.long
def test_the_example_tells_the_same_story(person, mnist_dir, mnist_test_set):
    """In such a workspace with the same model, it predicts what the model does here."""
    X = mnist_test_set[0][:30]
    shutil.copy(mnist_dir / "sklearn_mnist_model.pkl", person.here)
    register = REGISTER.replace("weights.bin", "sklearn_mnist_model.pkl")
    done = person.runs(register.replace('"weights"', '"sklearn_mnist"'))
    assert done.returncode == 0, done.stderr
    printed = in_modelship(person, mnist_dir)
    model = joblib.load(mnist_dir / "sklearn_mnist_model.pkl")
    assert f"\n{model.predict(X).tolist()}\n" in printed
    assert "over HTTP: accuracy 0.9193, equal: True" in printed


def in_modelship(person, mnist_dir):
    """Run the example on a target of modelship, in the workspace, and return what it printed."""
    options = ("--data", mnist_dir, "--target", "aci", "--workspace", person.offline.config_path)
    done = subprocess.run(
        [sys.executable, EXAMPLE / "tutorial.py", *options, "--output", person.here / "ours"],
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_request_to_another_host_is_noticed(person):
    """Through the proxy it is refused and remembered."""
    done = person.runs("import requests; requests.get('https://example.com/')")
    assert "ProxyError" in done.stderr
    assert (person.offline.refused, person.escapes) == (["example.com"], [])


@pytest.mark.parametrize("host", ["example.com", "192.0.2.1"])
def test_a_connection_past_the_proxy_is_noticed(person, host):
    """Past it, the guard lets nothing through, by name or by address."""
    done = person.runs(f"import socket; socket.create_connection(({host!r}, 443), 9)")
    assert "the guard lets nothing through" in done.stderr
    assert (person.offline.refused, person.escapes) == ([], [host])


# In the gate, test_login.py asks for both sentences, and the test of the tutorial logs in.
@pytest.mark.long
@pytest.mark.parametrize(
    ("password", "words"),
    [("wrong", "AADSTS7000215: Invalid client secret"), (None, "source environment.sh")],
)
def test_a_refused_password_is_azures_to_explain(person, password, words):
    """The SDK ends with the identity platform's sentence; the right password is shown nowhere."""
    done = person.runs(
        "from azureml.core import Workspace; Workspace.from_config()",
        AZUREML_SERVICE_PRINCIPAL_PASSWORD=password,
    )
    assert done.returncode != 0
    assert words in done.stderr
    right = person.offline.environment["AZUREML_SERVICE_PRINCIPAL_PASSWORD"]
    assert right not in done.stdout + done.stderr
    assert (person.offline.refused, person.escapes) == ([], [])
