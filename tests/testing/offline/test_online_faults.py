"""The faults of online endpoints by name: what Azure says leads the doctor to the cause."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import requests
from online_requests import open_online

from modelship.diagnosis import Facts, diagnose
from modelship.errors import InvalidOptionError, WorkspaceRequestError
from modelship.testing.offline.v2.named_faults import NAMED_FAULTS, named_fault
from modelship.workspace import Workspace
from modelship.workspace.ml_workspace import open_ml

CAUSES = {
    "OutOfQuota": "MS610",
    "EndpointUpdating": "MS614",
    "EndpointAlreadyExists": "MS615",
    "KeyBasedAuthenticationNotPermitted": "MS613",
    "PrivateLinkOnly": "MS616",
    "ImageBuildFailure": "MS603",
    "ImagePullFailed": "MS613",
    "DownloadFailed": "MS613",
    "WorkspaceManagedNetworkNotReady": "MS616",
    "SecretsInjectionError": "MS613",
    "InternalServerError": "MS617",
}
CLIENT = "MarshmallowImportError"
CRASH = "ResourceNotReady"  # the log has the cause
ANSWERS = {"NoValidDeployments": 404, "RequestTimeout": 408, "ModelError": 424}
ANSWERS |= {"TooManyRequests": 429}


@pytest.fixture(scope="module")
def online(tmp_path_factory, shared_home):
    """Return a workspace that all tests of this module share."""
    folder = tmp_path_factory.mktemp("faults") / "offline"
    with open_online(folder, home=shared_home, light=True) as found:
        yield found


def error_after(online, name):
    """Return the error of the first call that meets a fault, or of the operation."""
    endpoint, _ = online.endpoint()
    online.offline.faults.plant(named_fault(name))
    found = online.call("GET", "")
    if found.ok:
        found = online.call("PUT", f"onlineEndpoints/{endpoint}", {"properties": {}})
    if found.ok:
        found = online.put(endpoint, "blue", online.body())
    return (online.settled(found) if found.ok else found.json())["error"]


def cause_of(error):
    """Return the code of the diagnosis of an error."""
    return diagnose("", facts=Facts(state="Failed", error=error)).code


@pytest.mark.parametrize("name", sorted(CAUSES.keys() - {"KeyBasedAuthenticationNotPermitted"}))
def test_the_doctor_names_the_cause(online, name):
    """As the error of a request, or of the operation that it starts."""
    error = error_after(online, name)
    assert cause_of(error) == CAUSES[name], error


@pytest.mark.parametrize(
    "path",
    ["models", "environments/e/versions/1", "datastores/workspaceblobstore", "onlineEndpoints",
     "onlineEndpoints/e/deployments", "batchEndpoints", "codes/c/versions"],
)  # fmt: skip
def test_a_workspace_behind_a_private_link_refuses_what_is_in_it(online, path):
    """The resource manager still describes the workspace itself."""
    online.offline.faults.plant(named_fault("PrivateLinkOnly"))
    assert online.call("GET", "").status_code == 200
    found = online.call("GET", path)
    assert (found.status_code, cause_of(found.json()["error"])) == (403, "MS616")


@pytest.mark.parametrize("opened", [open_ml, Workspace.open])
def test_the_first_call_names_the_private_link(online, opened):
    """With either SDK, and not as a missing role."""
    workspace = opened(str(online.offline.config_path))
    online.offline.faults.plant(named_fault("PrivateLinkOnly"))
    with pytest.raises(WorkspaceRequestError) as caught:
        workspace.models(name="digits")
    assert "private link" in caught.value.message
    assert "virtual network" in caught.value.hint


def test_a_storage_without_keys_refuses_them(online):
    """In XML, and with the code in a header."""
    online.offline.faults.plant(named_fault("KeyBasedAuthenticationNotPermitted"))
    account = {"x-ms-version": "2025-01-05"}
    key = "LocalUpload/1/a.txt"
    found = requests.get(f"{online.offline.endpoint}/azureml/{key}", headers=account, timeout=30)
    assert found.status_code == 403


def test_a_quota_arrives_as_azure_nests_it(online):
    """The code is BadRequest, and the detail holds JSON."""
    error = error_after(online, "OutOfQuota")
    assert error["code"] == "BadRequest"
    assert error["details"][0]["code"] == "InferencingClientCreateDeploymentFailed"
    assert '"OutOfQuota"' in error["details"][0]["message"]


def test_a_build_that_failed_has_its_log_in_the_storage(online):
    """At the path that the error names."""
    message = error_after(online, "ImageBuildFailure")["message"]
    path = next(each for each in message.split() if each.startswith("azureml/ImageLogs/"))
    log = online.offline._shared.store.blob(path.removeprefix("azureml/"))
    assert "the build fails" in log.read_text()


def test_the_logs_say_where_a_deployment_stopped(online):
    """The status, the event, and the log of the download."""
    endpoint, _ = online.endpoint()
    online.offline.faults.plant(named_fault("DownloadFailed"))
    found = online.settled(online.put(endpoint, "blue", online.body()))
    assert found["status"] == "Failed"
    assert online.get(endpoint, "blue")["properties"]["provisioningState"] == "Failed"
    log = online.logs(endpoint, "blue")
    assert "ModelDownload: InProgress" in log
    assert "Name: DownloadFailed, Type: Warning" in log
    assert "UserContainerStart: Waiting" in log
    log = online.logs(endpoint, "blue", containerType="StorageInitializer")
    assert "Unable to download user model" in log


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_the_front_answers(online, name):
    """An endpoint without deployments answers it too."""
    endpoint, _ = online.endpoint()
    online.offline.faults.plant(named_fault(name))
    assert online.ask(endpoint).status_code == ANSWERS[name]


def test_a_crash_has_its_cause_in_the_log(online):
    """The error says that the container crashed, and the log has the exception."""
    endpoint, _ = online.endpoint()
    online.offline.faults.plant(named_fault(CRASH))
    error = online.settled(online.put(endpoint, "blue", online.body()))["error"]
    assert "User container has crashed or terminated" in error["message"]
    log = online.logs(endpoint, "blue")
    assert "Name: LivenessProbeFailed, Type: Warning" in log
    assert diagnose(log, facts=Facts(state="Failed", error=error)).code == "MS502"


def test_a_client_cannot_import_the_sdk(tmp_path, shared_home):
    """In a process with the variables of the workspace: the traceback leads to the cause."""
    pytest.importorskip("azure.ai.ml")
    with open_online(tmp_path / "offline", home=shared_home) as online:
        online.offline.faults.plant(named_fault(CLIENT))
        variables = {**os.environ, **online.offline.environment}
        command = [sys.executable, "-c", "from azure.ai.ml import MLClient"]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        assert "cannot import name 'FieldInstanceResolutionError'" in done.stderr
        assert diagnose(done.stderr).code == "MS618"
        online.offline.faults.clear()
        assert "PYTHONPATH" not in online.offline.environment


def test_every_fault_has_a_test():
    """And a name that is not one is refused."""
    assert NAMED_FAULTS.keys() == {*CAUSES, *ANSWERS, CLIENT, CRASH}
    with pytest.raises(InvalidOptionError, match="one of DownloadFailed"):
        named_fault("Unknown")
