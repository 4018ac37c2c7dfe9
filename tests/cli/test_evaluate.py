"""modelship evaluate."""

import json
import os
import pickle
import re
import shutil

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from modelship.bundle import ScoringBundle
from modelship.sources import Model
from modelship.testing import offline_bundle


def test_a_model_is_scored(modelship, files):
    """The table shows the metrics and the bound that was kept."""
    done = modelship(
        "evaluate", files / "model.pkl", "--data", files / "test.npz", "--require", "accuracy=0.85"
    )
    assert done.exit_code == 0, done.output
    assert "accuracy" in done.stdout
    assert "0.85" in done.stdout
    assert "597" in done.stdout


def test_the_model_in_a_folder_of_mlflow_is_scored(modelship, files, tmp_path):
    """What MLflow saved is a model: its MLmodel file says which file that is."""
    (tmp_path / "saved").mkdir()
    shutil.copy(files / "model.pkl", tmp_path / "saved/model.pkl")
    (tmp_path / "saved/MLmodel").write_text("flavors: {sklearn: {pickled_model: model.pkl}}")
    arguments = ("--data", files / "test.npz", "--json")
    whole, alone = (
        modelship("evaluate", each, *arguments)
        for each in (tmp_path / "saved", files / "model.pkl")
    )
    assert whole.exit_code == 0, whole.output
    assert json.loads(whole.stdout)["metrics"] == json.loads(alone.stdout)["metrics"]


def test_a_service_is_scored_like_its_model(modelship, files, service):
    """The report over HTTP equals the one of the file."""
    data = ("--data", files / "test.npz", "--json")
    here = json.loads(modelship("evaluate", files / "model.pkl", *data).stdout)
    there = json.loads(modelship("evaluate", "-n", service, "-t", "memory", *data).stdout)
    assert there["confusion_matrix"] == here["confusion_matrix"]
    assert there["n_samples"] == 597
    assert there["gate"] is None


def test_a_failed_gate_exits_with_4_after_the_report(modelship, files):
    """Who looks at a failed job finds the numbers as well as the bound."""
    arguments = ("evaluate", files / "model.pkl", "--data", files / "test.npz")
    done = modelship(*arguments, "--require", "accuracy=0.999", "--require", "log_loss=9")
    assert done.exit_code == 4
    assert "balanced_accuracy" in done.stdout
    assert "at least 0.999 is required" in done.stderr
    assert "log_loss is" not in done.stderr


def test_a_failed_gate_is_one_json_document(modelship, files):
    """With --json, the report, the gate and the error are one document."""
    arguments = ("evaluate", files / "model.pkl", "--data", files / "test.npz", "--json")
    done = modelship(*arguments, "--require", "accuracy=0.999")
    document = json.loads(done.stdout)
    assert done.exit_code == document["error"]["exit_code"] == 4
    assert document["error"]["type"] == "GateError"
    assert document["gate"]["passed"] is False
    assert document["gate"]["require"] == {"accuracy": 0.999}
    assert document["metrics"]["accuracy"] < 0.999


def test_pictures_and_html_are_written(modelship, files, here):
    """Each of the three options writes its file."""
    outputs = ("--html", "r.html", "--confusion-matrix", "c.png", "--predictions", "p.png")
    done = modelship("evaluate", files / "model.pkl", "--data", files / "test.npz", *outputs)
    assert done.exit_code == 0, done.output
    assert (here / "r.html").read_text().lstrip().lower().startswith("<!doctype html>")
    assert (here / "c.png").read_bytes().startswith(b"\x89PNG")
    assert (here / "p.png").read_bytes().startswith(b"\x89PNG")


def test_the_project_file_says_it_all(modelship, files, here):
    """Model, data and bounds of modelship.yaml stand in for arguments."""
    settings = {"model": str(files / "model.pkl"), "data": str(files / "test.npz")}
    (here / "modelship.yaml").write_text(json.dumps(settings | {"require": {"accuracy": 0.999}}))
    assert modelship("evaluate").exit_code == 4
    assert modelship("evaluate", "--require", "accuracy=0.85").exit_code == 0


def test_the_project_file_says_what_the_test_set_is(modelship, here):
    """Its label, task and decimal comma; a flag stands over it."""
    joblib.dump(LinearRegression().fit([[0.5], [1.5]], [1, 3]), here / "line.joblib")
    (here / "test.csv").write_text("y;a\n1;0,5\n3;1,5\n")
    (here / "modelship.yaml").write_text(
        "model: line.joblib\ndata: test.csv\nlabel: y\ntask: regression\ndecimal: ','\n"
    )
    done = modelship("evaluate", "--json")
    assert json.loads(done.stdout)["task"] == "regression", done.output
    assert json.loads(done.stdout)["metrics"]["mae"] == pytest.approx(0)
    assert "no column" in modelship("evaluate", "--label", "none").stderr


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (("MODEL",), 2, "--data FILE"),
        (("--data", "DATA"), 2, "-n NAME"),
        (("MODEL", "-n", "digits-svc", "--data", "DATA"), 2, "not both"),
        (("MODEL", "--data", "none.npz"), 2, "existing .csv"),
        (("MODEL", "--data", "DATA", "--require", "accuracy"), 2, "key=value"),
        (("MODEL", "--data", "DATA", "--require", "accuracy=high"), 2, "is not a number"),
        (("MODEL", "--data", "DATA", "--require", "acuracy=0.9"), 4, "did you mean 'accuracy'"),
        (("none.pkl", "--data", "DATA"), 3, "There is no model at"),
        (("nowhere:x", "--data", "DATA"), 2, "There is no source named 'nowhere'"),
        (("-n", "digits-svc", "-t", "memory", "--data", "DATA"), 7, "There is no deployment"),
    ],
)
def test_what_cannot_be_meant_is_told(modelship, files, arguments, exit_code, said):
    """Each mistake has its exit code and a message that names it."""
    meant = {"MODEL": files / "model.pkl", "DATA": files / "test.npz"}
    done = modelship("evaluate", *(meant.get(each, each) for each in arguments))
    assert done.exit_code == exit_code, done.output
    assert said in done.stderr


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Return a folder with the model of a table, its bundle for memory, and its test set."""
    folder = tmp_path_factory.mktemp("tables")
    rng = np.random.default_rng(0)
    size, zone = rng.integers(0, 90, 60), rng.choice(["007", "010"], 60)
    frame = pd.DataFrame({"zone": zone, "size": size, "kind": np.where(size > 50, "a", "b")})
    encoder = make_column_transformer((OneHotEncoder(), ["zone"]), remainder="passthrough")
    model = make_pipeline(encoder, LogisticRegression(max_iter=1000))
    joblib.dump(model.fit(frame[["zone", "size"]], frame["kind"]), folder / "model.pkl")
    frame[["kind", "size", "zone"]].to_csv(folder / "swapped.csv")
    frame[["kind", "size"]].rename(columns={"size": "sizes"}).to_csv(folder / "lacking.csv")
    sample = frame[["zone", "size"]].head(2)
    bundle = ScoringBundle(Model.read(folder / "model.pkl"), sample_input=sample)
    offline_bundle(bundle).save(folder / "bundle")
    return folder


def test_columns_of_a_file_go_by_name_to_a_model_and_to_its_service(modelship, tables):
    """In another order, with an index and codes that look like numbers, here and there."""
    deployed = modelship("deploy", tables / "bundle", "-n", "tables-svc", "-t", "memory")
    assert deployed.exit_code == 0, deployed.output
    data = ("--data", tables / "swapped.csv", "--json")
    here = modelship("evaluate", tables / "model.pkl", *data)
    there = modelship("evaluate", "-n", "tables-svc", "-t", "memory", *data)
    assert json.loads(here.stdout)["metrics"]["accuracy"] > 0.9, here.output
    assert (
        json.loads(there.stdout)["confusion_matrix"] == json.loads(here.stdout)["confusion_matrix"]
    )
    for subject in ((tables / "model.pkl",), ("-n", "tables-svc", "-t", "memory")):
        done = modelship("evaluate", *subject, "--data", tables / "lacking.csv", "--label", "kind")
        assert done.exit_code == 4
        assert "lacks the columns 'zone', 'size' (did you mean 'sizes'?)" in done.stderr


def test_the_task_is_that_of_the_model_and_can_be_given(modelship, here):
    """A regression of whole numbers is one, here and as a service; --task says otherwise."""
    X = np.arange(20.0).reshape(10, 2)
    joblib.dump(LinearRegression().fit(X, X[:, 0]), "model.pkl")
    np.savez("test.npz", X=X, y=X[:, 0].astype(int))
    bundle = ScoringBundle(Model.read("model.pkl"), sample_input={"data": X[:2]})
    offline_bundle(bundle).save("bundle")
    assert modelship("deploy", "bundle", "-n", "line-svc", "-t", "memory").exit_code == 0
    for subject in (("model.pkl",), ("-n", "line-svc", "-t", "memory")):
        done = modelship("evaluate", *subject, "--data", "test.npz", "--require", "rmse=0.1")
        assert done.exit_code == 0, done.output
    done = modelship("evaluate", "model.pkl", "--data", "test.npz", "--task", "classification")
    assert "--task regression" in done.stderr


def test_several_labels_are_several_outputs(modelship, here):
    """Each output has its row in the table, and its part in the document."""
    frame = pd.DataFrame({"a": [0, 1, 0, 1], "x": [1.5, 9.5, 2.5, 8.5], "b": ["n", "y", "n", "y"]})
    model = RandomForestClassifier(5, random_state=0).fit(
        frame[["x"]], frame[["a", "b"]].astype(str)
    )
    joblib.dump(model, "model.pkl")
    frame.to_csv("test.csv", index=False)
    scored = ("evaluate", "model.pkl", "--data", "test.csv", "--label", "a", "--label", "b")
    done = modelship(*scored, "--html", "r.html", "--confusion-matrix", "c.png")
    assert done.exit_code == 0, done.output
    assert re.search(r"^ *b +1\.0000", done.stdout, re.MULTILINE)
    document = json.loads(modelship(*scored, "--json").stdout)
    assert [each["name"] for each in document["outputs"]] == ["a", "b"]


def test_a_service_of_another_form_is_scored_with_functions_of_a_module(modelship, files, here):
    """--encode and --decode name functions of a module, or of a file, of the current folder."""
    (here / "forms.py").write_text(
        "def encode(rows):\n    return {'data': rows.tolist()}\n"
        "def decode(answer):\n    return [9 - label for label in answer]\n"
    )
    modelship("deploy", files / "bundle", "-n", "digits-svc", "-t", "memory")
    scored = (
        "evaluate",
        "-n",
        "digits-svc",
        "-t",
        "memory",
        "--data",
        files / "test.npz",
        "--json",
    )
    usual = json.loads(modelship(*scored, "--encode", "forms.py:encode").stdout)
    other = json.loads(modelship(*scored, "--decode", "forms:decode").stdout)
    assert usual["metrics"]["accuracy"] > 0.8 > other["metrics"]["accuracy"]
    for given in ("forms", "forms:none", "none:decode", "none.py:decode"):
        done = modelship(*scored, "--decode", given)
        assert (done.exit_code, "--decode" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(("option", "of"), [("--encode", "requests"), ("--decode", "answers")])
def test_functions_for_a_service_are_refused_beside_a_model(modelship, files, here, option, of):
    """They would change nothing in how the model is evaluated."""
    (here / "forms.py").write_text("def same(it):\n    return it\n")
    given = ("--data", files / "test.npz", option, "forms.py:same")
    settings = here / "modelship.yaml"
    settings.write_text(f"model: {files / 'model.pkl'}\n")
    for typed in ((files / "model.pkl",), ("--config", settings)):
        done = modelship("evaluate", *typed, *given)
        assert done.exit_code == 2, done.output
        assert f"{option} is for the {of} of a service" in done.stderr


class MakesFolder:
    """Makes a folder when it is loaded."""

    def __reduce__(self):
        return os.mkdir, ("made by loading",)


def test_a_model_that_runs_code_is_loaded_only_if_trusted(modelship, here):
    """--trust-model loads it, and prints on stderr what that runs."""
    (here / "model.pkl").write_bytes(pickle.dumps(MakesFolder()))
    np.savez(here / "test.npz", X=[[0.0]], y=[0])
    refused = modelship("evaluate", "model.pkl", "--data", "test.npz")
    assert (refused.exit_code, (here / "made by loading").exists()) == (3, False)
    trusted = modelship("evaluate", "model.pkl", "--data", "test.npz", "--trust-model")
    assert "trusted model.pkl: loading it would call" in trusted.stderr
    assert (here / "made by loading").exists()
