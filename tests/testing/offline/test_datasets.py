"""Datasets, by the unmodified SDK and azureml-dataprep, on an old Python and a new one."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.azure

SCRIPT = Path(__file__).with_name("dataset_script.py")
SUBMIT = """
import sys
from pathlib import Path
from azureml.core import Dataset, Environment, Experiment, ScriptRunConfig, Workspace

for folder in ("src", "source"):
    Path(folder).mkdir()
Path("src/a.txt").write_text("alpha")
Path("source/train.py").write_text('''
import os, sys
from azureml.core import Run

files = Run.get_context().input_datasets["digits"]
print(sys.argv[1] == files, os.listdir(files), sys.version_info[:2])
''')
ws = Workspace.from_config()
store = ws.get_default_datastore()
digits = Dataset.File.upload_directory("src", (store, "digits"), show_progress=False)
environment = Environment("mine")
environment.python.user_managed_dependencies = True
environment.python.interpreter_path = sys.executable
wanted = digits.as_named_input("digits").as_mount()
config = ScriptRunConfig("source", "train.py", [wanted], environment=environment)
run = Experiment(ws, "digits").submit(config)
run.wait_for_completion(show_output=True)
"""
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


def in_terminal(offline, here, python, *arguments):
    """Run a Python with the workspace's variables, and return what it says."""
    shutil.copy(offline.config_path, here)
    sourced = shlex.quote(str(offline.folder / "environment.sh"))
    command = f"source {sourced} && {shlex.join([str(python), *arguments])}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def check_sentences(found):
    assert "use to_pandas_dataframe().describe() instead" in found["profile"]
    assert 'already a dataset registered under name "files"' in found["taken"]
    assert 'Cannot find dataset registered with name "nope"' in found["nope"]
    assert 'Cannot find dataset with id "nope"' in found["no_id"]
    assert "Invalid argument type for `path`" in found["local"]  # as in Azure: the SDK refuses


def test_a_submitted_script_reads_a_dataset(offline, here, client_python):
    """Its argument is where the files are, and so is the run's input of that name."""
    said = in_terminal(offline, here, client_python("3.8"), "-c", SUBMIT)
    assert "True ['a.txt'] (3, 8)" in said


def test_a_dataset_of_an_old_engine_is_refused(call):
    """It lacks what the engine of today reads; the sentence names what to install."""
    dataflow = {"datasetType": "file", "dataflowJson": '{"blocks": []}', "properties": {}}
    answer = call("POST", "dataset/v1.0", "/saveddatasets", json=dataflow)
    assert answer.status_code == 400
    assert "install azureml-dataset-runtime" in answer.json()["message"]
