"""Registries through the real SDK v2, and through modelship, on the offline workspace."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from offline_services import trusting_only

from modelship.sources import ModelSource
from modelship.testing.offline.offline_workspace import OfflineWorkspace

pytest.importorskip("azure.ai.ml")

MODELS = "azureml://registries/shared/models"
CONDA = {"name": "digits", "dependencies": ["python=3.11", {"pip": ["numpy==2.2.0"]}]}


@pytest.fixture(scope="module")
def offline(tmp_path_factory, sdk_home):
    """Open one workspace for all tests of this module: each uses names of its own."""
    folder = tmp_path_factory.mktemp("registries") / "offline"
    with OfflineWorkspace(folder) as workspace, trusting_only(workspace):
        yield workspace


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


def test_modelship_fetches_what_the_sdk_has_registered(offline, registry, folder, monkeypatch):
    """Through the proxy, as it would from Azure."""
    registry.models.create_or_update(model("fetched", folder, version="1"))
    for name, text in offline.environment.items():
        monkeypatch.setenv(name, text)
    monkeypatch.delenv("AZUREML_CURRENT_CLOUD")  # the client's own; here it is Azure's
    found = ModelSource.open(f"{MODELS}/fetched").fetch("outputs")
    assert (found.origin, found.version) == (f"{MODELS}/fetched/versions/1", "1")
    assert files_below(found.path) == files_below(folder)


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
