"""The unmodified SDK v2 scores files with a batch endpoint, on other versions of Python."""

from __future__ import annotations

import inspect

import pytest
import test_batch_endpoints
from guarded_person import Person
from online_requests import open_online

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]  # environments are installed on the way
FLOW = """
import pathlib, platform
from azure.ai.ml import MLClient
from azure.identity import DefaultAzureCredential

folder = pathlib.Path("batch")
folder.mkdir()
batch = Batch(MLClient.from_config(DefaultAzureCredential()), folder)
batch.create()
batch.deploy("blue")
batch.make_default("blue")
job = batch.invoke("blue")
batch.client.jobs.stream(job)
batch.client.jobs.download(job, download_path=".", output_name="score")
print("on", platform.python_version())
"""


@pytest.mark.parametrize("version", ["3.10", "3.13"])
def test_a_folder_is_scored(version, client_python, tmp_path, shared_home):
    """It is created, deployed, invoked, streamed and downloaded; no other host is asked."""
    python = client_python(version, "azure-ai-ml", "azure-identity")
    batch = inspect.getsource(test_batch_endpoints.Batch)
    code = f"SCRIPT = {test_batch_endpoints.SCRIPT!r}\nNAME = 'scoring'\n{batch}\n{FLOW}"
    with open_online(tmp_path / "offline", home=shared_home) as online:
        person = Person(tmp_path, online.offline)
        done = person.runs(code, python=python, AZUREML_RUN_POLLING_INTERVAL_MIN="1")
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"on {version}" in done.stdout
        assert person.escapes == []
    rows = (person.here / "named-outputs/score/predictions.csv").read_text().splitlines()
    assert rows[0] == "['0.txt', 0, 'blue']"
    assert len(rows) == 5
