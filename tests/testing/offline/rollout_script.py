"""Roll out a model safely with only azure-ai-ml, and write what happened to a file.

Its calls are those of a user who follows a sample: register, blue, green at 0 %, mirror, 10 %, 100
%, scale, delete. The folder has the workspace's config.json; the terminal has its variables.
"""

import json
import platform
import sys
from pathlib import Path

import requests
from azure.ai.ml import MLClient, load_online_deployment
from azure.ai.ml.constants import AssetTypes
from azure.ai.ml.entities import (
    CodeConfiguration,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
    OnlineRequestSettings,
)
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import DefaultAzureCredential

NAME = sys.argv[1]
IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest"
SCORE = """
import json, os, pathlib

def init():
    global weights
    (file,) = pathlib.Path(os.environ["AZUREML_MODEL_DIR"]).rglob("weights.txt")
    weights = file.read_text()
    print("loaded the weights", weights)

def run(raw_data):
    print("a request of", len(raw_data), "characters")
    return {"weights": weights, "rows": len(json.loads(raw_data)["data"])}
"""
GREEN = """
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
name: green
endpoint_name: {name}
model: azureml:{name}-weights@latest
environment: azureml:{name}-env:1
code_configuration:
  code: src
  scoring_script: score.py
instance_type: Standard_DS3_v2
instance_count: 1
liveness_probe:
  initial_delay: 5
"""
found = {"python": platform.python_version()}


def write(path, text):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)
    return path


def refusal(call, *arguments, **options):
    try:
        call(*arguments, **options).result()
    except HttpResponseError as error:
        return [type(error).__name__, error.error.code, error.error.message]
    return None


# %% Connect
client = MLClient.from_config(DefaultAzureCredential())
endpoints, deployments = client.online_endpoints, client.online_deployments
found["workspace"] = client.workspaces.get(client.workspace_name).name

# %% Register the models and the environment
request = write("request.json", json.dumps({"data": [[1, 2], [3, 4]]}))
score = write("src/score.py", SCORE)
for version in ("1", "2"):
    write(f"v{version}/weights.txt", f"of {version}")
    model = Model(
        path=f"v{version}",
        name=f"{NAME}-weights",
        type=AssetTypes.CUSTOM_MODEL,
        tags={"v": version},
    )
    assert client.models.create_or_update(model).version == version
first = client.models.get(f"{NAME}-weights", version="1")
environment = client.environments.create_or_update(
    Environment(name=f"{NAME}-env", version="1", conda_file="conda.yml", image=IMAGE)
)
found["models"] = [each.version for each in client.models.list(f"{NAME}-weights")]
found["latest"] = client.models.get(f"{NAME}-weights", label="latest").tags
client.models.download(f"{NAME}-weights", version="1", download_path="downloaded")
(downloaded,) = Path("downloaded").rglob("weights.txt")
found["downloaded"] = downloaded.read_text()

# %% Create the endpoint
endpoint = ManagedOnlineEndpoint(
    name=NAME, description="a sample", auth_mode="key", tags={"foo": "bar"}
)
endpoint = endpoints.begin_create_or_update(endpoint).result()
found["endpoint"] = [endpoint.provisioning_state, endpoint.tags, endpoint.description]
found["listed"] = NAME in [each.name for each in endpoints.list()]
key = endpoints.get_keys(NAME).primary_key


def ask(**fields):
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **fields}
    return requests.post(endpoint.scoring_uri, data='{"data": []}', headers=headers, timeout=60)


def shares(count):
    answers = [ask().json()["weights"] for _ in range(count)]
    return {each: answers.count(each) for each in sorted(set(answers))}


found["no traffic"] = [ask().status_code, ask().text]

# %% The blue deployment
blue = ManagedOnlineDeployment(
    name="blue",
    endpoint_name=NAME,
    model=first,
    environment=environment,
    code_configuration=CodeConfiguration(code="src", scoring_script="score.py"),
    instance_type="Standard_DS3_v2",
    instance_count=1,
    request_settings=OnlineRequestSettings(request_timeout_ms=3000),
)
found["blue"] = deployments.begin_create_or_update(blue).result().provisioning_state
endpoint.traffic = {"blue": 100}
endpoint = endpoints.begin_create_or_update(endpoint).result()
found["traffic"] = endpoint.traffic
found["invoked"] = json.loads(endpoints.invoke(NAME, request_file=request))
found["blue log"] = deployments.get_logs(name="blue", endpoint_name=NAME, lines=50)

# %% Scale the blue deployment
blue = deployments.get(name="blue", endpoint_name=NAME)
blue.instance_count = 2
found["scaled"] = deployments.begin_create_or_update(blue).result().instance_count
found["after scaling"] = shares(2)

# %% The green deployment, from a file, without traffic
write("green.yml", GREEN.format(name=NAME))
green = load_online_deployment("green.yml")
found["green"] = deployments.begin_create_or_update(green).result().provisioning_state
found["names"] = sorted(each.name for each in deployments.list(NAME))
found["green at 0"] = endpoints.get(NAME).traffic
found["by name"] = json.loads(
    endpoints.invoke(endpoint_name=NAME, deployment_name="green", request_file=request)
)
found["still blue"] = shares(5)

# %% Mirror, 10 %, 100 %
endpoint.mirror_traffic = {"green": 10}
endpoint = endpoints.begin_create_or_update(endpoint).result()
found["mirrored"] = [endpoint.mirror_traffic, shares(20)]
endpoint.traffic, endpoint.mirror_traffic = {"blue": 90, "green": 10}, {"green": 0}
endpoint = endpoints.begin_create_or_update(endpoint).result()
found["canary"] = [endpoint.mirror_traffic, shares(20)]
found["not 100"] = refusal(
    endpoints.begin_create_or_update,
    ManagedOnlineEndpoint(name=NAME, auth_mode="key", traffic={"blue": 50, "green": 10}),
)
endpoint.traffic = {"blue": 0, "green": 100}
endpoint = endpoints.begin_create_or_update(endpoint).result()
found["all green"] = shares(5)
found["green log"] = deployments.get_logs(name="green", endpoint_name=NAME, lines=100)
found["download log"] = deployments.get_logs(
    name="green", endpoint_name=NAME, lines=100, container_type="storage-initializer"
)

# %% Update green, replace a key, and delete
green = deployments.get(name="green", endpoint_name=NAME)
green.tags = {"stage": "live"}
found["updated"] = deployments.begin_create_or_update(green).result().tags
endpoints.begin_regenerate_keys(NAME, key_type="primary").result()
found["old key"] = ask().status_code
key = endpoints.get_keys(NAME).primary_key
found["new key"] = ask().status_code
found["in use"] = refusal(deployments.begin_delete, name="green", endpoint_name=NAME)
deployments.begin_delete(name="blue", endpoint_name=NAME).result()
found["left"] = [each.name for each in deployments.list(NAME)]
endpoints.begin_delete(name=NAME).result()
try:
    endpoints.get(NAME)
except ResourceNotFoundError as error:
    found["gone"] = error.error.code

# %% The findings
Path("findings.json").write_text(json.dumps(found))
