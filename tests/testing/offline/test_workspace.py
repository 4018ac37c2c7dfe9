"""The offline workspace as a whole: who it is, where it is, what it leaves, and how it fails."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import certifi
import pytest
import requests

from modelship.errors import InvalidNameError, InvalidOptionError
from modelship.testing.offline.faults import Fault
from modelship.testing.offline.offline_workspace import OfflineWorkspace
from modelship.workspace import WorkspaceLocation
from modelship.workspace.access import Access

MMS = "modelmanagement/v1.0"
NO_RETRIES = """
import sys
sys.modules[sys.argv[1]] = None
from modelship.testing.offline.offline_workspace import OfflineWorkspace
from modelship.workspace import WorkspaceLocation
from modelship.workspace.access import Access
try:
    with OfflineWorkspace() as offline:
        offline.workspace()
except Exception as error:
    print(type(error).__name__, error.extra)
"""


def register(ws, name="digits"):
    from azureml.core import Model

    return Model.register(ws, "model.pkl", name)


@pytest.fixture(autouse=True)
def model_file(here):
    path = here / "model.pkl"
    path.write_bytes(b"a model")
    return path


def open_threads():
    return {each for each in threading.enumerate() if each.name.startswith("offline-workspace")}


def test_a_folder_keeps_who_it_is_and_what_it_holds(tmp_path):
    """Opened again, it is the same workspace at the same place, with the same models."""
    from azureml.core import Model

    with OfflineWorkspace(tmp_path / "kept", name="first") as offline:
        identity = offline.identity
        register(offline.workspace())
    with OfflineWorkspace(tmp_path / "kept", name="ignored") as offline:
        assert offline.identity == identity
        found = Model(offline.workspace(), "digits").download("out")
    assert Path(found).read_bytes() == b"a model"


def test_another_port_is_taken_if_the_old_one_is_not_free(tmp_path):
    """State is not tied to a port: the workspace moves, and says so in its config.json."""
    with OfflineWorkspace(tmp_path / "kept") as offline:
        port = offline.identity.ports["http"]
        register(offline.workspace())
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        with OfflineWorkspace(tmp_path / "kept") as offline:
            assert offline.identity.ports["http"] != port
            assert WorkspaceLocation.find(offline.config_path).offline.endpoint == offline.endpoint
            assert register(offline.workspace()).version == 2


def test_nothing_is_left_when_it_ends(monkeypatch):
    """Without a folder of the user's: no file, no thread, no port and no variable stays."""
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, "before")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with OfflineWorkspace() as offline:
        folder, port = offline.folder, offline.identity.ports["http"]
        silent = socket.create_connection(("127.0.0.1", port))
        assert open_threads()
        assert os.environ["SSL_CERT_FILE"] == str(folder / "ca-bundle.pem")
        assert os.environ["REQUESTS_CA_BUNDLE"] == str(folder / "ca-certificates")
    assert not folder.exists()
    assert not open_threads()
    assert os.environ["REQUESTS_CA_BUNDLE"] == os.environ["SSL_CERT_FILE"] == "before"
    assert "NO_PROXY" not in os.environ
    with silent:
        assert silent.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_an_error_in_the_body_ends_it_too():
    """What a test raises passes through, and the workspace is gone."""
    with pytest.raises(KeyError), OfflineWorkspace() as offline:
        raise KeyError
    assert not offline.folder.exists()
    assert not open_threads()


def test_two_may_be_open_and_end_in_any_order(monkeypatch):
    """Each has models of its own, and uploads go on being trusted when the first has ended."""
    from azureml.core import Model

    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    one, other = OfflineWorkspace(), OfflineWorkspace()
    with other:
        one.__enter__()
        first, second = one.workspace(), other.workspace()
        register(first, "mine")
        register(second, "yours")
        assert [model.name for model in Model.list(first)] == ["mine"]
        one.__exit__(None, None, None)
        register(second, "theirs")
        assert [model.name for model in Model.list(second)] == ["theirs", "yours"]
    assert "REQUESTS_CA_BUNDLE" not in os.environ


def test_the_one_opened_last_goes_on_when_the_first_ends():
    """The trust in a workspace does not depend on the one that was there before it."""
    first = OfflineWorkspace()
    first.__enter__()
    with OfflineWorkspace() as second:
        first.__exit__(None, None, None)
        assert register(second.workspace()).version == 1


def test_a_folder_that_is_open_cannot_be_opened_twice(tmp_path):
    """Two servers must not write to the same files."""
    with (
        OfflineWorkspace(tmp_path / "kept"),
        pytest.raises(InvalidOptionError) as caught,
        OfflineWorkspace(tmp_path / "kept"),
    ):
        pass
    expected = "expected a folder that no other offline workspace uses now."
    assert str(caught.value) == f"folder is {str(tmp_path / 'kept')!r}; {expected}"


@pytest.mark.parametrize("content", [None, "{}", "[]", '{"odd": 1}', "no json"])
def test_a_folder_of_other_things_is_left_alone(tmp_path, content):
    """A config.json of the user's, above all, is not overwritten."""
    (tmp_path / "config.json").write_text("mine")
    if content is not None:
        (tmp_path / "workspace.json").write_text(content)
    before = sorted(tmp_path.iterdir())
    with (
        pytest.raises(InvalidOptionError, match="expected a new or empty folder"),
        OfflineWorkspace(tmp_path),
    ):
        pass
    assert (tmp_path / "config.json").read_text() == "mine"
    assert sorted(tmp_path.iterdir()) == before


def test_options_that_cannot_be_meant_are_refused():
    """An unknown compute, or a name that Azure ML does not take, is told with what is expected."""
    with pytest.raises(InvalidOptionError) as caught:
        OfflineWorkspace(compute="cloud")
    assert str(caught.value) == "compute is 'cloud'; expected 'process' or 'docker'."
    with pytest.raises(InvalidNameError, match="3 to 33 letters"), OfflineWorkspace(name="a b"):
        pass


@pytest.mark.parametrize(
    ("missing", "extra"),
    [("werkzeug", "offline"), ("cryptography", "offline"), ("azureml", "azure")],
)
def test_a_missing_part_names_its_extra(missing, extra):
    """Where an optional package is not installed, the error says what to install."""
    command = [sys.executable, "-c", NO_RETRIES, missing]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == f"MissingExtraError {extra}", done.stderr


def test_config_json_is_what_the_sdk_reads(offline):
    """It has the SDK's three names, and where modelship finds the way in."""
    config = json.loads(offline.config_path.read_text())
    access = Access.read(Path(config.pop("offline")))
    assert access.ca_bundle == os.environ["SSL_CERT_FILE"]
    assert access.endpoint == offline.endpoint
    assert config == {
        "subscription_id": offline.identity.subscription_id,
        "resource_group": "offline",
        "workspace_name": "offline",
    }


def test_secrets_are_not_shown(offline, ws):
    """Neither a repr nor the permissions of the file give away what signs addresses."""
    secret = offline.identity.secret
    assert secret not in repr(offline) + repr(offline.identity)
    file = offline.folder / "workspace.json"
    assert secret in file.read_text()
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("which", ["workspace_name", "resource_group", "subscription_id"])
def test_another_workspace_is_not_found(ws, which):
    """The SDK says so, for a wrong name, group and subscription."""
    from azureml.core import Workspace
    from azureml.exceptions import ProjectSystemException

    names = {
        "subscription_id": ws.subscription_id,
        "resource_group": ws.resource_group,
        "workspace_name": ws.name,
    }
    with pytest.raises(ProjectSystemException, match="Workspace not found"):
        Workspace(**names | {which: "other"}, auth=ws._auth)


def test_names_are_compared_as_azure_does(ws):
    """The resource manager takes names in upper and lower case alike."""
    from azureml.core import Workspace

    found = Workspace.get("OFFLINE", ws._auth, ws.subscription_id.upper(), "Offline")
    assert found.get_details()["id"] == ws.get_details()["id"]


def test_the_cloud_and_the_subscription_are_described(offline, ws):
    """Clients that ask for their way, as Azure's own, are led to the same place."""
    clouds = requests.get(f"{offline.endpoint}/metadata/endpoints", timeout=30).json()
    assert clouds[0]["resourceManager"] == f"{offline.endpoint}/"
    headers = ws._auth.get_authentication_header()
    answer = requests.get(f"{offline.endpoint}/subscriptions", headers=headers, timeout=30)
    assert [each["subscriptionId"] for each in answer.json()["value"]] == [ws.subscription_id]
    lost = requests.get(f"{offline.endpoint}/discovery/workspaces/other", timeout=30)
    assert lost.status_code == 404


def test_azure_hosts_stay_azure_hosts_behind_a_proxy(call, ws):
    """Who comes by Azure's names is never sent to 127.0.0.1, where a proxy does not look."""
    headers = ws._auth.get_authentication_header() | {"Host": "management.azure.com"}
    described = call("GET", "", headers=headers).json()
    discovery = described["properties"]["discoveryUrl"]
    assert discovery.startswith("https://eastus.api.azureml.ms/discovery/workspaces/")
    body = {"paths": [{"path": "a"}]}
    path = "/artifacts/batch/metadata/LocalUpload/1a"
    answer = call("POST", "artifact/v2.0", path, headers=headers, json=body).json()
    uri = answer["artifactContentInformation"]["a"]["contentUri"]
    assert uri.partition(".")[2].startswith("blob.core.windows.net/azureml/LocalUpload/1a/a?")


def test_environments_are_kept_in_versions(ws):
    """The same content keeps its version, another makes the next, and each can be had again."""
    from azureml.core import Environment

    environment = Environment("group/digits")
    environment.python.conda_dependencies.add_pip_package("joblib==1.4.2")
    assert [environment.register(ws).version for _ in range(2)] == ["1", "1"]
    environment.environment_variables = {"A": "1"}
    assert environment.register(ws).version == "2"
    found = Environment.get(ws, "group/digits")
    assert (found.version, found.environment_variables) == ("2", {"A": "1"})
    first = Environment.get(ws, "group/digits", version="1")
    assert "joblib==1.4.2" in first.python.conda_dependencies.serialize_to_string()
    listed = [each for each in Environment.list(ws) if not each.startswith("AzureML-")]
    assert listed == ["group/digits"]
    with pytest.raises(Exception, match="Code: 404"):
        Environment.get(ws, "other")


def test_a_status_can_be_injected(ws, offline):
    """One call is answered with an error in Azure's shape, and the next as ever."""
    from azureml.core import Model
    from azureml.exceptions import WebserviceException

    fault = Fault("models.create", status=409, code="Conflict", message="not now")
    offline.faults.plant(fault)
    with pytest.raises(WebserviceException, match="Response Code: 409") as caught:
        register(ws)
    assert "not now" in str(caught.value.__context__)  # the SDK's own message leaves the words out
    register(ws)
    assert [model.version for model in Model.list(ws)] == [1]


def test_an_answer_can_be_late(call, offline):
    """The call waits as long as it was told, and is then answered as ever."""
    offline.faults.plant(Fault("models.list", delay_s=0.3))
    started = time.monotonic()
    assert call("GET", MMS, "/models").status_code == 200
    assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize(("after", "models"), [(False, []), (True, ["digits"])])
def test_a_connection_can_be_dropped(call, offline, after, models):
    """Before the work is done, or with it done and only the answer lost."""
    offline.faults.plant(Fault("models.create", drop=True, after=after))
    with pytest.raises(requests.ConnectionError):
        call("POST", MMS, "/models", json={"name": "digits", "url": "http://x", "mimeType": "a"})
    found = call("GET", MMS, "/models").json()["value"]
    assert [model["name"] for model in found] == models


def test_a_tls_connection_can_be_dropped(call, offline):
    """An upload can be cut off as any other call, and works the next time."""
    body = {"paths": [{"path": "a"}]}
    path = "/artifacts/batch/metadata/LocalUpload/1a"
    answer = call("POST", "artifact/v2.0", path, json=body).json()
    uri = answer["artifactContentInformation"]["a"]["contentUri"]
    offline.faults.plant(Fault("blobs.put", drop=True))
    with pytest.raises(requests.ConnectionError):
        requests.put(uri, b"content", timeout=30)
    assert requests.put(uri, b"content", timeout=30).status_code == 201


def test_a_client_that_says_nothing_holds_nobody_up(ws, offline):
    """A connection without a handshake leaves the port for blobs free for others."""
    with socket.create_connection(("127.0.0.1", offline.identity.ports["https"])):
        assert register(ws).version == 1


def test_tls_is_that_of_its_own_authority(offline):
    """Who reads the bundle or its folder trusts it, and nobody else does."""
    address = ("127.0.0.1", offline.identity.ports["https"])
    file, folder = os.environ["SSL_CERT_FILE"], os.environ["REQUESTS_CA_BUNDLE"]
    for where, trusted in (
        ({"cafile": file}, True),
        ({"capath": folder}, True),
        ({"cafile": certifi.where()}, False),
    ):
        context = ssl.create_default_context(**where)
        with socket.create_connection(address) as plain:
            if trusted:
                context.wrap_socket(plain, server_hostname="127.0.0.1").close()
            else:
                with pytest.raises(ssl.SSLCertVerificationError):
                    context.wrap_socket(plain, server_hostname="127.0.0.1")


def test_it_says_nothing_of_its_own(offline, ws, capfd):
    """Requests, refusals, broken ones and drops write no line anywhere."""
    offline.faults.plant(Fault("models.list", drop=True))
    url = f"{offline.endpoint}/modelmanagement/v1.0{offline.identity.path}/models"
    with suppress(requests.ConnectionError):
        requests.get(url, headers=ws._auth.get_authentication_header(), timeout=30)
    requests.get(url, timeout=30)
    for port in offline.identity.ports.values():
        with socket.create_connection(("127.0.0.1", port)) as odd:
            odd.sendall(b"\x16\x03 odd\r\n\r\n")
            odd.recv(1000)
    assert capfd.readouterr() == ("", "")
