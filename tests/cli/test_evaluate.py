"""modelship evaluate."""

import json
import os
import pickle

import numpy as np
import pytest


def test_a_model_is_scored(modelship, files):
    """The table shows the metrics and the bound that was kept."""
    done = modelship(
        "evaluate", files / "model.pkl", "--data", files / "test.npz", "--require", "accuracy=0.85"
    )
    assert done.exit_code == 0, done.output
    assert "accuracy" in done.stdout
    assert "0.85" in done.stdout
    assert "597" in done.stdout


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
