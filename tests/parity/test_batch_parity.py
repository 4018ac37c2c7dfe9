"""Batch answers equal online answers, for each kind of script."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import modelship as ms
from modelship.comparison.scoring_request import ScoringRequest
from modelship.parity.batch_parity import _differences, compare_batch
from modelship.testing import with_lock

ROOT = Path(__file__).parents[2]
TEXT = """
import json


def init():
    pass


def run(raw_data):
    rows = json.loads(raw_data)["data"]
    return {"prediction": [row[0] * 3 for row in rows], "sign": [str(row[1]) for row in rows]}
"""
SCHEMA = """
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema


def init():
    pass


@input_schema("data", StandardPythonParameterType([[0.5, 1.5]]))
def run(data):
    return [row[0] + row[1] for row in data]
"""


@pytest.fixture(autouse=True)
def home(shared_home, monkeypatch):
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))


def numbers():
    """Return rows of two numbers."""
    return pd.DataFrame(np.random.default_rng(0).normal(size=(200, 2)), columns=["a", "b"])


def people():
    """Return rows of a number and a text."""
    zones = np.random.default_rng(1).choice(["007", "010"], 200)
    return pd.DataFrame({"zone": zones, "age": np.arange(200.0)})


def script(text, folder, lock):
    """Return the bundle of a script without a model."""
    (folder / "score.py").write_text(text)
    environment = ms.Environment(python=lock.python, requirements=())
    made = ms.ScoringBundle(
        [],
        entry_script=folder / "score.py",
        environment=environment,
        sample_input={"data": [[0.5, 1.5]]},
    )
    return with_lock(made, lock=lock)


def model_of(estimator, X, folder, **options):
    """Return the bundle of a model with a generated script."""
    fitted = estimator.fit(X, np.arange(len(X)) % 3)
    model = ms.ModelSource.open(fitted).fetch(folder / "model")
    sample = X[:2] if isinstance(X, np.ndarray) else X[:2].to_dict("records")
    return ms.ScoringBundle(model, sample_input={"data": sample}, **options)


def table(folder, **options):
    """Return the bundle of a model of a mixed table."""
    encoder = make_column_transformer((OneHotEncoder(), ["zone"]), remainder="passthrough")
    return model_of(make_pipeline(encoder, LogisticRegression()), people(), folder, **options)


def tutorial(folder, mnist_dir):
    """Return the bundle of the tutorial's model and script."""
    shutil.copy(ROOT / "examples/mnist/score.py", folder / "score.py")
    model = ms.ModelSource.open(mnist_dir / "sklearn_mnist_model.pkl").fetch(folder / "model")
    return ms.ScoringBundle(
        model,
        entry_script=folder / "score.py",
        environment=ROOT / "examples/mnist/myenv.yml",
        sample_input={"data": [[0.0] * 784]},
    )


def compared(bundle, frame, folder):
    """Score rows with a bundle in a job and as a service, and return the comparison."""
    frame.to_parquet(folder / "rows.parquet", index=False)
    ms.BatchJob(bundle, folder / "rows.parquet", folder / "out", workers=1).run(show_output=False)
    target = ms.DeployTarget.open("process")
    with target.deploy(bundle, name=f"batch-parity-{len(frame)}", show_output=False) as deployment:
        return compare_batch(folder / "out", deployment, request_rows=90)


def test_a_script_of_json_text(tmp_path, bare_lock):
    """Its rows go into bodies as in its sample."""
    report = compared(script(TEXT, tmp_path, bare_lock), numbers(), tmp_path)
    assert report.equal, str(report)
    assert len(report.requests) == 3


@pytest.mark.long
@pytest.mark.parametrize("kind", ["schema", "array", "table", "proba", "tutorial"])
def test_each_kind_of_script(kind, tmp_path, bare_lock, request):
    """Arrays, tables, probabilities, a schema and the tutorial's script answer the same."""
    if kind == "tutorial":
        X, _ = request.getfixturevalue("mnist_test_set")
        bundle, frame = tutorial(tmp_path, request.getfixturevalue("mnist_dir")), X[:300]
        frame = pd.DataFrame(frame, columns=[f"p{each}" for each in range(784)])
    elif kind == "schema":
        bundle, frame = script(SCHEMA, tmp_path, bare_lock), numbers()
    elif kind == "array":
        frame = numbers()
        bundle = model_of(LogisticRegression(), frame.to_numpy(), tmp_path)
    else:
        bundle = table(tmp_path, output="proba" if kind == "proba" else "labels")
        frame = people()
    report = compared(bundle, frame, tmp_path)
    assert report.equal, str(report)


class Service:
    """A service that answers with a function of the rows."""

    target = "somewhere"
    input_key = "data"
    input_form = "rows"

    def __init__(self, answer):
        self._answer = answer

    def run(self, payload):
        """Return the answer."""
        return [self._answer(row) for row in payload["data"]]


def test_answers_that_differ_are_shown_with_their_row(tmp_path, bare_lock):
    """The first differing row of a request is named, with both values."""
    bundle = script(
        TEXT.replace('{"prediction": ', "").partition(', "sign"')[0] + "\n", tmp_path, bare_lock
    )
    numbers().to_csv(tmp_path / "rows.csv", index=False)
    ms.BatchJob(bundle, tmp_path / "rows.csv", tmp_path / "out", workers=1).run(show_output=False)
    same = compare_batch(tmp_path / "out", Service(lambda row: row[0] * 3))
    assert same.equal, str(same)
    other = compare_batch(tmp_path / "out", Service(lambda row: row[0] * 3 + (row[0] > 1)))
    assert not other.equal
    assert other.differences[0].what == "prediction"


@pytest.mark.parametrize(
    ("written", "said", "differ"),
    [
        ({"y": ["[1.0, 2]", "[3]"]}, [[1, 2], [3]], []),
        ({"y": ["[1.0, 2]", "[3]"]}, [[1, 2], [4]], ["y"]),
        ({"y": [[1], [3]], "z": [None, None]}, [[1], [3]], []),
        ({"y": [[1], [3]], "z": [None, 1]}, [[1], [3]], ["columns"]),
    ],
)
def test_lists_and_missing_columns_of_other_rows_are_compared(written, said, differ):
    """Lists are JSON in CSV, and a column may be there only for other rows of the job."""
    request = ScoringRequest("rows", body=b"")
    tables = pa.table(written), pa.table({"y": said})
    found = _differences(request, *tables, name="service", tolerance=0.0)
    assert [each.what for each in found] == differ
