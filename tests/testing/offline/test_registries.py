"""Registries through the real SDK v2, and through modelship, on the offline workspace."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
import yaml
from online_requests import open_online

from modelship.sources import ModelSource
from modelship.sources.registered import register_model
from modelship.targets.online_endpoint.az_yaml.az_settings import read_files, settings_of
from modelship.testing.offline.document_store import Store
from modelship.testing.offline.registries.registry_store import model_document, model_place
from modelship.testing.offline.v2.arm_ids import model_version
from modelship.workspace.ml_workspace import open_ml

pytest.importorskip("azure.ai.ml")

MODELS = "azureml://registries/shared/models"
ENVIRONMENTS = "azureml://registries/shared/environments"
CONDA = {"dependencies": [f"python={sys.version_info[0]}.{sys.version_info[1]}",
         {"pip": ["azureml-inference-server-http"]}]}  # fmt: skip
DEPLOYMENT = f"""
name: blue
endpoint_name: of-registry
model: {MODELS}/deployed/versions/3
environment: {ENVIRONMENTS}/server/labels/latest
code_configuration: {{code: src, scoring_script: score.py}}
instance_type: Standard_DS3_v2
instance_count: 1
"""
SCORE = """
import os, pathlib

def init():
    global folder
    folder = pathlib.Path(os.environ["AZUREML_MODEL_DIR"])

def run(raw_data):
    return [str(folder)[-11:], *sorted(each.name for each in folder.rglob("*.*"))]
"""


@pytest.fixture(scope="module")
def online(tmp_path_factory, shared_home):
    """Open one workspace for all tests of this module: each uses names of its own."""
    folder = tmp_path_factory.mktemp("registries") / "offline"
    with open_online(folder, home=shared_home, light=True) as found:
        yield found


@pytest.fixture(scope="module")
def offline(online):
    return online.offline


@pytest.fixture(scope="module")
def client(offline):
    """Return a client of the workspace, which has created the registry."""
    from azure.ai.ml.entities import Registry

    client = offline.ml_client()
    wanted = Registry(name="shared", location="eastus", replication_locations=[])
    assert client.registries.begin_create(wanted).result().name == "shared"
    return client


@pytest.fixture(scope="module")
def registry(offline, client):
    return offline.ml_client(registry_name="shared")


@pytest.fixture
def folder(here):
    (here / "digits" / "parts").mkdir(parents=True)
    (here / "digits" / "config.json").write_text("{}")
    (here / "digits" / "parts" / "weights.bin").write_bytes(os.urandom(1000))
    return here / "digits"


def files_below(folder):
    files = [each for each in Path(folder).rglob("*") if each.is_file()]
    return {str(each.relative_to(folder)): each.read_bytes() for each in files}


def model(name, path, **options):
    from azure.ai.ml.entities import Model

    return Model(name=name, path=str(path), **options)


def write_deployment():
    Path("src").mkdir()
    Path("src", "score.py").write_text(SCORE)
    Path("blue.yml").write_text(DEPLOYMENT)


def kept_model(offline, name):
    """Return what was registered of the first version of a model, without what differs by name."""
    file = offline.folder / "documents" / "registries" / "shared" / "models" / f"{name}%3A1.json"
    found = json.loads(file.read_text())
    for field in ("id", "name", "createdTime", "modifiedTime", "url"):
        found.pop(field)
    found["v2"]["modelUri"] = found["v2"]["modelUri"].rpartition("/")[2]
    return found


def test_a_model_goes_to_a_registry_and_comes_back(registry, folder):
    """A folder and a file, with versions of the registry's own; the latest is the last one."""
    first = registry.models.create_or_update(model("net", folder, version="1", tags={"a": "b"}))
    assert (first.id, first.tags) == (f"{MODELS}/net/versions/1", {"a": "b"})
    second = registry.models.create_or_update(model("net", folder / "config.json"))
    assert registry.models.get("net", label="latest").id == second.id == f"{MODELS}/net/versions/2"
    assert [each.version for each in registry.models.list("net")] == ["2", "1"]
    assert "net" in [each.name for each in registry.models.list()]
    for version in ("1", "2"):
        registry.models.download("net", version, download_path=f"out{version}")
    assert files_below("out1/net/digits") == files_below(folder)
    assert files_below("out2") == {"net/config.json": b"{}"}


@pytest.mark.long
def test_modelship_fetches_what_the_sdk_has_registered(offline, registry, folder, monkeypatch):
    """Through the proxy, as it would from Azure."""
    registry.models.create_or_update(model("fetched", folder, version="1"))
    for name, text in offline.environment.items():
        monkeypatch.setenv(name, text)
    monkeypatch.delenv("AZUREML_CURRENT_CLOUD")  # the client's own; here it is Azure's
    found = ModelSource.open(f"{MODELS}/fetched").fetch("outputs")
    assert (found.origin, found.version) == (f"{MODELS}/fetched/versions/1", "1")
    assert files_below(found.path) == files_below(folder)


def test_the_latest_is_the_last_one_created(offline, registry, folder):
    """For the SDK, a deployment and modelship; an archived one is found by its number only."""
    for version in ("5", "3"):
        registry.models.create_or_update(model("aged", folder, version=version))
    register_model(  # the same content: a change of tags makes no version the latest
        ModelSource.open(f"{MODELS}/aged/versions/5", workspace=registry).fetch("five"),
        workspace=registry, name="aged", tags={"a": "b"},
    )  # fmt: skip
    store = Store(offline.folder)

    def latest():
        ours = ModelSource.open(f"{MODELS}/aged/labels/latest", workspace=registry)
        resolved = model_version(store, f"{MODELS}/aged/labels/latest")
        by_sdk = registry.models.get("aged", label="latest").version
        return {by_sdk, str(resolved["version"]), ours.fetch("latest").version}

    assert latest() == {"3"}
    registry.models.archive("aged", version="3")
    shutil.rmtree("latest")
    assert latest() == {"5"}
    archived = ModelSource.open(f"{MODELS}/aged/versions/3", workspace=registry)
    assert files_below(archived.fetch("three").path) == files_below(folder)


def test_an_environment_of_a_registry_keeps_its_content(registry):
    """It is registered, read and listed; the workspace's own names are not among them."""
    from azure.ai.ml.entities import Environment

    wanted = Environment(name="env", version="1", image="python:3.11", conda_file=CONDA)
    found = registry.environments.create_or_update(wanted)
    assert found.id == "azureml://registries/shared/environments/env/versions/1"
    assert registry.environments.get("env", version="1").conda_file == CONDA
    assert [each.name for each in registry.environments.list()] == ["env"]


def test_a_registry_that_does_not_exist_is_not_found(offline, client):
    """Discovery has no such registry; neither has its region."""
    from azure.core.exceptions import ResourceNotFoundError

    with pytest.raises(ResourceNotFoundError, match="registry 'absent' was not found"):
        offline.ml_client(registry_name="absent")


@pytest.mark.long
def test_a_registry_is_listed_until_it_is_deleted(client, offline, folder):
    """Its assets go with it; another registry by that name is empty."""
    from azure.ai.ml.entities import Registry
    from azure.core.exceptions import ResourceNotFoundError

    wanted = Registry(name="brief", location="eastus", replication_locations=[])
    client.registries.begin_create(wanted).result()
    brief = offline.ml_client(registry_name="brief")
    brief.models.create_or_update(model("net", folder, version="1"))
    assert "brief" in [each.name for each in client.registries.list()]
    client.registries.begin_delete(name="brief").result()
    with pytest.raises(ResourceNotFoundError):
        client.registries.get("brief")
    client.registries.begin_create(wanted).result()
    assert list(offline.ml_client(registry_name="brief").models.list()) == []


def test_a_model_of_the_workspace_is_shared(client, registry, folder):
    """It is copied: with the same files and tags, under another name and version."""
    client.models.create_or_update(model("own", folder, tags={"a": "b"}, type="mlflow_model"))
    found = client.models.share(
        "own", "1", share_with_name="common", share_with_version="7", registry_name="shared"
    )
    assert (found.id, found.tags) == (f"{MODELS}/common/versions/7", {"a": "b"})
    assert registry.models.get("common", version="7").type == "mlflow_model"
    registry.models.download("common", "7", download_path="out")
    assert files_below("out/common/digits") == files_below(folder)
    with pytest.raises(Exception, match="already exists in registry"):
        client.models.share(
            "own", "1", share_with_name="common", share_with_version="7", registry_name="shared"
        )


def test_an_environment_of_the_workspace_is_shared(client, registry):
    """With its content."""
    from azure.ai.ml.entities import Environment

    wanted = Environment(name="own", version="1", image="python:3.11", conda_file=CONDA)
    client.environments.create_or_update(wanted)
    client.environments.share(
        "own", "1", share_with_name="common", share_with_version="2", registry_name="shared"
    )
    assert registry.environments.get("common", version="2").conda_file == CONDA


@pytest.mark.long
def test_a_deployment_runs_what_a_registry_has(online, client, registry, folder):
    """Its file names a model and an environment of the registry, which the workspace lacks."""
    from azure.ai.ml import load_online_deployment
    from azure.ai.ml.entities import Environment

    registry.models.create_or_update(model("deployed", folder, version="3"))
    wanted = Environment(name="server", version="1", image="python:3.11", conda_file=CONDA)
    registry.environments.create_or_update(wanted)
    write_deployment()
    online.endpoint("of-registry")
    deployment = client.online_deployments.begin_create_or_update(
        load_online_deployment("blue.yml")
    ).result()
    assert deployment.model == f"{MODELS}/deployed/versions/3"
    answer = online.ask("of-registry", **{"azureml-model-deployment": "blue"})
    assert answer.json() == ["/deployed/3", "config.json", "weights.bin"]
    assert list(client.models.list("deployed")) == []


def test_modelship_registers_as_the_sdk_does(offline, registry, folder):
    """The documents are equal; the same content is not registered twice, and keeps its tags."""
    source = ModelSource.open(folder).fetch("fetched")
    ours = register_model(source, workspace=registry, name="ours", tags={"a": "b"})
    registry.models.create_or_update(
        model("theirs", folder, version="1", tags={"a": "b"}, properties=dict(ours.properties))
    )
    by_us, by_sdk = (kept_model(offline, name) for name in ("ours", "theirs"))
    assert by_us == by_sdk
    config = offline.config_path
    again = register_model(source, workspace=config, registry="shared", name="ours", tags={"c": ""})
    assert (again.uri, dict(again.tags)) == (f"{MODELS}/ours/versions/1", {"a": "b", "c": ""})
    found = ModelSource.open(f"{MODELS}/ours", workspace=config).fetch("outputs")
    assert (found.digest, found.origin) == (source.digest, again.uri)


@pytest.mark.long
def test_modelship_reads_a_deployment_of_what_a_registry_has(offline, registry, folder):
    """A file of az ml gives the model, and the packages of the environment, in that workspace."""
    from azure.ai.ml.entities import Environment

    registry.models.create_or_update(model("read", folder, version="3"))
    wanted = Environment(name="packages", version="1", image="python:3.11", conda_file=CONDA)
    registry.environments.create_or_update(wanted)
    shutil.copy(offline.config_path, "config.json")
    write_deployment()
    text = Path("blue.yml").read_text().replace("/server/", "/packages/")
    Path("blue.yml").write_text(text.replace("/deployed/", "/read/"))
    found = settings_of(
        read_files([Path("blue.yml")]), target="process", scratch=Path(), open_workspace=open_ml
    )
    assert yaml.safe_load(Path(found["environment"]).read_text()) == CONDA
    assert files_below(ModelSource.open(found["model"]).fetch("out").path) == files_below(folder)


def test_a_reference_to_a_registry_is_resolved(offline, registry, folder):
    """A deployment finds the model by its version or label, and gives it a folder by its name."""
    registry.models.create_or_update(model("referred", folder, version="5"))
    store = Store(offline.folder)
    for end in ("versions/5", "labels/latest"):
        found = model_version(store, f"{MODELS}/referred/{end}")
        assert model_document(store, found["id"]) == found
        assert model_place(found["id"]) == ("referred", "5")
    absent = f"{MODELS}/referred/versions/6".replace("shared", "absent")
    for other in (absent, f"{MODELS}/referred/versions/6"):
        assert model_version(store, other) is None
