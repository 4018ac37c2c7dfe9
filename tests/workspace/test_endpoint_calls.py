"""Endpoints and deployments through plain requests, on the offline workspace."""

import json
import os
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from modelship.errors import WorkspaceRequestError, WorkspaceUnreachableError
from modelship.progress import Deadline
from modelship.testing import OfflineWorkspace
from modelship.testing.offline import offline_app
from modelship.testing.offline.faults import Fault
from modelship.testing.offline.v2.named_faults import named_fault
from modelship.workspace.ml_workspace import open_ml
from waiting import wait_until

ENDPOINT = {"identity": {"type": "SystemAssigned"}, "properties": {"authMode": "Key"}}


@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    with OfflineWorkspace(tmp_path_factory.mktemp("workspace")) as offline:
        yield offline


@pytest.fixture(scope="module")
def workspace(offline):
    return open_ml(offline.config_path)


@pytest.fixture(scope="module")
def deployment(workspace, tmp_path_factory):
    """Return the document of a deployment whose assets exist; the SDK is not imported for it."""
    folder = tmp_path_factory.mktemp("source") / "code"
    folder.mkdir()
    (folder / "score.py").write_text("def init(): pass\ndef run(data): return data\n")
    environment = f"{workspace.id}/environments/e/versions/1"
    body = {"properties": {"image": "base", "condaFile": "dependencies:\n- python=3.11\n"}}
    workspace._arm.send("PUT", environment, version="2023-04-01-preview", body=body)
    code = {"codeId": workspace.put_code(folder, "1a" * 32), "scoringScript": "score.py"}
    said = {"endpointComputeType": "Managed", "instanceType": "Standard_DS3_v2"}
    return {
        "sku": {"name": "Default", "capacity": 1},
        "properties": {**said, "codeConfiguration": code, "environmentId": environment},
    }


def test_an_endpoint_is_created_changed_and_deleted(workspace):
    """Its document is what was written; its keys are secret, and change one by one."""
    assert workspace.endpoint("life") is None
    assert workspace.put_endpoint("life", ENDPOINT)
    wait_until(lambda: workspace.endpoint("life")["properties"]["provisioningState"] == "Succeeded")
    workspace.put_endpoint("life", {**ENDPOINT, "tags": {"a": "b"}})
    assert [each["tags"] for each in workspace.endpoints() if each["name"] == "life"] == [
        {"a": "b"}
    ]
    before = workspace.keys("life")
    assert before.primary not in repr(before)
    workspace.regenerate_key("life", "primary")
    wait_until(lambda: workspace.keys("life").primary != before.primary)
    assert workspace.keys("life").secondary == before.secondary
    workspace.delete_endpoint("life")
    wait_until(lambda: workspace.endpoint("life") is None)
    workspace.delete_endpoint("life")


def test_a_token_has_its_times(workspace):
    """The mode AMLToken gives tokens that expire, and are not shown."""
    workspace.put_endpoint("tokens", {"properties": {"authMode": "AMLToken"}})
    token = workspace.token("tokens")
    assert token.value
    assert token.value not in repr(token)
    assert time.time() < token.refresh_after <= token.expires_at


def test_a_deployment_that_fails_says_why(workspace, offline, deployment):
    """Its operation has Azure's reason, as the document of the deployment does not."""
    workspace.put_endpoint("fails", ENDPOINT)
    offline.faults.plant(named_fault("ImagePullFailed"))
    operation = workspace.put_deployment("fails", "blue", deployment)
    blue = partial(workspace.deployment, "fails", "blue")
    wait_until(lambda: blue()["properties"]["provisioningState"] == "Failed")
    assert "pull permission" in workspace.operation_failure(operation)
    assert [each["name"] for each in workspace.deployments("fails")] == ["blue"]
    assert "Instance status" in workspace.logs("fails", "blue", tail=100)
    workspace.delete_deployment("fails", "blue")
    wait_until(lambda: blue() is None)


def test_a_refusal_has_the_code_of_azure(workspace, offline, deployment):
    """Quota and a missing endpoint are refused at once, each with advice or its reason."""
    with pytest.raises(WorkspaceRequestError, match="404"):
        workspace.put_deployment("none", "blue", deployment)
    assert workspace.deployments("none") == []
    workspace.put_endpoint("small", ENDPOINT)
    offline.faults.plant(named_fault("OutOfQuota"))
    with pytest.raises(WorkspaceRequestError) as caught:
        workspace.put_deployment("small", "blue", deployment)
    assert caught.value.code == "BadRequest"
    assert "instance_type" in caught.value.hint


def test_code_that_another_client_has_registered_meanwhile_is_taken(workspace, tmp_path):
    """Both have found none, and have uploaded the same files to places of their own."""
    found = set()
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "score.py").write_text("")
        found.add(workspace.put_code(tmp_path / name, "3c" * 32))
    assert found == {workspace.code("3c" * 32)}


SIGNED_IN = """
import sys
from pathlib import Path
from modelship.workspace.ml_workspace import open_ml

workspace = open_ml()
Path("code").mkdir()
Path("code", "score.py").write_text("")
print(workspace.put_code(Path("code"), "2b" * 32) == workspace.code("2b" * 32))
print([name for name in ("azure.ai.ml", "azureml") if name in sys.modules])
"""


def test_the_credentials_are_those_of_azure_identity(offline, tmp_path):
    """By Azure's own host names and a service principal's variables, without either SDK."""
    names = ("subscription_id", "resource_group", "workspace_name")
    config = json.loads(Path(offline.config_path).read_text())
    (tmp_path / "config.json").write_text(json.dumps({name: config[name] for name in names}))
    environment = {**os.environ, **offline.environment}
    for secret, expected in (({}, "True\n[]\n"), ({"AZURE_CLIENT_SECRET": "wrong"}, "")):
        done = subprocess.run(
            [sys.executable, "-c", SIGNED_IN], cwd=tmp_path, text=True, timeout=100,
            env={**environment, **secret}, capture_output=True, check=False,
        )  # fmt: skip
        assert done.stdout == expected, done.stderr
    assert "WorkspaceCredentialsError: The workspace" in done.stderr
    assert "AZURE_CLIENT_SECRET" in done.stderr.splitlines()[-1]
    assert environment["AZURE_CLIENT_SECRET"] not in done.stderr


def test_a_call_that_hangs_ends_with_the_deadline(offline, workspace, monkeypatch):
    """The deadline of a deployment is the limit of each of its calls, too."""
    is_over = threading.Event()
    monkeypatch.setattr(offline_app, "time", SimpleNamespace(sleep=is_over.wait))
    offline.faults.plant(Fault("online-endpoints.get", delay_s=60))
    try:
        with pytest.raises(WorkspaceUnreachableError, match="no answer within"):
            workspace.within(Deadline(1.5)).endpoint("slow-endpoint")
    finally:
        is_over.set()
