"""Run an online deployment in a local container with only azure-ai-ml and docker."""

import json
import sys
from pathlib import Path

from azure.ai.ml import MLClient, load_environment
from azure.ai.ml.entities import (
    CodeConfiguration,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
)
from azure.identity import DefaultAzureCredential

IMAGE, NAME = sys.argv[1:]
ROUTES = "".join(
    f"  {kind}_route: {{port: 5001, path: {path}}}\n"
    for kind, path in (("liveness", "/"), ("readiness", "/"), ("scoring", "/score"))
)

client = MLClient.from_config(DefaultAzureCredential())
endpoints, deployments = client.online_endpoints, client.online_deployments
Path("model").mkdir()
Path("model/weights.txt").write_text("7")
Path("src").mkdir()
Path("src/score.py").write_text("")
Path("request.json").write_text("[1]")
Path("environment.yml").write_text(
    f"name: own\nversion: '1'\nimage: {IMAGE}\ninference_config:\n{ROUTES}"
)
client.models.create_or_update(Model(path="model", name="weights", version="1"))
client.environments.create_or_update(load_environment("environment.yml"))

found = {}
endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=NAME), local=True)
try:
    deployment = ManagedOnlineDeployment(
        name="blue",
        endpoint_name=NAME,
        model="weights:1",
        environment="own:1",
        code_configuration=CodeConfiguration(code="src", scoring_script="score.py"),
        instance_type="Standard_DS3_v2",
        instance_count=1,
    )
    deployments.begin_create_or_update(deployment, local=True)
    found["state"] = deployments.get("blue", NAME, local=True).provisioning_state
    found["answer"] = json.loads(endpoints.invoke(NAME, request_file="request.json", local=True))
    found["log"] = deployments.get_logs(name="blue", endpoint_name=NAME, lines=50, local=True)
finally:
    endpoints.begin_delete(name=NAME, local=True)
Path("findings.json").write_text(json.dumps(found))
