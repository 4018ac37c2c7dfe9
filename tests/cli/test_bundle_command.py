"""modelship bundle, and deploying what modelship.yaml describes."""

import json
import pickle

import pytest
from sklearn.dummy import DummyClassifier

from modelship.bundle import ScoringBundle
from modelship.tables import Column, Outputs, Schema

SCRIPT = """
from answers import answer


def init():
    pass


def run(raw_data):
    return answer
"""


def test_bundle_saves_what_the_flags_say(modelship, files, here):
    """The folder can be loaded, has the printed digest, and what the flags said."""
    (here / "requirements.txt").write_text("")
    done = modelship(
        *("bundle", files / "model.pkl", "-o", "made", "--environment", "requirements.txt"),
        *("--sample-input", files / "request.json", "--cpu-cores", "0.5", "--tag", "data=digits"),
        *("--description", "Digits", "--json"),
    )
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    made = ScoringBundle.load(here / "made")
    assert document["digest"] == made.digest
    assert document["has_sample_input"] is True
    assert "azureml-inference-server-http" in document["packages"]
    assert (made.resources.cpu_cores, dict(made.tags)) == (0.5, {"data": "digits"})


def test_bundle_takes_packages_besides(modelship, files, here):
    """With an environment and without, from the command line and from the project's file."""
    (here / "requirements.txt").write_text("joblib\n")
    (here / "modelship.yaml").write_text("packages: [threadpoolctl]\n")
    model = ("bundle", files / "model.pkl", "-o", "made", "--json")
    for options, wanted in (
        (("--environment", "requirements.txt", "--package", "six>=1.16"), {"six", "joblib"}),
        ((), {"threadpoolctl", "scikit-learn"}),
    ):
        done = modelship(*model, *options)
        assert done.exit_code == 0, done.output
        assert wanted <= {*json.loads(done.stdout)["packages"]}
    twice = modelship(*model, "--package", "six", "--package", "six")
    assert (twice.exit_code, "six is given twice" in twice.stderr) == (6, True)


def test_bundle_takes_several_models(modelship, files, here):
    """Each is in the folder under its name; NAME= names one, and a script is asked for."""
    (here / "requirements.txt").write_text("")
    (here / "score.py").write_text("def init(): ...\ndef run(raw_data): ...\n")
    arguments = (f"digits={files / 'model.pkl'}", f"letters={files / 'model.pkl'}", "-o", "made")
    refused = modelship("bundle", *arguments, "--environment", "requirements.txt")
    assert (refused.exit_code, "2 models" in refused.stderr) == (5, True)
    options = ("--environment", "requirements.txt", "--entry-script", "score.py")
    done = modelship("bundle", *arguments, *options)
    assert done.exit_code == 0, done.output
    assert "digits:1, " in done.stdout
    assert [each.name for each in ScoringBundle.load(here / "made").models] == ["digits", "letters"]
    same = modelship("bundle", files / "model.pkl", files / "model.pkl", "-o", "made", *options)
    assert (same.exit_code, "differ in name or version" in same.stderr) == (2, True)


def test_the_project_file_names_several_models(modelship, files, here):
    """A list in modelship.yaml is seen from the file's folder, and checked as one bundle."""
    (here / "requirements.txt").write_text("")
    (here / "score.py").write_text("def init(): ...\ndef run(raw_data): return 1\n")
    (here / "a.pkl").write_bytes((files / "model.pkl").read_bytes())
    settings = {
        "model": ["a.pkl", "b=a.pkl"],
        "entry_script": "score.py",
        "environment": "requirements.txt",
    }
    (here / "modelship.yaml").write_text(json.dumps(settings))
    assert modelship("bundle", "-o", "made").exit_code == 0
    assert [each.name for each in ScoringBundle.load(here / "made").models] == ["a", "b"]
    assert modelship("evaluate", "--data", files / "test.npz").exit_code == 2
    (here / "a.pkl").write_bytes(b"\x80")
    broken = modelship("check", "--no-trial")
    assert (broken.exit_code, "MS305" in broken.output) == (5, True), broken.output


def test_the_project_file_is_deployed(modelship, files, here):
    """Without a folder, deploy runs what modelship.yaml describes, seen from its folder."""
    (here / "service").mkdir()
    (here / "service" / "score.py").write_text(SCRIPT)
    (here / "service" / "answers.py").write_text("answer = 42\n")
    (here / "requirements.txt").write_text("")
    settings = {
        "model": str(files / "model.pkl"),
        "source_directory": "service",
        "entry_script": "score.py",
        "environment": "requirements.txt",
        "sample_input": {"data": []},
        "name": "answer-svc",
        "target": "memory",
        "options": {"docker": {"base_image": "python:3.11-slim"}},
    }
    (here / "modelship.yaml").write_text(json.dumps(settings))
    done = modelship("deploy", "--quiet")
    assert done.exit_code == 0, done.output
    assert """modelship run answer-svc -t memory --data '{"data": []}'""" in done.stdout
    assert json.loads(modelship("run", "answer-svc", "--data", "{}").stdout) == 42


def test_bundle_prints_what_is_in_it(modelship, files, here):
    """People read the digest, the script, and what to type next."""
    (here / "requirements.txt").write_text("")
    arguments = ("bundle", files / "model.pkl", "--environment", "requirements.txt", "-o", "made")
    done = modelship(*arguments)
    assert f"made  sha256:{ScoringBundle.load(here / 'made').digest}" in done.stdout
    assert "score.py" in done.stdout
    assert "modelship deploy made -n NAME" in done.stdout


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_sample_with_a_byte_order_mark_is_read(modelship, files, here, encoding):
    """PowerShell and Notepad write one."""
    (here / "sample.json").write_text('{"data": [[0]]}', encoding=encoding)
    done = modelship("bundle", files / "model.pkl", "-o", "made", "--sample-input", "sample.json")
    assert done.exit_code == 0, done.output
    assert ScoringBundle.load(here / "made").sample_input == {"data": [[0]]}


def test_what_a_bundle_cannot_be_made_of_is_told(modelship, files, here):
    """Missing and broken parts have the exit code of their kind."""
    (here / "score.py").write_text("def init(): pass\n")
    (here / "broken.json").write_text("{")
    model = files / "model.pkl"
    assert modelship("bundle", model).exit_code == 2
    assert modelship("bundle", "-o", "made").exit_code == 2
    no_run = modelship("bundle", model, "-o", "made", "--entry-script", "score.py")
    assert (no_run.exit_code, "run()" in no_run.stderr) == (5, True)
    broken = modelship("bundle", model, "-o", "made", "--sample-input", "broken.json")
    assert (broken.exit_code, "is not JSON" in broken.stderr) == (5, True)
    missing = modelship("bundle", model, "-o", "made", "--sample-input", "none.json")
    assert (missing.exit_code, "none.json" in missing.stderr) == (2, True)
    assert modelship("bundle", model, "-o", "m", "--environment", "none.yml").exit_code == 6
    assert not (here / "made").exists()


@pytest.mark.parametrize("command", [("bundle", "-o", "out"), ("evaluate", "--data", "TEST")])
def test_what_is_no_model_is_told_with_what_it_is(modelship, files, command):
    """A script or a saved bundle in place of a model is called that, and the error is no other."""
    name, *flags = [str(files / "test.npz") if each == "TEST" else each for each in command]
    done = modelship(name, files / "raising.py", *flags)
    assert (done.exit_code, "it is a scoring script" in done.stderr) == (3, True)
    assert "it is a saved bundle already" in modelship(name, files / "bundle", *flags).stderr


@pytest.mark.parametrize("command", ["deploy", "check"])
def test_what_is_no_bundle_is_told_before_all_else(modelship, files, command):
    """Before a name is asked for, with the command that makes a bundle of it."""
    done = modelship(command, files / "model.pkl")
    assert (done.exit_code, "it is a model (joblib)" in done.stderr) == (5, True)
    assert f"modelship bundle {files / 'model.pkl'} -o bundle" in done.stderr


def test_bundle_says_what_a_written_script_answers_and_refuses(modelship, files, here):
    """By flags and by the keys of the project's file, which a schema may go with."""
    (here / "requirements.txt").write_text("")
    schema = Schema("table", (Column("a"), Column("b")), outputs=Outputs(probabilities=True))
    (here / "schema.json").write_text(schema.to_json())
    constant = DummyClassifier().fit([[0, 1]], [1])
    (here / "model.pkl").write_bytes(pickle.dumps(constant))
    model = ("bundle", here / "model.pkl", "-o", "made", "--environment", "requirements.txt")
    (here / "other.yaml").write_text("output: proba\nvalidate: false\nschema: schema.json\n")
    for options in (
        ("--proba", "--no-validate", "--schema", "schema.json"),
        ("--config", "other.yaml"),
    ):
        done = modelship(*model, *options)
        assert done.exit_code == 0, done.output
        made = ScoringBundle.load(here / "made")
        [script] = [each.content.decode() for each in made.source if each.path == "score.py"]
        assert ("answer_proba" in script, "validate=False" in script) == (True, True)
        assert made.schema.names == ("a", "b")
    (here / "other.yaml").write_text("output: classes\n")
    wrong = modelship(*model, "--config", "other.yaml")
    assert (wrong.exit_code, "labels or proba" in wrong.stderr) == (2, True)
