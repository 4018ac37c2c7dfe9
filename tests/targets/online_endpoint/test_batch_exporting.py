"""Bundles as files of a batch endpoint: what is written, what they score, what deploy.sh does."""

import json
import marshal
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from modelship.batch.mini_batch.batch_pool import BatchSummary, score_files
from modelship.batch.mini_batch.mini_batch_settings import BatchSettings
from modelship.bundle import ScoringBundle
from modelship.cli.app import cli
from modelship.errors import InvalidOptionError
from modelship.sources import Model
from modelship.targets.online_endpoint.az_yaml.batch_exporting import export_batch_endpoint
from modelship.targets.online_endpoint.az_yaml.row_driver import columns_of, rows_of
from modelship.testing import offline_bundle

ONLINE = """
import json, os, pathlib

def init():
    global weight
    weight = int((pathlib.Path(os.environ["AZUREML_MODEL_DIR"]) / "weight.txt").read_text())

def run(raw_data):
    rows = json.loads(raw_data)["data"]
    assert len(rows) <= 2
    return {"predictions": [weight * row["a"] for row in rows], "text": [r["b"] for r in rows]}
"""
BATCH = (
    "def init(): pass\ndef run(raw_data): return []\ndef run_batch(mini_batch): return mini_batch\n"
)
OF_AZURE = "def init(): pass\ndef run(mini_batch): return [len(mini_batch)] * len(mini_batch)\n"


@pytest.fixture
def bundled(tmp_path):
    """Return a function that makes the bundle of a script and a model."""
    (tmp_path / "weight.txt").write_text("7")

    def make(text, sample=None):
        (tmp_path / "score.py").write_text(text)
        model = Model.read(tmp_path / "weight.txt")
        script = tmp_path / "score.py"
        given = {"entry_script": script, "environment": ["six==1.16.0"], "sample_input": sample}
        return offline_bundle(ScoringBundle(model, **given))

    return make


@pytest.fixture
def score(tmp_path):
    """Return a function that scores files with an exported folder."""
    (tmp_path / "in").mkdir()

    def run(folder, **settings):
        place = folder / "code/batch_driver.py"
        variables = {"AZUREML_MODEL_DIR": str(folder / "model")}
        places = (str(place), str(tmp_path / "in"), str(tmp_path / "scored"))
        given = {"variables": variables, "max_retries": 0, **settings}
        said = []
        return score_files(BatchSettings(*places, **given), say=said.append), said

    return run


def test_the_rows_of_files_go_to_run(bundled, score, tmp_path):
    """In bodies like the sample request; a line of the output is a row, and a bad file fails."""
    bundle = bundled(ONLINE, {"data": [{"a": 1, "b": "x"}]})
    options = {"rows_per_call": 2, "compute": "mine"}
    made = export_batch_endpoint(bundle, tmp_path / "out", name="digits", options=options)
    (tmp_path / "in/one.csv").write_text('a,b\n1,x\n2,"y\n"\n3,z\n')
    (tmp_path / "in/two.jsonl").write_text('{"a": 4, "b": "w"}\n')
    (tmp_path / "in/xxx.csv").write_text("c\n1\n")
    deployment = yaml.safe_load((made.folder / "deployment.yml").read_text())
    settings = deployment["settings"]
    summary, said = score(
        made.folder,
        mini_batch_size=settings["mini_batch_size"],
        output_file_name=settings["output_file_name"],
    )
    assert summary == BatchSummary(3, 1, 4, failed_batches=1), said
    lines = (tmp_path / "scored/predictions.jsonl").read_text().splitlines()
    assert [json.loads(each) for each in lines] == [
        {"file": "one.csv", "row": 0, "prediction": 7, "text": "x"},
        {"file": "one.csv", "row": 1, "prediction": 14, "text": "y\n"},
        {"file": "one.csv", "row": 2, "prediction": 21, "text": "z"},
        {"file": "two.jsonl", "row": 0, "prediction": 28, "text": "w"},
    ]
    assert "KeyError: 'a'" in "".join(said)


@pytest.mark.parametrize(("script", "row"), [(BATCH, "a.txt"), (OF_AZURE, "2")])
def test_a_script_of_mini_batches_gets_the_paths(bundled, score, tmp_path, script, row):
    """As run_batch(), or as Azure's run()."""
    made = export_batch_endpoint(bundled(script), tmp_path / "out", name="digits")
    assert "code/modelship_row_driver.py" not in made.files
    for name in ("a.txt", "b.txt"):
        (tmp_path / "in" / name).touch()
    assert score(made.folder)[0] == BatchSummary(2, 0, 2)
    first = (tmp_path / "scored/predictions.csv").read_text().splitlines()[0]
    assert first.endswith(row)


def test_the_files_are_those_of_az_ml(bundled, tmp_path):
    """The environment has the packages that Azure needs; nothing imports modelship."""
    options = {"instance_count": 3, "timeout": 9, "error_threshold": 0}
    made = export_batch_endpoint(
        bundled(BATCH), tmp_path / "out", name="digits", options=options, variables={"A": "1"}
    )
    found = yaml.safe_load((made.folder / "deployment.yml").read_text())
    assert (found["name"], found["type"]) == (made.deployment, "model")
    assert (found["compute"], found["resources"]) == (
        "azureml:batch-cluster",
        {"instance_count": 3},
    )
    assert found["settings"]["retry_settings"] == {"max_retries": 3, "timeout": 9}
    assert found["settings"]["environment_variables"] == {"A": "1"}
    assert found["model"]["path"] == "model/weight.txt"
    conda = (made.folder / "conda.yml").read_text()
    assert "six==1.16.0" in conda
    assert "azureml-dataset-runtime[fuse]" in conda
    texts = [(made.folder / each).read_text() for each in made.files]
    assert not any("import modelship\n" in text or "from modelship" in text for text in texts)


@pytest.mark.parametrize(
    ("script", "options", "message"),
    [
        (BATCH, {"instance_count": 0}, "instance_count"),
        (BATCH, {"output_action": "both"}, "output_action"),
        (BATCH, {"output_file_name": "a/b"}, "output_file_name"),
        ("@rawhttp\ndef run(request): ...\ndef init(): ...\n", {}, "run_batch"),
    ],
)
def test_what_cannot_be_deployed_is_refused(bundled, tmp_path, script, options, message):
    """Nothing is written then."""
    with pytest.raises(InvalidOptionError, match=message):
        export_batch_endpoint(bundled(script), tmp_path / "out", name="digits", options=options)
    assert not (tmp_path / "out").exists()


def test_the_command_writes_the_folder(bundled, tmp_path):
    """Its options are checked by name."""
    run = CliRunner().invoke
    bundle = bundled(BATCH).save(tmp_path / "bundle")
    words = ["export", "batch-endpoint", str(bundle), "-n", "digits"]
    output = ["-o", str(tmp_path / "out"), "--option", "mini_batch_size=20", "--json"]
    done = run(cli, [*words, *output])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["endpoint"] == "digits"
    text = (tmp_path / "out/deployment.yml").read_text()
    assert yaml.safe_load(text)["settings"]["mini_batch_size"] == 20
    refused = run(cli, [*words, "-o", str(tmp_path / "no"), "--option", "minibatch=1"])
    assert (refused.exit_code, "minibatch" in refused.output) == (2, True)


def test_the_script_deploys_once(bundled, tmp_path):
    """A second run creates nothing."""
    made = export_batch_endpoint(bundled(BATCH), tmp_path / "out", name="digits")
    program = tmp_path / "bin/az"
    program.parent.mkdir()
    fake = Path(__file__).with_name("fake_az.py")
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{fake}" "$@"\n')
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    variables = {"PATH": path, "FAKE_AZ_STATE": str(tmp_path / "state")}
    command = ["bash", made.folder / "deploy.sh"]
    for _ in range(2):
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stdout) == (0, "https://digits/jobs\n"), done.stderr
    state = marshal.loads((tmp_path / "state").read_bytes())
    created = [call for call in state["calls"] if call.endswith("create")]
    kinds = ("compute", "batch-endpoint", "model", "environment", "batch-deployment")
    assert created == [f"{kind} create" for kind in kinds]
    assert state["batch-deployment"][made.deployment]["set"][0] == "model=azureml:weight:1"
    default = f"defaults.deployment_name={made.deployment}"
    assert state["batch-endpoint"]["digits"]["set"] == [default]


@pytest.mark.parametrize(
    ("answer", "columns"),
    [
        ([1, 2], {"prediction": [1, 2]}),
        ([[1, 2], [3, 4]], {"prediction_0": [1, 3], "prediction_1": [2, 4]}),
        ([{"a": 1}, {"a": 2}], {"a": [1, 2]}),
        (
            {"predictions": ["x", "y"], "probabilities": [[0, 1], [1, 0]], "classes": ["x", "y"]},
            {"prediction": ["x", "y"], "probability_x": [0, 1], "probability_y": [1, 0]},
        ),
    ],
)
def test_answers_become_columns(answer, columns):
    """With the names that `modelship batch` gives them."""
    assert columns_of(answer, rows=2) == columns


@pytest.mark.parametrize("answer", [[1], {"a": 1}, {}, None, {"a": [1, 2], "b": [1]}])
def test_an_answer_needs_a_value_for_each_row(answer):
    """The message says how many it had."""
    with pytest.raises(ValueError, match="values .*for 2 rows"):
        columns_of(answer, rows=2)


def test_csv_values_have_the_type_of_their_column(tmp_path):
    """Columns of text in the schema stay text."""
    place = tmp_path / "t.csv"
    place.write_text("\ufeffa,b,c,d,e\n1,1.5,true,x,007\nNA,2,,y,1\n", encoding="utf-8")
    assert rows_of(str(place), text=frozenset({"e"})) == [
        {"a": 1, "b": 1.5, "c": True, "d": "x", "e": "007"},
        {"a": None, "b": 2.0, "c": None, "d": "y", "e": "1"},
    ]
    place.write_text("a,b\n1\n")
    with pytest.raises(ValueError, match="row 0 of .* has 1 values, and 2 columns"):
        rows_of(str(place))
