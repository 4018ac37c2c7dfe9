"""Profiles: a model is run with the rows of a dataset, and what it takes is measured."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from offline_services import PYTHON

from modelship.testing.offline.document_store import Store
from modelship.testing.offline.json_exchange import RefusalError
from modelship.testing.offline.profiling import measuring
from modelship.testing.offline.profiling.measuring import Measured
from modelship.testing.offline.profiling.profile_rows import rows_of

SCRIPT = Path(__file__).with_name("profile_script.py")
CONDA = f"dependencies:\n- python={PYTHON}\n- pip:\n  - azureml-inference-server-http\n"
PLACE = "azureml://subscriptions/s/workspaces/w/datastores/workspaceblobstore/paths"


@pytest.fixture
def profiled(offline, here, client_python, shared_home, monkeypatch):
    """Run the script in a terminal that has sourced the workspace's file; return what it found."""
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))
    monkeypatch.setattr(measuring, "_SHORTEST_S", 0.5)  # the rows several times are enough
    python = client_python("3.8")
    shutil.copy(offline.config_path, here)
    (here / "myenv.yml").write_text(CONDA)
    sourced = shlex.quote(str(offline.folder / "environment.sh"))
    words = shlex.join([str(python), str(SCRIPT), "found.json"])
    command = f"source {sourced} && {words}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((here / "found.json").read_text())


def test_a_model_is_run_and_measured(profiled, offline):
    """Of what was asked for, sent, answered and taken; a failure says why, and what is not read."""
    details = profiled["details"]
    assert (details["state"], details["requestedCpu"]) == ("Succeeded", 1.0)
    assert details["totalQueries"] >= 3
    assert 50 < details["successRate"] < 80  # one row of three has another key
    assert "were not answered with 200; the first: 500: " in details["error"]["message"]
    assert 0 < details["latencyPercentile50InMs"] <= details["latencyPercentile99InMs"]
    assert details["maxUtilizedMemoryInGB"] > 0.06
    assert details["recommendedMemoryInGB"] == profiled["again"] >= 0.1
    state, message, has_log = profiled["broken"]
    assert (state, has_log) == ("Failed", True)
    assert "NameError: name 'missing' is not defined" in message
    assert "and not with the step skip" in profiled["step"]
    assert "There is no profile with the name nope." in profiled["nope"]
    assert offline.workspace().webservices == {}


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
    dataset = {"dataflowJson": json.dumps({"meta": {"RsDataflow": json.dumps(flow)}})}
    if isinstance(rows, list):
        assert rows_of(dataset, store, container="azureml-blobstore-1") == rows
    else:
        with pytest.raises(RefusalError, match=rows):
            rows_of(dataset, store, container="azureml-blobstore-1")
