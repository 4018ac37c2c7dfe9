"""ONNX models: what their graphs take and answer, and that they answer as what they came from."""

from __future__ import annotations

import json
import sys

import numpy as np
import onnx
import pandas as pd
import pytest
import skl2onnx
from onnx import TensorProto, helper
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from modelship.errors import ModelLoadError
from modelship.sources import Model
from modelship.tables import Column

RANDOM = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "age": RANDOM.integers(20, 60, 100),
        "income": RANDOM.normal(size=100).astype(np.float32),
        "zone": RANDOM.choice(["n", "s"], 100),
    }
)
X = FRAME[["age", "income"]].to_numpy(np.float32)
NAMES = np.where(FRAME.age > 40, "old", "young")


def save(path, estimator, sample, **options):
    options = {id(estimator): options} if options else None
    path.write_bytes(skl2onnx.to_onnx(estimator, sample, options=options).SerializeToString())
    return Model.read(path)


@pytest.fixture(scope="module")
def pipeline():
    """A classifier of texts and numbers by name, with labels that are texts."""
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["zone"]), (StandardScaler(), ["age", "income"])
    )
    return make_pipeline(columns, LogisticRegression()).fit(FRAME, NAMES)


@pytest.mark.parametrize("zipmap", [True, False, "columns"])
def test_a_graph_with_an_input_for_each_column_takes_a_table(zipmap, pipeline, tmp_path):
    """Labels and probabilities are the pipeline's, whatever form the probabilities have."""
    model = save(tmp_path / "m.onnx", pipeline, FRAME[:1], zipmap=zipmap)
    loaded = model.load()
    assert model.schema.columns[0] == Column("age", "integer", missing=False)
    assert [each.kind for each in model.schema.columns] == ["integer", "number", "text"]
    assert model.schema.outputs.labels == (("old", "young"),)
    assert (loaded.predict(FRAME) == pipeline.predict(FRAME)).all()
    assert np.allclose(loaded.predict_proba(FRAME), pipeline.predict_proba(FRAME), atol=1e-6)
    assert loaded.classes_.tolist() == ["old", "young"]


@pytest.mark.parametrize(
    ("estimator", "y", "labels", "has_probabilities"),
    [
        (LogisticRegression(), FRAME.age % 3, ((0, 1, 2),), True),
        (MLPClassifier(max_iter=2), NAMES, (("old", "young"),), True),
        (LinearSVC(), NAMES, (("old", "young"),), False),
        (LinearRegression(), FRAME.income, (), False),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_graph_with_one_input_takes_an_array(estimator, y, labels, has_probabilities, tmp_path):
    """Labels are told if the graph has them, and scores that are no probabilities are none."""
    estimator.fit(X, y)
    options = {"zipmap": False} if has_probabilities else {}
    model = save(tmp_path / "m.onnx", estimator, X[:1], **options)
    outputs = model.schema.outputs
    assert (model.schema.form, model.schema.width) == ("array", 2)
    assert (outputs.labels, outputs.probabilities) == (labels, has_probabilities)
    assert outputs.task == ("classification" if labels else "regression")
    loaded, expected = model.load(), estimator.predict(X)
    assert hasattr(loaded, "predict_proba") == has_probabilities
    assert np.allclose(loaded.predict(X), expected) if not labels else True
    assert (loaded.predict(X) == expected).all() if labels else True


def _network(path, inputs, outputs=(("y", 3),)):
    """Write a graph that passes its first input on, whatever else it takes and answers."""
    floats = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *size])
        for name, *size in (*inputs, *outputs)
    ]
    nodes = [helper.make_node("Identity", [inputs[0][0]], [name]) for name, _ in outputs]
    graph = helper.make_graph(nodes, "g", floats[: len(inputs)], floats[len(inputs) :])
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return Model.read(path)


def test_a_network_answers_its_scores(tmp_path):
    """Nothing says what the outputs of a network mean, so they are answered as they are."""
    model = _network(tmp_path / "net.onnx", [("x", 3)])
    assert (model.schema.width, model.schema.outputs.task) == (3, "")
    assert model.load().predict([[1, 2, 3]]).tolist() == [[1.0, 2.0, 3.0]]


@pytest.mark.parametrize(
    ("inputs", "outputs", "said"),
    [
        ([("ids", 8), ("mask", 8)], [("y", 3)], "takes several tensors (ids, mask)"),
        ([("x", 3)], [("y", 3), ("z", 3)], "answers several tensors (y, z)"),
    ],
)
def test_several_tensors_are_no_table(inputs, outputs, said, tmp_path):
    """What no script can be written for is told in words."""
    contents = _network(tmp_path / "net.onnx", inputs, outputs).contents
    assert contents.title == f"an ONNX model that {said}"
    assert contents.predicts is False


def test_whole_numbers_are_not_cut(pipeline, tmp_path):
    """A number with a fraction is no value of an input of whole numbers."""
    loaded = save(tmp_path / "m.onnx", pipeline, FRAME[:1]).load()
    with pytest.raises(ValueError, match="'age' takes whole numbers"):
        loaded.predict(FRAME.assign(age=30.5))


@pytest.mark.parametrize("output", ["labels", "proba"])
def test_the_written_script_answers_as_the_model(output, pipeline, tmp_path, written):
    """The script builds the columns, and knows the labels, which onnxruntime does not tell."""
    (tmp_path / "model").mkdir()
    script = written(save(tmp_path / "model/m.onnx", pipeline, FRAME[:1]), output=output)
    answer = script["run"](json.dumps({"data": FRAME.head(3).to_dict("records")}))
    labels = answer if output == "labels" else answer["predictions"]
    assert labels == pipeline.predict(FRAME.head(3)).tolist()


def test_a_missing_runtime_is_named(tmp_path, monkeypatch):
    """Never the packages that trained the model: they cannot run it."""
    model = _network(tmp_path / "net.onnx", [("x", 3)])
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelLoadError) as caught:
        model.load()
    assert caught.value.hint == "pip install onnxruntime"
