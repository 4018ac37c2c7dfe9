"""The jobs of batch endpoints over HTTP, as SDK v2 asks for them, without that SDK."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from batch_work import BatchWork
from mlflow_models import FILES, registered
from offline_services import runs
from online_requests import open_online

from modelship.testing.offline.v2.batch_deployments import BatchDeployments
from modelship.testing.offline.v2.batch_jobs import BatchJobs
from modelship.testing.offline.v2.batch_plans import parts_of
from waiting import wait_until

SLOW = "import time\ndef run(mini_batch):\n    time.sleep(600)"


@pytest.fixture(scope="module")
def batch(tmp_path_factory, shared_home):
    """Return an endpoint in a workspace that all tests of this module share."""
    with open_online(tmp_path_factory.mktemp("batch") / "offline", home=shared_home) as online:
        found = BatchWork(online)
        found.create()
        yield found


def test_a_job_runs_the_script_over_a_folder(batch):
    """With two files in a mini-batch, and the names that the files have in the datastore."""
    uri = batch.upload(**{"b.txt": "1", "a c.txt": "2", "d": "3"})
    run, child = batch.wait(batch.start(batch.deploy(), uri))
    assert (run["status"], child["status"], child["displayName"]) == (
        *("Completed", "Completed"),
        "batchscoring",
    )
    assert batch.output(run) == {"predictions.csv": "a c.txt of 2\nb.txt of 2\nd of 1\n"}


def test_a_request_that_names_no_deployment_gets_the_default(batch):
    """It must be one of the endpoint."""
    name, path = batch.deploy(), "batchEndpoints/batch"
    wanted = {"authMode": "AADToken", "defaults": {"deploymentName": "none"}}
    refused = batch.call("PUT", path, {"properties": wanted})
    assert "The default deployment 'none' is not in" in refused.json()["error"]["message"]
    wanted["defaults"] = {"deploymentName": name}
    assert batch.call("PUT", path, {"properties": wanted}).status_code == 200
    run, _ = batch.wait(batch.start("", batch.upload(a="1")))
    assert run["tags"]["azureml.deploymentname"] == name
    del wanted["defaults"]
    assert batch.call("PUT", path, {"properties": wanted}).status_code == 200


def test_a_script_in_an_environment_of_its_own(batch):
    """Its packages are installed, and the variables are those of Azure."""
    script = """
import os, werkzeug
def init():
    assert "modelship" not in werkzeug.__file__
    open(os.path.join(os.environ["AZUREML_BI_OUTPUT_PATH"], "own file"), "w").write("mine")
def run(mini_batch):
    return mini_batch
"""
    environment = batch.online.environment()
    deployment = batch.deploy(script, environment=environment, outputAction="SummaryOnly")
    run, _child = batch.wait(batch.start(deployment, batch.upload(a="1")))
    assert run["status"] == "Completed", run["error"]
    assert batch.output(run) == {"own%20file": "mine"}


def test_one_file_is_scored_into_another_place(batch):
    """The request may name the output, and change settings of the deployment."""
    uri = batch.upload(a="1", b="2")
    where = {"score": {"jobOutputType": "UriFolder", "uri": f"{uri}/results"}}
    name = batch.start(
        batch.deploy(), f"{uri}/b", "UriFile", outputData=where, outputFileName="own.txt"
    )
    _, child = batch.wait(name)
    assert child["outputs"]["score"]["uri"] == f"{uri}/results"
    [found] = (batch.online.offline.folder / "containers").rglob("results/own.txt")
    assert found.read_text() == "b of 1\n"


def test_too_many_failures_fail_the_job(batch):
    """The error has the cause, and the end of the log."""
    deployment = batch.deploy("def run(batch):\n    raise ValueError('poison')", errorThreshold=0)
    run, child = batch.wait(batch.start(deployment, batch.upload(a="1")))
    assert run["status"] == child["status"] == "Failed"
    message = run["error"]["error"]["message"]
    assert "ValueError: poison" in message
    assert "more than the error_threshold of 0" in message
    assert batch.output(run) == {}


def test_a_job_can_be_canceled(batch, tmp_path):
    """Both of its runs end, and so do the processes."""
    mark = tmp_path / "pid"
    script = SLOW.replace(
        "    time", f"    open({str(mark)!r}, 'w').write(str(os.getpid()))\n    time"
    )
    name = batch.start(batch.deploy(f"import os\n{script}"), batch.upload(a="1"))
    wait_until(lambda: mark.exists() and mark.read_text())
    assert batch.call("POST", f"jobs/{name}/cancel").status_code == 202
    assert {each["status"] for each in batch.wait(name)} == {"Canceled"}
    assert not runs(int(mark.read_text()))


def test_names_that_lead_outside_are_refused(batch):
    """A client may give a blob such a name."""
    run, _ = batch.wait(batch.start(batch.deploy(), batch.upload(**{"../../up": "1"})))
    assert run["status"] == "Failed"
    assert "points outside of the folder of the job" in run["error"]["error"]["message"]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"miniBatchSize": 0}, "miniBatchSize is 0; it must be a whole number from 1 on"),
        ({"errorThreshold": -2}, "errorThreshold is -2"),
        ({"retrySettings": {"timeout": "soon"}}, "timeout is 'soon'; it must be a duration"),
        ({"outputAction": "Both"}, "outputAction is AppendRow or SummaryOnly, not Both"),
        ({"outputFileName": "../up"}, "outputFileName is '../up'"),
        ({"codeConfiguration": None}, "add a script with init() and run(mini_batch)"),
        ({"compute": None}, "has no compute: name a cluster"),
        ({"compute": "computes/none"}, "The compute 'none' was not found"),
        ({"environmentId": "environments/none/versions/1"}, "The environment 'environments/none"),
        ({"model": {"assetId": "models/none/versions/1"}}, "The model 'models/none"),
    ],
)
def test_what_cannot_run_is_refused(batch, wanted, message):
    """When it is deployed, not when a job starts."""
    answer = batch.call("PUT", "batchEndpoints/batch/deployments/bad-one", batch.body(**wanted))
    assert answer.status_code in {400, 404}
    assert message in answer.json()["error"]["message"]


def test_what_cannot_be_scored_is_refused(batch):
    """Before a run is recorded."""
    name, uri = batch.deploy(), batch.upload(a="1")
    asked = {
        "has no default deployment": batch.post("", uri),
        "There is no folder with files at": batch.post(name, f"{uri}/none"),
        "There is no file at": batch.post(name, uri, "UriFile"),
        "The input is of type MLTable": batch.post(name, uri, "MLTable"),
        "The request has 0 inputs": batch.post(name, uri, inputData={}),
        "is not supported: expected": batch.post(name, "https://example.com/data"),
        "miniBatchSize is 0": batch.post(name, uri, miniBatchSize=0),
        "The batch deployment 'batch/none' was not found": batch.post("none", uri),
    }
    for message, answer in asked.items():
        assert answer.status_code in {400, 404}
        assert message in answer.json()["error"]["message"]


def test_one_of_two_requests_gets_a_name(batch, monkeypatch):
    """The other is told that it is taken, and nothing else of it is recorded."""
    output, both = BatchJobs._output, Barrier(2)

    def meeting(*arguments):
        both.wait(60)
        return output(*arguments)

    monkeypatch.setattr(BatchJobs, "_output", meeting)
    deployment, uri = batch.deploy(), batch.upload(a="1")
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(batch.post, deployment, uri, name="twice") for _ in range(2)]
        started, refused = sorted((each.result() for each in asked), key=lambda a: a.status_code)
    assert (started.status_code, refused.status_code) == (201, 400)
    assert "There is a run 'twice' already" in refused.json()["error"]["message"]
    runs = batch.online.offline._shared.store.documents("runs").all()
    assert len([each for each in runs if "twice" in (each["runId"], each["parentRunId"])]) == 2
    assert batch.wait("twice")[0]["status"] == "Completed"


def test_a_deployment_goes_with_an_endpoint_that_is_deleted_meanwhile(batch, monkeypatch):
    """Otherwise it would be back with the next endpoint of that name."""
    other = BatchWork(batch.online, "passing")
    other.create()
    check = BatchDeployments._check

    def late(deployments, name, properties):
        check(deployments, name, properties)
        assert other.call("DELETE", "batchEndpoints/passing").status_code == 202

    path = "batchEndpoints/passing/deployments/blue"
    with monkeypatch.context() as patch:
        patch.setattr(BatchDeployments, "_check", late)
        refused = other.call("PUT", path, other.body())
    assert refused.status_code == 404
    assert "The batch endpoint 'passing' was not found" in refused.json()["error"]["message"]
    other.create()
    assert other.call("GET", path).status_code == 404


@pytest.fixture
def doubling(batch):
    """Return the name of a deployment of an MLflow model, without a script."""
    name, model = "doubling", registered(batch.online, "doubling", FILES)
    properties = {"compute": "cpu", "model": {"referenceType": "Id", "assetId": model}}
    path = f"batchEndpoints/batch/deployments/{name}"
    answer = batch.call("PUT", path, {"properties": properties})
    assert answer.status_code in {200, 201}, answer.text
    return name


def test_an_mlflow_model_needs_no_script(batch, doubling):
    """The script is written for it, and its environment is the model's own."""
    store = batch.online.offline._shared.store
    document = store.documents("batch-deployments").get(f"batch.{doubling}")
    parts = parts_of(store, document["properties"])
    compile(parts.code[parts.script].read_text(), "score.py", "exec")
    assert "folder/MLmodel" in parts.model
    assert "mlflow-skinny" in str(parts.environment["python"]["condaDependencies"])


@pytest.mark.long  # in the gate: test_an_mlflow_model_needs_no_script
def test_an_mlflow_model_scores_tables(batch, doubling):
    """A line for each row, with the name of the file; other files fail."""
    uri = batch.upload(**{"a.csv": "x\n1\n2\n", "b.csv": "x\n3\n", "c.txt": "x"})
    run, _child = batch.wait(batch.start(doubling, uri, miniBatchSize=1))
    assert run["status"] == "Completed", run["error"]
    assert batch.output(run)["predictions.csv"] == "['a.csv', 2]\n['a.csv', 4]\n['b.csv', 6]\n"


def test_the_jobs_of_a_closed_workspace_have_failed(tmp_path, shared_home):
    """The process is gone; both runs say so when it is opened again."""
    with open_online(tmp_path / "offline", home=shared_home) as online:
        work = BatchWork(online)
        work.create()
        name = work.start(work.deploy(SLOW), work.upload(a="1"))
        wait_until(lambda: work.run(name)[1]["status"] == "Running")
    with open_online(tmp_path / "offline", home=shared_home) as online:
        runs = BatchWork(online).run(name)
        assert [each["status"] for each in runs] == ["Failed", "Failed"]
        assert (
            BatchWork(online).call("GET", f"jobs/{name}").json()["properties"]["status"] == "Failed"
        )
