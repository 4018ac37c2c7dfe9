"""The unmodified SDK v2 scores files with a batch endpoint: create, deploy, invoke, download."""

from __future__ import annotations

import pytest
from online_requests import open_online

pytest.importorskip("azure.ai.ml")
pytestmark = pytest.mark.long  # test_batch_jobs.py asks the same over HTTP in the gate

SCRIPT = """
import os, pathlib

def init():
    global weight
    root = pathlib.Path(os.environ["AZUREML_MODEL_DIR"])
    weight = int((root / "weights" / "weights.txt").read_text())

def run(mini_batch):
    print("scoring", len(mini_batch))
    found = []
    for each in map(pathlib.Path, mini_batch):
        if each.name != "bad.txt":
            found.append([each.name, weight * int(each.read_text()), os.environ["COLOR"]])
    return found
"""
NAME = "scoring"


class Batch:
    """A batch endpoint with a deployment, made with the SDK."""

    def __init__(self, client, folder):
        self.client = client
        self.folder = folder
        for place in ("src", "weights", "input", "input/more"):
            (folder / place).mkdir()
        (folder / "src" / "driver.py").write_text(SCRIPT)
        (folder / "weights" / "weights.txt").write_text("7")
        for number in range(4):
            (folder / "input" / f"{number}.txt").write_text(str(number))
        (folder / "input" / "more" / "a 5.txt").write_text("5")

    def create(self):
        """Create a cluster, and the endpoint."""
        from azure.ai.ml.entities import AmlCompute, BatchEndpoint

        self.client.compute.begin_create_or_update(AmlCompute(name="cpu", size="s")).result()
        endpoint = BatchEndpoint(name=NAME, tags={"team": "one"})
        found = self.client.batch_endpoints.begin_create_or_update(endpoint).result()
        assert (found.name, found.tags) == (NAME, {"team": "one"})

    def deploy(self, name, **settings):
        """Create a deployment, from local files."""
        from azure.ai.ml.entities import (
            CodeConfiguration,
            Environment,
            Model,
            ModelBatchDeployment,
            ModelBatchDeploymentSettings,
        )

        deployment = ModelBatchDeployment(
            name=name,
            endpoint_name=NAME,
            model=Model(path=str(self.folder / "weights"), name="weights"),
            environment=Environment(name="small", version="1", image="mcr.example.com/base"),
            code_configuration=CodeConfiguration(
                code=str(self.folder / "src"), scoring_script="driver.py"
            ),
            compute="cpu",
            settings=ModelBatchDeploymentSettings(
                **{
                    "mini_batch_size": 2,
                    "max_concurrency_per_instance": 2,
                    "environment_variables": {"COLOR": name},
                    **settings,
                }
            ),
        )
        self.client.batch_deployments.begin_create_or_update(deployment).result()

    def make_default(self, name):
        """Let the requests that name no deployment go to this one."""
        endpoint = self.client.batch_endpoints.get(NAME)
        endpoint.defaults = {"deployment_name": name}
        found = self.client.batch_endpoints.begin_create_or_update(endpoint).result()
        assert found.defaults.deployment_name == name

    def invoke(self, deployment):
        """Start a job; return its name.

        The SDK keeps the name of a deployment in a header of all later requests of the process, so
        that each of them has to name its own.
        """
        from azure.ai.ml import Input

        given = Input(type="uri_folder", path=str(self.folder / "input"))
        invoke = self.client.batch_endpoints.invoke
        return invoke(NAME, deployment_name=deployment, input=given).name


@pytest.fixture(scope="module")
def batch(tmp_path_factory, shared_home):
    """Return an endpoint with the default deployment "blue"."""
    folder = tmp_path_factory.mktemp("batch")
    with (
        pytest.MonkeyPatch.context() as patch,
        open_online(folder / "offline", home=shared_home) as online,
    ):
        patch.setenv("AZUREML_RUN_POLLING_INTERVAL_MIN", "1")
        found = Batch(online.offline.ml_client(), folder)
        found.create()
        found.deploy("blue")
        found.make_default("blue")
        yield found


def test_a_folder_is_scored(batch, tmp_path, capsys):
    """The log is streamed, and the output downloaded."""
    job = batch.invoke("blue")
    batch.client.jobs.stream(job)
    assert "Completed" in capsys.readouterr().out
    assert batch.client.jobs.get(job).status == "Completed"
    batch.client.jobs.download(job, download_path=tmp_path, output_name="score")
    found = tmp_path / "named-outputs" / "score" / "predictions.csv"
    rows = [f"['{number}.txt', {7 * number}, 'blue']" for number in range(4)]
    assert found.read_text().splitlines() == [*rows, "['a 5.txt', 35, 'blue']"]
    [child] = batch.client.jobs.list(parent_job_name=job)
    batch.client.jobs.download(child.name, download_path=tmp_path / "child")
    assert "scoring 2" in next(tmp_path.rglob("std_log.txt")).read_text()


def test_a_data_asset_is_scored_into_another_place(batch, tmp_path):
    """The request names a deployment, settings and the output."""
    from azure.ai.ml import Input, Output
    from azure.ai.ml.entities import Data

    client = batch.client
    data = Data(
        name="numbers", version="1", type="uri_file", path=str(batch.folder / "input/3.txt")
    )
    client.data.create_or_update(data)
    where = "azureml://datastores/workspaceblobstore/paths/elsewhere/"
    job = client.batch_endpoints.invoke(
        NAME,
        deployment_name="blue",
        input=Input(type="uri_file", path="azureml:numbers:1"),
        outputs={"score": Output(type="uri_folder", path=where)},
        params_override=[{"output_file_name": "own.csv"}],
        job_name="a-name-of-its-own",
    )
    client.jobs.stream(job.name)
    client.jobs.download(job.name, download_path=tmp_path, output_name="score")
    assert (tmp_path / "named-outputs/score/own.csv").read_text() == "['3.txt', 21, 'blue']\n"


def test_a_job_that_fails_says_why(batch):
    """The exception of stream() has the traceback of the script."""
    from azure.ai.ml.exceptions import JobException

    (batch.folder / "input" / "bad.txt").write_text("no number")
    batch.deploy("green", error_threshold=0, retry_settings=None)
    job = batch.invoke("green")
    with pytest.raises(JobException, match="1 items failed, more than the error_threshold of 0"):
        batch.client.jobs.stream(job)
    jobs = batch.client.batch_endpoints.list_jobs(NAME)
    assert (jobs[0].name, batch.client.jobs.get(job).status) == (job, "Failed")
    assert len(batch.client.batch_deployments.list_jobs(NAME, name="green")) == 1


def test_what_was_created_is_deleted(batch):
    """The jobs stay."""
    deployments = batch.client.batch_deployments
    assert deployments.get("blue", NAME).mini_batch_size == 2
    deployments.begin_delete("blue", NAME).result()
    assert [each.name for each in deployments.list(NAME)] == ["green"]
    batch.client.batch_endpoints.begin_delete(NAME).result()
    assert list(batch.client.batch_endpoints.list()) == []
    assert len(list(batch.client.jobs.list())) == 3
