"""Exported files of a batch endpoint on an offline workspace, over HTTP and with SDK v2."""

from __future__ import annotations

import importlib
import json
import secrets

import pytest
import yaml
from batch_work import BatchWork
from online_requests import open_online

from modelship.bundle import ScoringBundle
from modelship.sources import Model
from modelship.targets.online_endpoint.az_yaml.batch_exporting import export_batch_endpoint
from modelship.testing import offline_bundle

SCRIPT = """
import json, os, pathlib

def init():
    global weight
    weight = int((pathlib.Path(os.environ["AZUREML_MODEL_DIR"]) / "weight.txt").read_text())

def run(raw_data):
    return [weight * row[0] for row in json.loads(raw_data)["data"]]
"""


@pytest.fixture(scope="module")
def online(tmp_path_factory, shared_home):
    """Return a workspace."""
    with open_online(tmp_path_factory.mktemp("exported") / "offline", home=shared_home) as found:
        yield found


@pytest.fixture
def exported(tmp_path):
    """Return the exported folder of a bundle."""
    (tmp_path / "weight.txt").write_text("7")
    (tmp_path / "score.py").write_text(SCRIPT)
    bundle = ScoringBundle(
        Model.read(tmp_path / "weight.txt"),
        entry_script=tmp_path / "score.py",
        environment=["six==1.16.0"],
        sample_input={"data": [[1]]},
    )
    options = {"azure_packages": False, "compute": "cpu"}
    return export_batch_endpoint(
        offline_bundle(bundle), tmp_path / "out", name="exported", options=options
    ).folder


def code_of(online, folder):
    """Upload the folder of the code; return its id."""
    name = secrets.token_hex(4)
    prefix = f"LocalUpload/{name}/code/"
    for each in folder.iterdir():
        place = online.offline._shared.store.new_blob(prefix + each.name)
        place.write_bytes(each.read_bytes())
    document = {"name": name, "version": "1", "prefix": prefix, "properties": {}}
    return online.asset("codes", name, document)


def model_of(online, file):
    """Register a model of one file; return its id."""
    store, path = online.offline._shared.store, f"LocalUpload/model/{file.name}"
    store.new_blob(path).write_bytes(file.read_bytes())
    store.documents("assets").put("weight", {"id": "weight", "artifacts": [{"prefix": path}]})
    document = {"id": "weight:1", "name": "weight", "version": 1, "url": "aml://asset/weight"}
    document |= {"createdTime": "2026-01-01T00:00:00Z", "kvTags": {}, "properties": {}}
    return online.asset("models", "weight", document | {"datasets": [], "v2": {}})


def test_the_rows_of_files_are_scored(online, exported):
    """By the batch deployment as it is written, with the answers of run()."""
    batch = BatchWork(online, "exported")
    batch.create()
    given = yaml.safe_load((exported / "deployment.yml").read_text())["settings"]
    code, model = (
        code_of(online, exported / "code"),
        model_of(online, exported / "model/weight.txt"),
    )
    deployment = batch.deploy(
        codeConfiguration={"codeId": code, "scoringScript": "batch_driver.py"},
        model={"referenceType": "Id", "assetId": model},
        miniBatchSize=given["mini_batch_size"],
        outputFileName=given["output_file_name"],
        errorThreshold=given["error_threshold"],
    )
    uri = batch.upload(**{"a.csv": "x\n1\n2\n", "b.csv": "x\n3\n"})
    run, _child = batch.wait(batch.start(deployment, uri))
    assert run["status"] == "Completed", run["error"]
    lines = batch.output(run)["predictions.jsonl"].splitlines()
    assert [json.loads(each)["prediction"] for each in lines] == [7, 14, 21]


@pytest.mark.long  # in the gate: test_the_rows_of_files_are_scored
def test_the_sdk_deploys_the_files(online, exported, tmp_path):
    """It reads them as az ml does, installs the environment, and its jobs score the rows."""
    ml = pytest.importorskip("azure.ai.ml")
    client = online.offline.ml_client()
    client.compute.begin_create_or_update(ml.entities.AmlCompute(name="cpu", size="s")).result()
    endpoint = ml.load_batch_endpoint(exported / "endpoint.yml")
    client.batch_endpoints.begin_create_or_update(endpoint).result()
    # The public function does not read `type: model`, which az ml and Azure's examples have.
    loading = importlib.import_module("azure.ai.ml.entities._load_functions")
    deployment = loading.load_model_batch_deployment(exported / "deployment.yml")
    client.batch_deployments.begin_create_or_update(deployment).result()
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.csv").write_text("x\n1\n2\n")
    given = ml.Input(type="uri_folder", path=str(tmp_path / "in"))
    invoke = client.batch_endpoints.invoke
    job = invoke("exported", deployment_name=deployment.name, input=given).name
    client.jobs.stream(job)
    client.jobs.download(job, download_path=tmp_path, output_name="score")
    [found] = tmp_path.rglob("predictions.jsonl")
    assert [json.loads(each)["prediction"] for each in found.read_text().splitlines()] == [7, 14]
