"""Where an offline workspace stops: the SDK's own error says what is not there, and what to do."""

from __future__ import annotations

import logging

import pytest
import requests

from modelship.testing.offline.faults import Fault
from modelship.testing.offline.json_exchange import RefusalError

MMS = "modelmanagement/v1.0"


def images(ws):
    from azureml.core.image import Image

    return Image.list(ws)


def image(ws):
    from azureml.core.image import ContainerImage

    return ContainerImage(ws, "old")


def linked_services(ws):
    return ws.linked_services


def synchronize(ws):
    ws.sync_keys()


def compute_instance(ws):
    from azureml.core.compute import ComputeInstance, ComputeTarget

    size = ComputeInstance.provisioning_configuration(vm_size="STANDARD_D2_V2")
    ComputeTarget.create(ws, "mine", size)


def managed_identity(ws):
    from azureml.core.authentication import MsiAuthentication

    MsiAuthentication(cloud="AzureCloud").get_authentication_header()


@pytest.mark.parametrize(
    ("call_sdk", "sentence"),
    [
        (images, "An offline workspace has no images of SDK v1 before 1.0.43: deploy with Model."),
        (image, "An offline workspace has no images of SDK v1 before 1.0.43: deploy with Model."),
        (linked_services, "An offline workspace has no linked services: read the data from a"),
        (synchronize, "An offline workspace has no keys to synchronize: leave the call out."),
        (compute_instance, "no list of machine sizes, and no compute instances: create AmlCompute"),
        (managed_identity, "no managed identities: sign in with ServicePrincipalAuthentication"),
    ],
)
def test_the_sdk_says_what_is_not_there(offline, ws, call_sdk, sentence, monkeypatch):
    """Each of its clients shows the sentence, and none makes a statement of its own of it."""
    monkeypatch.setenv("HTTP_PROXY", offline.environment["HTTP_PROXY"])
    with pytest.raises(Exception, match=sentence) as caught:
        call_sdk(ws)
    assert "NotFound" not in str(caught.value)


@pytest.mark.parametrize(
    ("service", "path", "what"),
    [
        ("pipelines/v1.0", "/PipelineRuns", "no pipelines: submit"),
        ("jasmine/v1.0", "/experiments/e/runs", "no AutoML: train"),
        ("hyperdrive/v1.0", "/runs", "no hyperparameter sweeps: submit one ScriptRunConfig"),
        ("mlflow/v2.0", "/api/2.0/mlflow/runs/create", "no MLflow tracking: log"),
        ("history/v1.0", "/moons", "no answer to the call POST /moons of the run history: leave"),
        (MMS, "/moons", "no answer to the call POST /moons of the model management service"),
        ("", "/batchEndpoints/b", "no answer to the call POST /batchEndpoints/b of the resource"),
        ("", "/jobs/j", "no jobs of SDK v2 other than those of batch endpoints: submit"),
        ("", "/models/m/moons", "no answer to the call POST /models/m/moons of the resource"),
        ("", "/moons/m", "no 'moons' among its resources: run it"),
        ("moons/v1.0", "", "no service 'moons': run it"),
    ],
)
def test_each_service_is_told_by_name(call, service, path, what):
    """Also to clients that are not part of azureml-core; in the status line too."""
    answer = call("POST", service, path)
    assert answer.status_code == 400  # of a 404 some make an error of their own
    assert f"An offline workspace has {what}" in answer.json()["error"]["message"]
    assert answer.reason == answer.json()["message"]


def test_other_resources_of_azure_are_not_there(call, offline):
    """The workspace's group holds nothing else."""
    group = offline.identity.path.partition("/providers/")[0]
    url = f"{offline.endpoint}{group}/providers/Microsoft.Storage/storageAccounts/a"
    answer = requests.get(url, timeout=30)
    assert "no resources of Microsoft.Storage other than itself" in answer.json()["message"]
    assert requests.get(f"{offline.endpoint}/favicon.ico", timeout=30).status_code == 404


def test_the_workspaces_own_terminal_says_it_once(call, caplog):
    """The log of the workspace shows it, too."""
    with caplog.at_level(logging.WARNING, "modelship.testing.offline"):
        for _ in range(3):
            call("POST", "pipelines/v1.0", "/PipelineRuns")
    [record] = caplog.records
    assert record.getMessage().startswith("An offline workspace has no pipelines: submit")


def test_what_a_client_of_models_shows_is_the_message(offline, ws):
    """It leaves out the message of an error, and shows the correlation."""
    from azureml.core import Model

    offline.faults.plant(Fault("models.get", status=409, code="Conflict", message="Not now."))
    with pytest.raises(Exception, match=r"Correlation: \{'message': 'Not now\.'\}"):
        Model(ws, id="m:1")


def test_every_error_can_be_printed(ws):
    """The SDK prints an error of the run history and of the vault with the details in it."""
    with pytest.raises(Exception, match="no-such-secret"):
        ws.get_default_keyvault().get_secret("no-such-secret")


def test_a_message_is_a_status_line_whatever_is_in_it():
    """Lines, controls and other alphabets make no second line of it; the body has them whole."""
    answer = RefusalError(400, "Bad", "größer\r\nX-Evil: 1\0 " + "a" * 1000).response()
    assert answer.status.startswith("400 gr??er X-Evil: 1 aaa")
    assert len(answer.status) < 600
    assert answer.json["details"] == answer.json["error"]["details"] == []
