"""ONNX models: what their graphs take and answer, and that they answer as what they came from."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from modelship.bundle.generated import generate_source
from modelship.errors import EntryScriptError, ModelLoadError
from modelship.sources import Model
from modelship.sources._budget import Budget
from modelship.sources._onnx_schema import OnnxGraph
from modelship.sources._protobuf import MessageReader
from modelship.sources._stream import MalformedError
from modelship.tables import Column, Outputs, Schema

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
    import skl2onnx  # slow to import, and each worker reads this file

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


def _network(path, inputs, outputs=(("y", 3),), kind=TensorProto.FLOAT):
    """Write a graph that returns its first input, with any other inputs and outputs."""
    floats = [
        helper.make_tensor_value_info(name, kind, ["n", *size])
        for name, *size in (*inputs, *outputs)
    ]
    nodes = [helper.make_node("Identity", [inputs[0][0]], [name]) for name, *_ in outputs if inputs]
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
    ("inputs", "outputs", "kind", "said"),
    [
        ([("a", 8), ("b", 8)], [("y", 3)], TensorProto.FLOAT, "takes several tensors (a, b)"),
        ([(f"i{n}", 8) for n in range(8)], [("y", 3)], TensorProto.FLOAT, "i5 and 2 more)"),
        ([("a", 1), ("b", 1)], [("y", 1)], TensorProto.COMPLEX64, "takes several tensors (a, b)"),
        ([("x", 3)], [("y", 3), ("z", 3)], TensorProto.FLOAT, "answers several tensors (y, z)"),
        ([("x", 3)], [("y", 3)], TensorProto.COMPLEX64, "not a tensor of numbers or texts (x)"),
        ([], [("y", 3)], TensorProto.FLOAT, "takes no input"),
    ],
)
def test_what_takes_or_answers_no_table_is_refused(inputs, outputs, kind, said, tmp_path):
    """What no script can be written for is told in words, and none is."""
    model = _network(tmp_path / "net.onnx", inputs, outputs, kind)
    assert model.contents.title.startswith("an ONNX model that ")
    assert model.contents.title.endswith(said)
    with pytest.raises(EntryScriptError, match="is an ONNX model that|holds an ONNX model that"):
        generate_source([model], schema=model.schema)


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        (b"\x0a\x05", "a field in it is longer than the message"),
        (b"\x0b", "a field in it has an unknown type"),
        (b"\x00\x05", "a field in it has the number 0"),
        (b"\xff" * 11, "a number in it is longer than 64 bits"),
        (b"\xff", "a field in it is longer than the message"),
    ],
)
def test_a_graph_that_is_none_is_malformed(graph, said):
    """What it says of its lengths is compared with what there is."""
    content = b"\x3a" + bytes([len(graph)]) + graph
    with pytest.raises(MalformedError, match=said):
        OnnxGraph(MessageReader(content, Budget(len(content)))).read()


@pytest.mark.parametrize(
    ("size", "schema"),
    [
        ((), Schema("values", (Column(kind="text", missing=False),))),
        ((2,), Schema("objects", (Column(kind="text", missing=False),) * 2)),
        (("m",), Schema()),
    ],
)
def test_a_tensor_of_texts_takes_texts(size, schema, tmp_path, written):
    """Rows of texts are no rows of numbers, whatever their width."""
    model = _network(tmp_path / "net.onnx", [("x", *size)], [("y", *size)], TensorProto.STRING)
    assert replace(model.schema, outputs=Outputs()) == schema
    rows = [["a", "b"], ["c", "d"]] if size else ["a", "c"]
    assert written(model)["run"](json.dumps({"data": rows})) == rows


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([["30", 1.5, "n"]], "Row 0, column 'age': '30' is given; a number is expected"),
        ([[30.5, 1.5, "n"]], "The input 'age' takes whole numbers"),
        ([[None, 1.5, "n"]], "Row 0, column 'age': null is given; a number is expected"),
        ([[30, 1.5, 1]], "Row 0, column 'zone': 1 is given; a text is expected"),
        ([[30, 1.5, None]], "Row 0, column 'zone': null is given; a text is expected"),
        ([[30, 1.5]], "Row 0 has 2 values; 3 are expected"),
    ],
)
def test_the_written_script_refuses_what_a_graph_of_columns_does_not_take(
    body, said, pipeline, tmp_path, written
):
    """Tensors are of one kind, and hold no gaps in texts and whole numbers."""
    (tmp_path / "model").mkdir()
    script = written(save(tmp_path / "model/m.onnx", pipeline, FRAME[:1]))
    with pytest.raises(ValueError, match=said):
        script["run"](json.dumps({"data": body}))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([[1, 2]], "The model does not take these rows: .*Got invalid dimensions"),
        ([[1, 2, "x"]], "Row 0, column 2: 'x' is given; a number is expected"),
        ([[1, 2, 3], [1, 2]], "Row 1 has 2 values; 3 are expected"),
        ([1, 2, 3], "Row 0 is a single value"),
    ],
)
def test_the_written_script_refuses_what_a_graph_of_one_tensor_does_not_take(
    body, said, tmp_path, written
):
    """The rows are the caller's, and so is their shape."""
    script = written(_network(tmp_path / "net.onnx", [("x", 3)]))
    with pytest.raises(ValueError, match=said) as caught:
        script["run"](json.dumps({"data": body}))
    assert type(caught.value).__name__ == "Refused"


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
