"""Files of az ml are accepted and refused as azure-ai-ml does, or earlier than Azure does."""

import json
import subprocess
import sys

import az_yaml_files
import pytest

from modelship.targets.online_endpoint.az_yaml import (
    OnlineDeploymentFile,
    OnlineEndpointFile,
    yaml_of,
)
from modelship.targets.online_endpoint.az_yaml.asset_values import (
    CodeConfiguration,
    InlineEnvironment,
    InlineModel,
)
from modelship.targets.online_endpoint.container_settings import (
    ProbeSettings,
    RequestSettings,
    ScaleSettings,
)
from modelship.targets.online_endpoint.data_collection import (
    CollectionSettings,
    DataCollectorSettings,
    NamedData,
)
from modelship.targets.online_endpoint.deployment_settings import DeploymentSettings
from modelship.targets.online_endpoint.endpoint_settings import EndpointSettings, IdentitySettings

pytestmark = [
    pytest.mark.azure,
    pytest.mark.long,  # test_az_yaml.py reads the same cases in the gate, without the SDK
]

# In a process of its own: the SDK takes seconds to import, and changes os.environ.
ASK = """
import json, logging, sys
from pathlib import Path
logging.disable(logging.CRITICAL)
from azure.ai.ml import load_online_deployment, load_online_endpoint

asked = json.load(sys.stdin)
answers = []
for kind, text in asked:
    path = Path(kind + ".yml")
    path.write_text(text)
    load = load_online_endpoint if kind == "endpoint" else load_online_deployment
    # As deploy.sh does, with --set.
    override = [{"model": "azureml:m:1"}, {"environment": "azureml:e:1"}]
    try:
        load(path)
        if "code_configuration" in text:
            load(path, params_override=override)
        answers.append(True)
    except Exception:
        answers.append(False)
print("answers:" + json.dumps(answers))
"""


FULL = DeploymentSettings(
    instance_count=2,
    description="digits",
    tags={"team": "1"},
    environment_variables={"WORKER_COUNT": "2"},
    scale_settings=ScaleSettings(),
    request_settings=RequestSettings(9_000, 2, 600),
    liveness_probe=ProbeSettings(12, 10, 2, 1, 30),
    data_collector=DataCollectorSettings(
        {"inputs": CollectionSettings(True, NamedData("inputs", "1"))}, "hour", 0.5, ("x-a",)
    ),
    egress_public_network_access="disabled",
    private_network_connection=True,
)
FULL_ENDPOINT = OnlineEndpointFile(
    "digits",
    EndpointSettings(
        auth_mode="aml_token",
        description="digits",
        tags={"team": "1"},
        identity=IdentitySettings("user_assigned", ("/subscriptions/s/i",)),
        traffic={"blue": 90, "green": 10},
        mirror_traffic={"shadow": 20},
        public_network_access="disabled",
    ),
)


def full_deployment(folder):
    """Return a deployment with a value for each key, whose files are in `folder`."""
    return OnlineDeploymentFile(
        "blue",
        "digits",
        FULL,
        InlineModel(folder / "m.txt", name="m", version="1", type="custom_model"),
        InlineEnvironment("i", conda_file=folder / "conda.yml", name="e", version="1"),
        CodeConfiguration(folder / "code", "score.py"),
    )


def test_the_sdk_accepts_and_refuses_the_same_files(tmp_path):
    """Each case says what the SDK does on reading; all of them are asked in one process."""
    pytest.importorskip("azure.ai.ml")
    folder = az_yaml_files.folder_of(tmp_path)
    kinds = {
        "deployment": (az_yaml_files.DEPLOYMENT, az_yaml_files.DEPLOYMENTS),
        "endpoint": (az_yaml_files.ENDPOINT, az_yaml_files.ENDPOINTS),
    }
    written = {"deployment": full_deployment(folder), "endpoint": FULL_ENDPOINT}
    asked = [(kind, yaml_of(file, folder=folder)) for kind, file in written.items()]
    asked += [(kind, head + case.lines) for kind, (head, cases) in kinds.items() for case in cases]
    printed = subprocess.run(
        [sys.executable, "-c", ASK],
        input=json.dumps(asked),
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    answers = json.loads(printed.rpartition("answers:")[2])
    expected = [True, True]  # what modelship writes
    expected += [case.az_accepts for _, cases in kinds.values() for case in cases]
    differing = [
        text
        for (_, text), found, said in zip(asked, answers, expected, strict=True)
        if found != said
    ]
    assert differing == []
