"""Serve the scripts of several models, each in a folder of its own, from one process.

The packages are those of the tests: an environment with all of them would take long to make.
"""

import importlib.util
import os
import sys
from pathlib import Path

sys.path.append(Path(__file__).with_name("packages.txt").read_text())

import pyarrow as pa


class Tables:
    """Reads Arrow by the table of the model that the stream names."""

    def of_arrow(self, body):
        name = pa.ipc.open_stream(body).schema.metadata[b"model"].decode()
        return name, scripts[name].table.of_arrow(body)

    def of_array(self, array):
        raise NotImplementedError


table = Tables()
scripts = {}


def init():
    for model in sorted(Path(os.environ["AZUREML_MODEL_DIR"]).iterdir()):
        name, path = model.name, Path(__file__).parent / model.name / "score.py"
        spec = importlib.util.spec_from_file_location(name, path)
        scripts[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(scripts[name])
        os.environ["AZUREML_MODEL_DIR"] = str(model / "1")
        scripts[name].init()


def run(raw_data):
    name, _, body = raw_data.partition("\n")
    return scripts[name].run(body)


def run_table(data):
    name, rows = data
    return scripts[name].run_table(rows)
