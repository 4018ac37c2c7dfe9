"""Deployment without code: the SDK sends a model alone, and a service answers."""

from __future__ import annotations

import json
import runpy

import pytest
from azureml.core import Model
from azureml.core.resource_configuration import ResourceConfiguration
from azureml.exceptions import WebserviceException
from offline_services import deploying

from modelship.testing.offline.nocode.no_code import NoCode

X = [[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]]
SKLEARN = Model.Framework.SCIKITLEARN


@pytest.fixture(scope="module")
def place(tmp_path_factory, shared_home):
    """Return a deployer whose workspace all tests of this module share."""
    with deploying(tmp_path_factory.mktemp("nocode"), home=shared_home) as found:
        yield found


@pytest.fixture(scope="module")
def classifier():
    """Return a classifier that was fitted."""
    from sklearn.linear_model import LogisticRegression  # dear, and each worker reads this file

    return LogisticRegression().fit(X, [0, 0, 1, 1])


def registered(place, model, *, framework=SKLEARN, name="model", **options):
    """Register an object as a pickle of joblib."""
    import joblib

    path = place.folder / f"{name}.pkl"
    joblib.dump(model, path)
    return Model.register(place.ws, path.name, name, model_framework=framework, **options)


def deployed(place, model):
    """Deploy a model and nothing else, and return the service once it is healthy."""
    service = Model.deploy(place.ws, place.name("nocode"), [model])
    operation = place.settle(service)
    assert operation["state"] == "Succeeded", (operation, service.get_logs())
    return service


@pytest.fixture(scope="module")
def served(place, classifier):
    """Return a service that a classifier was deployed to; later tests update it."""
    resources = ResourceConfiguration(cpu=1, memory_in_gb=1.5)
    model = registered(place, classifier, name="classifier", resource_configuration=resources)
    return deployed(place, model)


def test_a_model_is_served_without_code(served, classifier):
    """It answers as Azure's container does: the method's name with its values; no key is needed."""
    service = served
    request = {"data": X[:2]}
    assert service.run(json.dumps(request)) == {
        "predict_proba": classifier.predict_proba(X[:2]).tolist()
    }
    assert service.run(json.dumps({**request, "method": "predict"})) == {"predict": [0, 0]}
    with pytest.raises(WebserviceException, match="the body has no"):
        service.run(json.dumps({"rows": []}))
    with pytest.raises(WebserviceException, match="this model has predict_proba, predict"):
        service.run(json.dumps({**request, "method": "save"}))
    assert service.container_resource_requirements.memory_in_gb == 1.5
    assert not service.auth_enabled


# In the gate, the next one has predict() alone, too.
@pytest.mark.long
def test_a_service_is_updated_to_a_model_with_predict_alone(place, served):
    """It answers rows without names with the values of predict()."""
    from sklearn.linear_model import LinearRegression

    regression = LinearRegression().fit(X, [row[0] for row in X])
    served.update(models=[registered(place, regression, name="regression")])
    assert place.settle(served)["state"] == "Succeeded"
    answer = served.run(json.dumps({"data": X[:2]}))
    assert answer == {"predict": pytest.approx([0.0, 1.0])}


def test_a_service_is_updated_to_a_model_that_was_fitted_with_named_columns(place, served):
    """Rows with names, or columns with names, are what pandas makes a frame of."""
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    chosen = ColumnTransformer([("left", "passthrough", ["a"])])
    rows = [{"a": row[0], "b": row[1]} for row in X]
    columns = {name: [row[i] for row in X] for i, name in enumerate("ab")}
    frame = pd.DataFrame(columns)
    model = make_pipeline(chosen, LinearRegression()).fit(frame, [0, 1, 2, 3])
    service = served
    service.update(models=[registered(place, model, name="named")])
    assert place.settle(service)["state"] == "Succeeded"
    expected = {"predict": model.predict(frame).tolist()}
    assert service.run(json.dumps({"data": rows})) == expected
    assert service.run(json.dumps({"data": columns})) == expected


def test_what_is_no_model_fails_when_it_is_deployed(place):
    """And not at the first request; the log says what the file holds."""
    from sklearn.linear_model import LinearRegression

    model = registered(place, {"model": LinearRegression()}, name="dict")
    service = Model.deploy(place.ws, place.name("nocode"), [model])
    assert place.settle(service)["state"] == "Failed"
    assert "the file holds a dict, which is no model" in service.get_logs()


@pytest.fixture(scope="module")
def doubling(place):
    """Return a registered ONNX model that doubles its input."""
    onnx = pytest.importorskip("onnx")
    node = onnx.helper.make_node("Add", ["x", "x"], ["doubled"])
    values = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None])
        for name in ("x", "doubled")
    ]
    graph = onnx.helper.make_graph([node], "g", values[:1], values[1:])
    opset = onnx.helper.make_opsetid("", 17)
    content = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=9)
    (place.folder / "double.onnx").write_bytes(content.SerializeToString())
    return Model.register(place.ws, "double.onnx", "double", model_framework=Model.Framework.ONNX)


DOUBLING = {"data": [1.0, 2.5]}
DOUBLED = {"doubled": [2.0, 5.0]}


def test_an_onnx_model_has_a_script_and_its_runtime(place, doubling, monkeypatch):
    """The script answers with each output by its name."""
    store = place.offline._shared.store
    image = NoCode(store).completed_image({"modelIds": [doubling.id]})
    pip = image["environment"]["python"]["condaDependencies"]["dependencies"][1]["pip"]
    assert [each for each in pip if each.startswith("onnxruntime")]
    [asset] = image["assets"]
    script = store.blob(asset["url"].removeprefix("aml://artifact/"))
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(place.folder))
    names = runpy.run_path(str(script))
    names["init"]()
    assert names["run"](json.dumps(DOUBLING)) == DOUBLED


# In the gate, the test above runs its script, and that of a classifier is deployed.
@pytest.mark.long
def test_an_onnx_model_is_served_without_code(place, doubling):
    """It answers with each output by its name."""
    assert deployed(place, doubling).run(json.dumps(DOUBLING)) == DOUBLED


@pytest.mark.parametrize(
    ("framework", "content", "words"),
    [
        (Model.Framework.TENSORFLOW, b"SavedModel", "its framework is TensorFlow"),
        (SKLEARN, b"not a pickle", "InferenceConfig"),
    ],
)
def test_what_cannot_be_served_without_code_says_why(place, framework, content, words):
    """The SDK's error has a sentence, and what to do instead."""
    (place.folder / "odd.bin").write_bytes(content)
    model = Model.register(place.ws, "odd.bin", "odd", model_framework=framework)
    with pytest.raises(WebserviceException, match=words) as caught:
        Model.deploy(place.ws, place.name(), [model])
    assert "Write a score.py" in str(caught.value)
