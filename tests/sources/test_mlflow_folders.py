"""MLflow's folders: the file in one is loaded by its own format, and the signature is read."""

from __future__ import annotations

import json
import pickle

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from modelship.bundle.generated import generate_source
from modelship.bundle.inferred import requirements_of
from modelship.errors import EntryScriptError, ModelLoadError
from modelship.sources import Model

RANDOM = np.random.default_rng(0)
FRAME = pd.DataFrame({"age": RANDOM.integers(20, 60, 50), "income": RANDOM.normal(size=50)})
NAMES = np.where(FRAME.age > 40, "old", "young")

SKLEARN = """
flavors:
  python_function: {loader_module: mlflow.sklearn, model_path: model.pkl}
  sklearn: {pickled_model: model.pkl, serialization_format: cloudpickle, sklearn_version: 1.9.1}
"""
LIGHTGBM = "flavors: {lightgbm: {data: sub/model.lgb, lgb_version: 4.0.0}}\n"


def folder_of(path, mlmodel, inputs=None):
    """Write a folder with such an MLmodel, and a pickled model in it."""
    (path / "sub").mkdir(parents=True)
    (path / "model.pkl").write_bytes(pickle.dumps(LogisticRegression().fit(FRAME, NAMES)))
    if inputs is not None:
        mlmodel += f"signature: {{inputs: {json.dumps(json.dumps(inputs))}}}\n"
    (path / "MLmodel").write_text(mlmodel)
    (path / "requirements.txt").write_text("mlflow==3.1\nscikit-learn==1.9.1\n")
    return path


def test_the_model_in_a_folder_is_loaded(tmp_path):
    """The MLmodel file says which file it is, and what the other files are does not matter."""
    model = Model.read(folder_of(tmp_path / "m", SKLEARN))
    assert model.format == "mlflow"
    assert model.load().predict(FRAME).tolist() == model.load().predict(FRAME).tolist()
    assert model.schema.names == ("age", "income")
    assert model.contents.title == "a LogisticRegression"
    assert "mlflow" not in str(requirements_of(model, own_modules=()))


def test_a_native_file_in_a_folder_is_served_as_such(tmp_path):
    """The script loads the file within the folder, and the environment has its library."""
    path = folder_of(tmp_path / "m", LIGHTGBM)
    booster = lgb.train({"objective": "binary", "verbose": -1}, lgb.Dataset(FRAME, FRAME.age > 40))
    booster.save_model(path / "sub/model.lgb")
    model = Model.read(path)
    script = generate_source([model], schema=model.schema)[1]
    text = next(file.content for file in script if file.path == "score.py").decode()
    assert (
        """load_lightgbm(os.path.join(os.environ["AZUREML_MODEL_DIR"], 'm/sub/model.lgb'""" in text
    )
    assert "lightgbm==4.0.0" in requirements_of(model, own_modules=())[0]
    assert np.array_equal(model.load().predict_proba(FRAME)[:, 1], booster.predict(FRAME))


def test_the_signature_completes_what_the_file_tells(tmp_path):
    """Kinds and gaps of columns come from the signature where the model has their names alone."""
    inputs = [
        {"name": "age", "type": "long", "required": True},
        {"name": "income", "type": "double", "required": False},
    ]
    schema = Model.read(folder_of(tmp_path / "m", SKLEARN, inputs)).schema
    assert [each.dtype for each in schema.columns] == ["int64", "float64"]
    assert schema.columns[1].missing is True
    assert schema.outputs.labels == (("old", "young"),)


@pytest.mark.parametrize(
    ("inputs", "form", "width"),
    [
        ([{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 7]}}], "array", 7),
        ([{"type": "tensor", "tensor-spec": {"dtype": "object", "shape": [-1, 7]}}], "", 7),
        ([{"name": "when", "type": "datetime"}, {"name": "zone", "type": "string"}], "table", 2),
        ([{"name": "a"}, {"name": "a"}], "", None),
        ("no list", "", None),
        ([1], "", None),
    ],
)
def test_a_signature_of_another_library_is_read(inputs, form, width, tmp_path):
    """Of a flavor that is not served here too; a broken signature is skipped."""
    path = folder_of(tmp_path / "m", "flavors: {keras: {data: data}}\n", inputs)
    schema = Model.read(path).schema
    assert (schema.form, schema.width) == (form, width)


@pytest.mark.parametrize(
    ("mlmodel", "said"),
    [
        ("flavors: {keras: {data: data}}\n", "of the flavor keras, whose file is not loaded here"),
        ("flavors: {python_function: {python_model: python_model.pkl}}\n", "of Python code"),
        (SKLEARN.replace("model.pkl", "../model.pkl"), "of the flavor sklearn"),
        (SKLEARN.replace("1.9.1", "1.9.1, code: code"), "code of its author's"),
    ],
)
def test_what_mlflow_alone_can_load_is_said_so(mlmodel, said, tmp_path):
    """Both the script and loading here name what it is, and how it can be served."""
    model = Model.read(folder_of(tmp_path / "m", mlmodel))
    with pytest.raises(ModelLoadError, match=said) as caught:
        model.load()
    assert "mlflow.pyfunc.load_model" in caught.value.hint
    with pytest.raises(EntryScriptError, match=said):
        generate_source([model], schema=model.schema)


@pytest.mark.parametrize("content", ["a: [", "- 1", "flavors: 3", "&a [*a]", "[" * 1000])
def test_a_broken_mlmodel_leaves_a_plain_folder(content, tmp_path):
    """A folder whose MLmodel is none of MLflow's is described as one of any files."""
    folder_of(tmp_path / "m", "")
    (tmp_path / "m/MLmodel").write_text(content)
    assert Model.read(tmp_path / "m").format == "folder"
