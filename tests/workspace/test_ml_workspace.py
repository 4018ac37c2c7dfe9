"""A workspace through azure-ai-ml and plain requests, on the offline one, with the real SDK."""

import json
import os

import pytest
from scripted_http import scripted
from test_ml_registries import discovery, listed, registry_at, version

import modelship as ms
from modelship.errors import (
    InvalidOptionError,
    ModelNotFoundError,
    WorkspaceNotFoundError,
    WorkspaceRequestError,
    WorkspaceUnreachableError,
)
from modelship.testing import OfflineWorkspace
from modelship.workspace._ml_client import _metadata, _plain_policy, adopt_client
from modelship.workspace.clouds import Cloud
from modelship.workspace.ml_workspace import MlWorkspace, open_ml

CONDA = "name: e\ndependencies:\n- python=3.11\n"
IMAGE = "mcr.microsoft.com/azureml/minimal-ubuntu22.04-py39-cpu-inference"


@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    with OfflineWorkspace(tmp_path_factory.mktemp("workspace")) as offline:
        yield offline


@pytest.fixture(scope="module")
def workspace(offline):
    return open_ml(offline.config_path)


@pytest.fixture
def folder(tmp_path):
    """Return a folder with two files, one of them below."""
    (tmp_path / "net" / "sub dir").mkdir(parents=True)
    (tmp_path / "net" / "weights").write_bytes(b"w")
    (tmp_path / "net" / "sub dir" / "more").write_bytes(b"m" * 1000)
    return tmp_path / "net"


def test_models_of_one_sdk_are_those_of_the_other(workspace, offline, folder, tmp_path):
    """A folder that v2 registers is listed and fetched by v1, and the other way round."""
    told = {"tags": {"a": "b"}, "properties": {"c": "d"}}
    second = workspace.register(folder, name="both", kind="mlflow_model", **told)
    first = ms.Workspace.open(offline.config_path).register(folder, name="both", **told)
    assert (second.model_id, second.kind, first.model_id) == ("both:1", "mlflow_model", "both:2")
    assert [each.model_id for each in workspace.models("both")] == ["both:2", "both:1"]
    for opened, model in ((workspace, first), (ms.Workspace.open(offline.config_path), second)):
        assert opened.model(model.name, model.version).tags == {"a": "b"}
        arrived = tmp_path / type(opened).__name__
        arrived.mkdir()
        opened.download(model.model_id, arrived)
        assert (arrived / "net" / "sub dir" / "more").read_bytes() == b"m" * 1000


def test_a_model_is_found_by_its_properties_and_changed_by_its_tags(workspace, folder):
    """Tags are added to those there; a missing model names what there is."""
    made = workspace.register(folder / "weights", name="one", tags={"x": "1"},
                              properties={"p": "q"}, framework="Custom")  # fmt: skip
    workspace.tag(made.model_id, {"y": "2"})
    [found] = workspace.models("one", properties={"p": "q"})
    assert (dict(found.tags), found.framework) == ({"x": "1", "y": "2"}, "Custom")
    assert workspace.models("one", properties={"p": "other"}) == []
    with pytest.raises(ModelNotFoundError, match="Models there: one:1"):
        workspace.model("one", 9)
    workspace.delete(made.model_id)
    assert workspace.models("one") == []


def test_environments_and_code_are_found_again(workspace, folder):
    """The version and the digest are given, so the second time they are there."""
    assert workspace.environment("e", "1a") is workspace.code("1a" * 32) is None
    for _ in range(2):
        workspace.put_environment("e", "1a", image=IMAGE, conda_file=CONDA, tags={"k": "v"})
    found = workspace.environment("e", "1a")["properties"]
    assert (found["image"], found["tags"]) == (IMAGE, {"k": "v"})
    assert "python=3.11" in found["condaFile"]
    assert workspace.put_code(folder, "1a" * 32) == workspace.code("1a" * 32)
    with pytest.raises(WorkspaceRequestError, match="409") as caught:
        workspace.put_environment("e", "1a", image=IMAGE, conda_file=f"{CONDA}- pip\n")
    assert "another version" in caught.value.hint


def test_nothing_is_left_in_the_process(workspace, folder, capfd):
    """No call prints, and the variables of the SDK are as before."""
    before = dict(os.environ)
    workspace.register(folder, name="quiet", tags={}, properties={})
    workspace.put_environment("quiet", "1", image=IMAGE)
    assert capfd.readouterr() == ("", "")
    assert dict(os.environ) == before


def test_a_check_of_the_sdk_is_one_line(workspace):
    """What the SDK refuses by itself comes without colors and frames."""
    with pytest.raises(WorkspaceRequestError) as caught:
        workspace.put_environment("e", "2", image=IMAGE, conda_file="- : {not yaml")
    assert "\x1b" not in str(caught.value)
    assert len(caught.value.message.splitlines()) == 1


@pytest.mark.filterwarnings("ignore")  # of the SDK's own imports
def test_open_ml_takes_what_there_is(workspace, monkeypatch):
    """An open workspace or an MLClient; other objects, and a wrong name, are refused."""
    from azure.ai.ml import MLClient

    monkeypatch.setenv("AZUREML_CURRENT_CLOUD", "AzureCloud")  # the SDK replaces it
    assert open_ml(workspace) is workspace
    client = MLClient(object(), "s", "g", "w", cloud="AzureUSGovernment")
    adopted = adopt_client(client)
    assert adopted.location.uri == "azureml://subscriptions/s/resourceGroups/g/workspaces/w"
    assert Cloud.at(adopted.resource_manager).name == "AzureUSGovernment"
    with pytest.raises(InvalidOptionError, match="MLClient"):
        open_ml(3)
    location = workspace.location
    wrong = type(location)(location.subscription_id, "none", "none", location.offline)
    with pytest.raises(WorkspaceNotFoundError):
        MlWorkspace(wrong, workspace._cloud, workspace._token).open()


@pytest.mark.filterwarnings("ignore")  # of the SDK's own imports
def test_a_client_of_the_sdk_is_enough(offline, tmp_path):
    """Register and fetch with an MLClient that is open, wherever it leads."""
    (tmp_path / "weights.bin").write_bytes(b"by a client")
    model = ms.Model.read(tmp_path / "weights.bin", name="by-client")
    client = offline.ml_client()
    assert ms.register_model(model, workspace=client).model_id == "by-client:1"
    assert client.models.get("by-client", "1").properties["modelship.sha256"] == model.digest
    source = ms.ModelSource.open("azureml:by-client@latest", workspace=client)
    assert source.fetch(tmp_path / "down").digest == model.digest


def test_a_closed_workspace_is_named_at_once(tmp_path):
    """Opening it and calling it say how to start it."""
    with OfflineWorkspace(tmp_path / "w") as offline:
        opened = open_ml(offline.config_path)
    for call in (lambda: open_ml(offline.config_path), opened.models):
        with pytest.raises(WorkspaceUnreachableError) as caught:
            call()
        assert "modelship azureml-offline --folder" in caught.value.hint


@pytest.mark.filterwarnings("ignore")  # of the SDK's own imports
def test_an_endpoint_is_written_as_the_sdk_writes_it(workspace, offline):
    """The same endpoint through the SDK and through a request is the same document."""
    from azure.ai.ml.entities import ManagedOnlineEndpoint

    tags = {"a": "b"}
    endpoint = ManagedOnlineEndpoint(
        name="by-sdk", auth_mode="aml_token", tags=tags, description="d"
    )
    client = offline.ml_client(polling_interval=0)
    client.online_endpoints.begin_create_or_update(endpoint).result()
    said = {"authMode": "AMLToken", "description": "d", "publicNetworkAccess": "Enabled"}
    ours = {"identity": {"type": "SystemAssigned"}, "tags": tags, "properties": said}
    workspace.put_endpoint("by-us", ours)
    found = [workspace.endpoint(name) for name in ("by-sdk", "by-us")]
    for each in found:
        for name in ("scoringUri", "swaggerUri", "properties"):
            each["properties"].pop(name)
    kept = ("kind", "location", "tags", "properties")
    assert len({json.dumps({name: each[name] for name in kept}) for each in found}) == 1
    assert client.online_endpoints.get("by-us").auth_mode == "aml_token"


def asked_of_a_registry(fetch):
    """Return what a fetch of a model asks a registry, until it looks for the files."""
    document = version(10) | {"id": "azureml://registries/shared/models/net/versions/10"}
    document["properties"] |= {"flavors": {}, "modelType": "custom_model"}
    with scripted(*[None] * 4) as (url, asked, script):
        given = {"credential": {"credentialType": "SAS", "sasUri": f"{url}/container?sig=s"}}
        reference = (200, {}, {"blobReferenceForConsumption": given})
        script[:] = [discovery(url), (200, {}, document), reference, listed("none")]
        fetch(url)
    return [(method, path, json.loads(body or "{}")) for method, path, _, body in asked[:3]]


@pytest.mark.filterwarnings("ignore")  # of the SDK's own imports
def test_a_registry_is_asked_as_the_sdk_asks_it(tmp_path, monkeypatch):
    """The requests of a download are those of azure-ai-ml, with the same versions and bodies."""
    from azure.ai.ml import MLClient
    from azure.core.exceptions import HttpResponseError

    monkeypatch.setenv("AZUREML_CURRENT_CLOUD", "AzureCloud")  # the SDK replaces it

    def ours(url):
        with pytest.raises(WorkspaceRequestError, match="no files"):
            registry_at(url).download("net:10", tmp_path)

    def theirs(url):
        cloud = Cloud("Registries", url, "https://ml.azure.com", "core.windows.net", url)
        client = MLClient(
            object(), "s", "g", registry_name="shared", cloud=cloud.name, retry_total=0,
            cloud_metadata=_metadata(cloud), authentication_policy=_plain_policy(str),
        )  # fmt: skip
        with pytest.raises(HttpResponseError):  # it looks for the files in another way
            client.models.download("net", "10", download_path=tmp_path)

    assert asked_of_a_registry(ours) == asked_of_a_registry(theirs)


@pytest.mark.filterwarnings("ignore")  # of the SDK's own imports
def test_the_sizes_of_machines_are_those_that_the_sdk_lists(offline, workspace):
    """In the region of the workspace."""
    theirs = [each.name for each in offline.ml_client().compute.list_sizes()]
    assert workspace.machine_sizes() == (offline.identity.location, theirs)
    assert "Standard_DS3_v2" in theirs
