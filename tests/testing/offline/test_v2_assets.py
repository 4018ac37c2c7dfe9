"""Models, environments, code and data through the real SDK v2, and what SDK v1 sees of them."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from offline_services import trusting_only

from modelship.sources import ModelSource
from modelship.testing.offline.offline_workspace import OfflineWorkspace
from modelship.testing.offline.v2.arm_ids import (
    V2,
    code_files,
    code_version,
    environment_version,
    model_version,
)

pytest.importorskip("azure.ai.ml")

CONDA = {"name": "digits", "dependencies": ["python=3.11", {"pip": ["numpy==2.2.0"]}]}
HERE = "azureml://datastores/workspaceblobstore/paths/"


def files_below(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def offline(tmp_path_factory, sdk_home):
    """Open one workspace for all tests of this module: each uses names of its own."""
    folder = tmp_path_factory.mktemp("v2") / "offline"
    with OfflineWorkspace(folder) as workspace, trusting_only(workspace):
        yield workspace


@pytest.fixture(scope="module")
def client(offline):
    return offline.ml_client()


@pytest.fixture
def stored(offline):
    """Return a function that gives the stored blobs, each with the time of its upload."""

    def blobs():
        places = (offline.folder / "containers").rglob("*")
        return {each: each.stat().st_mtime_ns for each in places if each.is_file()}

    return blobs


@pytest.fixture
def model_file(here):
    path = here / "model.pkl"
    path.write_bytes(os.urandom(10_000))
    return path


@pytest.fixture
def model_folder(here):
    folder = here / "digits"
    (folder / "parts").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "parts" / "weights.bin").write_bytes(os.urandom(1000))
    return folder


def registered(client, name, path, **options):
    from azure.ai.ml.entities import Model

    return client.models.create_or_update(Model(name=name, path=str(path), **options))


def environment(client, name, **options):
    from azure.ai.ml.entities import Environment

    return client.environments.create_or_update(Environment(name=name, **options))


def test_a_file_comes_back_byte_for_byte(client, model_file):
    """What was registered under a name is what a download by that name brings."""
    found = registered(client, "file", model_file, tags={"data": "digits"}, description="a file")
    assert (found.version, found.type, found.tags) == ("1", "custom_model", {"data": "digits"})
    client.models.download("file", "1", download_path="out")
    assert files_below("out") == {"file/model.pkl": model_file.read_bytes()}


def test_a_folder_keeps_its_files_and_is_uploaded_once(client, model_folder, stored):
    """A second model of the same folder sends no file again."""
    registered(client, "folder", model_folder, type="mlflow_model")
    before = stored()
    assert registered(client, "other-folder", model_folder).version == "1"
    assert stored() == before
    client.models.download("other-folder", "1", download_path="out")
    assert files_below("out/other-folder/digits") == files_below(model_folder)
    assert client.models.get("folder", version="1").type == "mlflow_model"


@pytest.mark.long
def test_a_large_file_goes_up_in_blocks(client, here):
    """A file above the 64 MiB that the SDK sends at once is put together from its blocks."""
    content = os.urandom(1 << 20) * 65
    (here / "large.bin").write_bytes(content)
    registered(client, "large", "large.bin")
    client.models.download("large", "1", download_path="out")
    assert Path("out/large/large.bin").read_bytes() == content


def test_a_path_in_a_datastore_is_registered_without_an_upload(client, offline, model_file, stored):
    """Its files must be there; the version counts up, and the latest is the last one."""
    from azure.core.exceptions import HttpResponseError

    path = registered(client, "uri", model_file).path
    before = stored()
    again = registered(client, "uri", HERE + path.partition("/paths/")[2])
    assert (again.version, again.path, stored()) == ("2", path, before)
    assert client.models.get("uri", label="latest").version == "2"
    with pytest.raises(HttpResponseError, match="There is no file at nothing/model.pkl"):
        registered(client, "uri", f"{HERE}nothing/model.pkl")


@pytest.mark.long
def test_what_is_archived_is_not_listed(client, model_file):
    """A version, or a whole model; it is listed again when it is restored, with its tags."""
    for _ in range(2):
        registered(client, "archived", model_file, tags={"kept": "yes"})
    client.models.archive("archived", version="1")
    assert [each.version for each in client.models.list("archived")] == ["2"]
    client.models.restore("archived", version="1")
    assert [each.version for each in client.models.list("archived")] == ["2", "1"]
    client.models.archive("archived")
    assert "archived" not in [each.name for each in client.models.list()]
    assert client.models.get("archived", version="1").tags == {"kept": "yes"}


def test_a_version_keeps_its_files_and_changes_its_tags(client, model_file, here):
    """Another file under the same version is refused."""
    from azure.core.exceptions import ResourceExistsError

    registered(client, "fixed", model_file, version="7", tags={"a": "1"})
    (here / "other.pkl").write_bytes(b"other")
    with pytest.raises(ResourceExistsError, match="its path cannot be changed"):
        registered(client, "fixed", "other.pkl", version="7")
    found = client.models.get("fixed", version="7")
    found.tags = {"b": "2"}
    assert client.models.create_or_update(found).tags == {"b": "2"}
    assert registered(client, "fixed", "other.pkl").version == "8"


def test_each_sdk_finds_the_models_of_the_other(client, offline, model_file, here):
    """By name and version, with the same files; modelship's source takes both."""
    from azureml.core import Model as Old

    registered(client, "shared", model_file, properties={"made": "by v2"})
    (here / "old.pkl").write_bytes(b"of SDK v1")
    ws = offline.workspace()
    assert Old.register(ws, "old.pkl", "shared", tags={"made": "by v1"}).version == 2
    assert Path(Old(ws, "shared", version=1).download("v1")).read_bytes() == model_file.read_bytes()
    assert Old(ws, "shared", version=1).properties == {"made": "by v2"}
    assert client.models.get("shared", version="2").tags == {"made": "by v1"}
    client.models.download("shared", "2", download_path="v2")
    assert files_below("v2") == {"shared/old.pkl": b"of SDK v1"}


@pytest.mark.long
def test_the_source_takes_a_model_of_sdk_v2(client, offline, here):
    """With its tags and its type, by ``azureml:NAME``."""
    with (here / "model.pkl").open("wb") as file:
        pickle.dump({"a": 1}, file)
    registered(client, "source", "model.pkl", tags={"made": "by v2"})
    source = ModelSource.open("azureml:source", workspace=offline.config_path)
    assert source.fetch("fetched").version == "1"
    assert files_below("fetched")["model.pkl"] == (here / "model.pkl").read_bytes()


def test_an_environment_is_the_same_again_or_the_next_version(client, offline):
    """Without a version the SDK overwrites the latest; other content gets the next number."""
    from azure.core.exceptions import ResourceExistsError

    found = [
        environment(client, "env", image="base", conda_file=conda).version
        for conda in (CONDA, CONDA, {**CONDA, "dependencies": ["python=3.12"]})
    ]
    assert found == ["1", "1", "2"]
    with pytest.raises(ResourceExistsError, match="register another version"):
        environment(client, "env", version="1", image="another")
    read = client.environments.get("env", version="1")
    assert (read.image, read.conda_file) == ("base", CONDA)


def test_each_sdk_finds_the_environments_of_the_other(client, offline):
    """With the packages; a version of one SDK is not given again by the other."""
    from azureml.core import Environment as Old

    environment(client, "both", version="3", image="base", conda_file=CONDA)
    ws = offline.workspace()
    old = Old.get(ws, "both", version="3")
    assert "numpy==2.2.0" in old.python.conda_dependencies.serialize_to_string()
    new = Old("both")
    new.python.conda_dependencies.add_pip_package("pandas")
    assert new.register(ws).version == "4"
    assert "pandas" in str(client.environments.get("both", version="4").conda_file)
    path = f"{offline.identity.path}/environments/both/versions/4"
    assert "pandas" in environment_version(offline._shared.store, path)[V2]["condaFile"]


def test_the_same_code_is_stored_once(client, offline, here, stored):
    """The SDK finds it by its content, under another name, and uploads nothing."""
    from azure.ai.ml.entities import CodeConfiguration  # noqa: F401 - loads what _code needs
    from azure.ai.ml.entities._assets import Code

    (here / "src").mkdir()
    (here / "src" / "score.py").write_text("def init(): ...\n")
    (here / "src" / "data.txt").write_text("x")
    first = client._code.create_or_update(Code(path=str(here / "src")))
    before = stored()
    again = client._code.create_or_update(Code(path=str(here / "src")))
    assert (again.id, stored()) == (first.id, before)
    code = code_version(offline._shared.store, first.id)
    assert sorted(code_files(offline._shared.store, code)) == ["src/data.txt", "src/score.py"]


def test_data_is_a_name_for_a_path(client, offline):
    """As the data collector of a deployment registers it."""
    from azure.ai.ml.entities import Data

    path = f"{HERE}modelDataCollector/svc/blue/inputs"
    client.data.create_or_update(Data(name="inputs", version="1", path=path, type="uri_folder"))
    found = client.data.get("inputs", version="1")
    assert (found.type, found.path) == ("uri_folder", path)
    assert [each.name for each in client.data.list()] == ["inputs"]


def test_the_datastores_are_those_of_the_workspace(client):
    """The default one is the blob container that models are uploaded to."""
    names = [each.name for each in client.datastores.list()]
    assert names == ["workspaceblobstore", "workspaceartifactstore", "workspacefilestore"]
    assert client.datastores.get_default().name == "workspaceblobstore"
    assert client.workspaces.get().location == "eastus"


def test_what_is_not_there_is_named(client, offline):
    """By the SDK's own error for a missing resource; another workspace is not found either."""
    from azure.core.exceptions import ResourceNotFoundError

    for find in (client.models.get, client.environments.get):
        with pytest.raises(ResourceNotFoundError, match="There is no nothing:1 among the"):
            find("nothing", version="1")
    other = offline.ml_client()
    other._operation_scope._workspace_name = "other"
    with pytest.raises(ResourceNotFoundError, match="workspaces/other"):
        other.datastores.get("workspaceblobstore")
    assert model_version(offline._shared.store, "/subscriptions/x") is None


def test_the_number_of_a_deleted_version_is_not_used_again(client, offline, model_file):
    """The resource manager deletes a version; SDK v2 itself only archives."""
    assert [registered(client, "deleted", model_file).version for _ in range(2)] == ["1", "2"]
    url = f"{offline.endpoint}{offline.identity.path}/models/deleted/versions/2"
    headers = {"Authorization": f"Bearer {offline._shared.access.token(lifetime_s=60)}"}
    found = [requests.delete(url, headers=headers, timeout=30).status_code for _ in range(2)]
    assert found == [200, 204]
    assert registered(client, "deleted", model_file).version == "3"


PROGRAM = """
from azure.ai.ml import MLClient
from azure.identity import DefaultAzureCredential
from azure.ai.ml.entities import Model

client = MLClient.from_config(DefaultAzureCredential())
assert client.models.create_or_update(Model(name="proxied", path="model.pkl")).version == "1"
client.models.download("proxied", "1", download_path="out")
"""


@pytest.mark.long
def test_a_program_finds_it_in_place_of_azure(offline, model_file, here):
    """Unmodified, with the variables of environment.sh: through the proxy, by Azure's own hosts."""
    (here / "config.json").write_bytes(offline.config_path.read_bytes())
    environ = {**os.environ, **offline.environment}
    program = [sys.executable, "-c", PROGRAM]
    subprocess.run(program, env=environ, check=True, capture_output=True, timeout=120)
    assert files_below("out") == {"proxied/model.pkl": model_file.read_bytes()}
    assert offline.refused == []
