"""An MLflow model is deployed without code: its environment comes from its own files."""

from __future__ import annotations

import pytest
from mlflow_models import DESCRIPTION, FILES, PYTHON, registered
from online_requests import open_online

from modelship.testing.offline.faults import StageFault


@pytest.fixture(scope="module")
def online(tmp_path_factory, shared_home):
    """Return a workspace that all tests of this module share."""
    with open_online(tmp_path_factory.mktemp("mlflow") / "offline", home=shared_home) as found:
        yield found


def requested(online, model, **more):
    """Request a deployment of a model without code; return the answer and what runs."""
    name, _ = online.endpoint()
    body = {"sku": {"capacity": 1}, "properties": {"model": model, **more}}
    answer = online.put(name, "blue", body)
    documents = online.offline._shared.store.documents("services")
    document = documents.get(f"online:{name}.blue") or {}
    return name, answer, document.get("environmentImageRequest")


def test_the_model_has_the_environment(online):
    """With what the script needs added once, and the script knows the model's folder."""
    online.offline.faults.plant(StageFault("stuck"))  # so that nothing is built
    name, answer, runs = requested(online, registered(online, "doubling", FILES))
    assert answer.status_code == 201, answer.text
    [*plain, pip] = runs["environment"]["python"]["condaDependencies"]["dependencies"]
    assert plain == [f"python={PYTHON}", "pip"]
    assert pip["pip"] == ["mlflow-skinny", "numpy", "azureml-inference-server-http", "pandas"]
    key = runs["assets"][0]["url"].removeprefix("aml://artifact/")
    script = online.offline._shared.store.blob(key).read_text()
    compile(script, "score.py", "exec")
    assert "os.environ[\"AZUREML_MODEL_DIR\"], 'folder'" in script
    assert online.call("DELETE", f"onlineEndpoints/{name}").status_code == 202


@pytest.mark.parametrize(
    ("name", "files", "kind", "words"),
    [
        ("bare", {"model.pkl": ""}, "MLFlowModel", "no file MLmodel"),
        ("alone", {"MLmodel": DESCRIPTION}, "MLFlowModel", "no conda file"),
        ("odd", {"MLmodel": "["}, "MLFlowModel", "not the YAML that MLflow writes"),
        ("custom", FILES, "CustomModel", "add a scoring script"),
    ],
)
def test_a_model_that_does_not_describe_itself_is_refused(online, name, files, kind, words):
    """The message says what is missing."""
    _, answer, runs = requested(online, registered(online, name, files, kind=kind))
    assert (answer.status_code, runs) == (400, None)
    assert words in answer.json()["error"]["message"]


@pytest.mark.long  # in the gate: test_the_model_has_the_environment
def test_the_model_answers(online):
    """Tables in MLflow's format, and rows; another body gets the status of the container."""
    name, answer, _ = requested(online, registered(online, "answering", FILES))
    found = online.settled(answer)
    assert found["status"] == "Succeeded", (found, online.logs(name, "blue"))
    online.endpoint(name, traffic={"blue": 100})
    for rows in ('[{"a": 1}]', '{"columns": ["a"], "index": [0], "data": [[1]]}'):
        assert online.ask(name, f'{{"input_data": {rows}}}').json() == [{"a": 2}]
    refused = online.ask(name, '{"data": []}')
    assert refused.status_code == 424
    assert refused.headers["ms-azureml-model-error-statuscode"] == "400"
