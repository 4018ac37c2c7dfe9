"""Profiles: a model is run with the rows of a dataset, and what it takes is measured.

``test_client_scripts.py`` profiles one with the SDK's own datasets; here is what the workspace
keeps of one, and the request that the SDK then makes.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from azureml.core import Environment
from azureml.core.model import InferenceConfig, submit_mms_operation
from azureml.core.profile import ModelProfile
from azureml.core.webservice.container_resource_requirements import ContainerResourceRequirements
from azureml.exceptions import WebserviceException
from offline_services import CONDA

from light_inference_server import only_light_server
from modelship.testing.offline.document_store import Store
from modelship.testing.offline.json_exchange import RefusalError
from modelship.testing.offline.profiling import measuring
from modelship.testing.offline.profiling.measuring import Measured
from modelship.testing.offline.profiling.profile_rows import rows_of

SCORE = Path(__file__).with_name("profiled_score.py").read_text()
ROWS = '{"data": [1]}\n{"data": [2]}\n{"rows": [3]}\n'
PLACE = "azureml://subscriptions/s/workspaces/w/datastores/workspaceblobstore/paths"


def saved_as(flow):
    """Return how the SDK writes the flow of a dataset."""
    return json.dumps({"meta": {"RsDataflow": json.dumps(flow)}})


@pytest.fixture
def requests_file(ws, here):
    """Upload the rows of datasets."""
    (here / "requests.txt").write_text(ROWS)
    ws.get_default_datastore().upload_files(
        ["requests.txt"], target_path="samples", show_progress=False
    )


@pytest.fixture
def profile(ws, call, requests_file, here, shared_home, monkeypatch, tmp_path):
    """Return a function that profiles a script, as ``Model.profile`` does."""
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))
    monkeypatch.setattr(measuring, "_SHORTEST_S", 0.5)  # the rows several times are enough
    (here / "myenv.yml").write_text(json.dumps(CONDA))
    environment = Environment.from_conda_specification("profiled", "myenv.yml")

    def make(name, script=SCORE, steps=()):
        (here / "score.py").write_text(script)
        payload = InferenceConfig("score.py", environment=environment).build_profile_payload(
            name,
            workspace=ws,
            models=[],
            dataset_id=dataset(call, steps),
            container_resource_requirements=ContainerResourceRequirements(1.0, 0.5),
        )
        operation = submit_mms_operation(ws, "POST", ModelProfile._general_mms_suffix, payload)
        made = ModelProfile(ws, name)
        made.create_operation_id = operation
        made.wait_for_completion()
        return made

    with only_light_server(tmp_path):
        yield make


def dataset(call, steps):
    """Save a dataset of the uploaded rows; return its id."""
    read = {"read_delimited": {"delimiter": "\n", "header": "no_header"}}
    flow = {"paths": [{"pattern": f"{PLACE}/samples/requests.txt"}]}
    flow["transformations"] = [read, *steps]
    body = {"datasetType": "tabular", "dataflowJson": saved_as(flow), "properties": {}}
    return call("POST", "dataset/v1.0", "/saveddatasets", json=body).json()["id"]


def require_measured(details, *, again):
    """Assert what the profile of SCORE says; the memory is the same when asked again."""
    assert (details["state"], details["requestedCpu"]) == ("Succeeded", 1.0)
    total = details["totalQueries"]
    assert total >= 3
    succeeded = total - total // 3  # one row of three has another key
    assert details["successRate"] == pytest.approx(100 * succeeded / total)
    assert "were not answered with 200; the first: 500: " in details["error"]["message"]
    assert 0 < details["latencyPercentile50InMs"] <= details["latencyPercentile99InMs"]
    assert details["maxUtilizedMemoryInGB"] > 0.06
    assert details["recommendedMemoryInGB"] == again >= 0.1


def test_a_model_is_run_and_measured(profile, ws):
    """Of what was asked for, sent, answered and taken."""
    made = profile("first")
    require_measured(made.get_details(), again=ModelProfile(ws, "first").recommended_memory)
    assert ws.webservices == {}


def test_a_profile_that_fails_says_why(profile, ws):
    """The script's own error, a step that is not read, and a name that no profile has."""
    failed = profile("broken", SCORE.replace("held = ", "held = missing + "))
    assert (failed.state, bool(failed.error_logs_url)) == ("Failed", True)
    assert "NameError: name 'missing' is not defined" in failed.error["message"]
    with pytest.raises(WebserviceException, match="and not with the step skip"):
        profile("steps", steps=[{"skip": 1}])
    with pytest.raises(WebserviceException, match="There is no profile with the name nope."):
        ModelProfile(ws, "nope")


def test_percentiles_and_recommendations_are_of_what_was_measured():
    """The nearest rank; a fifth more than the most that was used, to the next tenth."""
    latencies = tuple(float(each) for each in range(1, 101))
    found = Measured(latencies, ("500: no",), 10.0, 0.51, int(0.3 * 2**30)).document
    assert [found[f"latencyPercentile{each}InMs"] for each in ("50", "99", "999")] == [50, 99, 100]
    assert (found["successRate"], found["measuredQueriesPerSecond"]) == (99.0, 10.0)
    assert (found["recommendedCpu"], found["recommendedMemoryInGB"]) == (0.7, 0.4)


@pytest.mark.parametrize(
    ("read", "rows"),
    [
        ({"delimiter": "\n"}, ["a,b", "c"]),
        ({"delimiter": ",", "header": "all_files_different_headers"}, ["c"]),
        ({"encoding": "utf16"}, "the encoding utf16"),
        (None, "other files"),
    ],
)
def test_rows_are_read_as_the_dataset_says(tmp_path, read, rows):
    """What would be read in another way is refused with its name."""
    store = Store(tmp_path)
    blob = store.blob("samples/r.txt", container="azureml-blobstore-1")
    blob.parent.mkdir(parents=True)
    blob.write_text("a,b\n\nc\n")
    steps = [{"read_delimited": read}] if read else []
    flow = {"paths": [{"pattern": f"{PLACE}/samples/*.txt"}], "transformations": steps}
    dataset = {"dataflowJson": saved_as(flow)}
    if isinstance(rows, list):
        assert rows_of(dataset, store, container="azureml-blobstore-1") == rows
    else:
        with pytest.raises(RefusalError, match=rows):
            rows_of(dataset, store, container="azureml-blobstore-1")
