"""Datasets, by the unmodified SDK and azureml-dataprep, on an old Python and a new one.

In the gate, ``test_client_scripts.py`` has them on the old one.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from client_environments import in_terminal

pytestmark = pytest.mark.azure

SCRIPT = Path(__file__).with_name("dataset_script.py")
FILES = ["/a.txt", "/sub/b é.txt", "/t.csv"]


@pytest.mark.long
@pytest.mark.parametrize("version", ["3.8", "3.11"])
def test_datasets_are_made_registered_and_read(offline, here, client_python, version):
    """In a terminal that has sourced the workspace's file, through the proxy."""
    in_terminal(offline, here, client_python(version), str(SCRIPT), "found.json")
    found = json.loads((here / "found.json").read_text())
    assert [found[each] for each in ("uploaded", "old", "by_id")] == [FILES] * 3
    assert found["versions"] == [1, 2, 2]  # the same dataset once more is no new version
    assert found["down"] == ["a.txt", "sub/b é.txt", "t.csv"]
    assert found["content"] == ["beta"]
    assert found["table"] == {"a": [1, 2], "b": ["x", "y"]}
    assert (found["names"], found["left"]) == (["files", "table"], ["table"])
    assert found["tags"] == {"z": "1"}
    assert found.get("mounted") == ["a.txt", "sub", "t.csv"] or not os.access("/dev/fuse", os.W_OK)
    check_sentences(found)
    assert offline.refused == []


def check_sentences(found):
    assert "use to_pandas_dataframe().describe() instead" in found["profile"]
    assert 'already a dataset registered under name "files"' in found["taken"]
    assert 'Cannot find dataset registered with name "nope"' in found["nope"]
    assert 'Cannot find dataset with id "nope"' in found["no_id"]
    assert "Invalid argument type for `path`" in found["local"]  # as in Azure: the SDK refuses


def test_a_dataset_of_an_old_engine_is_refused(call):
    """It lacks what the engine of today reads; the sentence names what to install."""
    dataflow = {"datasetType": "file", "dataflowJson": '{"blocks": []}', "properties": {}}
    answer = call("POST", "dataset/v1.0", "/saveddatasets", json=dataflow)
    assert answer.status_code == 400
    assert "install azureml-dataset-runtime" in answer.json()["message"]
