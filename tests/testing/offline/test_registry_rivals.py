"""Clients that register models under one name of an offline registry, at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from online_requests import open_online

from modelship.sources import ModelSource
from modelship.sources.registered import register_model
from modelship.testing.offline.document_store import Store
from modelship.workspace.ml_registries import open_ml_registry

MODELS = "azureml://registries/shared/models"


@pytest.fixture(scope="module")
def config(tmp_path_factory, shared_home):
    """Open a workspace with a registry, and return its file."""
    folder = tmp_path_factory.mktemp("rivals") / "offline"
    with open_online(folder, home=shared_home, light=True) as found:
        registries = Store(found.offline.folder).documents("registries")
        registries.put("shared", {"name": "shared", "tags": None, "properties": {}})
        yield found.offline.config_path


def model_of(text, *, file):
    folder = Path(text)
    folder.mkdir()
    (folder / file).write_text(text)
    return ModelSource.open(folder / file).fetch(folder / "fetched")


@pytest.mark.parametrize("files", [["net.bin"] * 4, ["a.bin", "b.bin", "c.bin", "d.bin"]])
def test_each_of_several_models_gets_a_version(config, here, files):
    """Whether their files have one name or not, none is lost."""
    name = files[0].partition(".")[0]
    texts = [f"content {each}" for each in range(len(files))]
    models = [model_of(text, file=file) for text, file in zip(texts, files, strict=True)]

    def register(model):
        return register_model(model, workspace=config, registry="shared", name=name).version

    with ThreadPoolExecutor(len(models)) as pool:
        versions = list(pool.map(register, models))
    assert sorted(versions) == [1, 2, 3, 4]
    for version, text in zip(versions, texts, strict=True):
        source = ModelSource.open(f"{MODELS}/{name}/versions/{version}", workspace=config)
        assert source.fetch(f"out{version}").path.read_text() == text


def test_an_upload_that_broke_leaves_nothing_to_the_next(config, here):
    """Each reservation of a version has a container of its own."""
    models = open_ml_registry("shared", config)._models
    asked = {"assetId": f"{MODELS}/broken/versions/1"}
    path = f"{models.path}/tempdatarefs/broken/versions/1"
    found = [
        models.arm.send("PUT", path, version="2021-10-01-dataplanepreview", body=asked)
        for _ in range(2)
    ]
    first, second = (each["blobReferenceForConsumption"]["blobUri"] for each in found)
    assert first != second
