"""``modelship inspect``: what a person and a program are told of a model file."""

from __future__ import annotations

import json
import zipfile

import joblib
import pandas as pd
import pytest
import sklearn
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from modelship.cli.app import cli


@pytest.fixture
def linear(here):
    """Return the path of an honest model."""
    joblib.dump(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), here / "linear.joblib")
    return here / "linear.joblib"


@pytest.fixture
def evil(here):
    """Return the path of a pickle that would run a command, beside much that is unknown."""
    names = [f"strange{number}.Thing" for number in range(20)]
    names += [f"pile.X{number}" for number in range(9)]
    body = "".join("c{}\n{}\n0".format(*name.split(".")) for name in names)
    (here / "evil.pkl").write_text(f"{body}cos\nsystem\n(S'touch marker'\ntR.")
    return here / "evil.pkl"


def test_an_honest_model_is_described(modelship, linear):
    """A person is told the format, the size, the digest, the writer, and what is named."""
    done = modelship("inspect", linear)
    assert done.exit_code == 0, done.output
    for words in (
        "joblib, protocol 4",
        f"{linear.stat().st_size} bytes",
        f"scikit-learn {sklearn.__version__}",
        f"scikit-learn=={sklearn.__version__}, joblib, numpy",
        "sklearn.linear_model._logistic",
        "LogisticRegression",
        "nothing found",
    ):
        assert words in done.output, done.output


def test_what_the_file_holds_is_told(modelship, here):
    """A dict of parts is described with its keys, in words and as JSON."""
    joblib.dump({"model": LogisticRegression(), "threshold": 0.3}, here / "parts.pkl")
    done = modelship("inspect", here / "parts.pkl")
    assert "a dict (keys model, threshold), which has no predict()" in done.output
    document = json.loads(modelship("inspect", here / "parts.pkl", "--json").stdout)
    assert (document["class"], document["predicts"]) == ("builtins.dict", False)


def test_a_dict_of_parts_ends_each_command_with_the_code_of_its_kind(modelship, here):
    """It is whole and safe to look at; it can be neither evaluated nor served as it is."""
    joblib.dump({"model": LogisticRegression(), "threshold": 0.3}, here / "parts.pkl")
    (here / "test.csv").write_text("a,y\n0,0\n1,1\n")
    for code, *typed in (
        (0, "inspect", "parts.pkl"),
        (3, "evaluate", "parts.pkl", "--data", "test.csv"),
        (5, "bundle", "parts.pkl", "-o", "made"),
    ):
        done = modelship(*typed)
        assert done.exit_code == code, done.output
        assert "a dict (keys model, threshold), which has no predict()" in done.output


def test_the_columns_of_a_model_are_told(modelship, here):
    """A table is described with the kinds of its columns, and what the model answers."""
    frame = pd.DataFrame({"city": ["Rome", "Oslo"] * 5, "a\nb": ["x", "y"] * 5})
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(frame, [True, False] * 5)
    joblib.dump(model, here / "model.joblib")
    done = modelship("inspect", here / "model.joblib")
    for words in (
        "a table with 2 columns",
        "classification: False, True; and probabilities",
        "  city    text: Oslo, Rome, never missing",
        "  'a\\nb'  text: x, y, never missing",
        f"scikit-learn=={sklearn.__version__}, joblib, numpy, pandas",
    ):
        assert words in done.output, done.output
    document = json.loads(modelship("inspect", here / "model.joblib", "--json").stdout)
    assert [each["name"] for each in document["schema"]["columns"]] == ["city", "a\nb"]


def test_a_dangerous_model_is_refused(modelship, evil):
    """The danger comes first, long lists are folded, and the exit code is the models'."""
    done = modelship("inspect", evil)
    assert done.exit_code == 3
    lines = done.output.splitlines()
    names = [line.split()[0] for line in lines[lines.index("") + 1 :] if line.startswith("  ")]
    assert names[:2] == ["os", "pile"]
    assert "and 3 more" in done.output
    assert "and 10 more modules, which --json shows" in done.output
    assert "error MS301" in done.output
    assert "Do not load this file" in done.output
    assert not (evil.parent / "marker").exists()


def test_a_program_reads_one_document(modelship, evil):
    """With --json everything is in one document, nothing folded, and the exit code is the same."""
    done = modelship("inspect", evil, "--json")
    assert done.exit_code == 3
    document = json.loads(done.stdout)
    assert document["dangerous"] == ["os.system"]
    assert len(document["globals"]) == 30
    assert document["size_bytes"] == evil.stat().st_size
    assert [each["code"] for each in document["findings"]] == ["MS301", "MS302"]


def test_a_folder_is_described_as_one(modelship, here, linear):
    """A folder of models has one size, one digest, and the names of all of them."""
    folder = here / "models"
    folder.mkdir()
    linear.rename(folder / "linear.joblib")
    node = {"__module__": "parts", "__class__": "Own"}
    with zipfile.ZipFile(folder / "own.skops", "w") as archive:
        archive.writestr("schema.json", json.dumps(node))
    done = modelship("inspect", folder, "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert (document["format"], document["unknown"]) == ("folder", ["parts.Own"])
    assert "sklearn.linear_model._logistic.LogisticRegression" in document["globals"]


def test_a_network_tells_its_operators(modelship, here):
    """Of an ONNX file there are its writer, the version of its format and its operators."""
    content = b"\x08\x08\x12\x08skl2onnx\x1a\x041.17\x3a\x00\x42\x02\x10\x11"
    (here / "net.onnx").write_bytes(content)
    done = modelship("inspect", here / "net.onnx")
    assert done.exit_code == 0, done.output
    for words in ("onnx, IR version 8", "skl2onnx 1.17", "ai.onnx 17"):
        assert words in done.output


@pytest.mark.parametrize(("content", "said"), [(b"", "empty"), (b"<html>", "HTML page")])
def test_what_is_no_model_is_an_error(modelship, here, content, said):
    """A broken file is said to be one as any error is, with its exit code."""
    (here / "model.pkl").write_bytes(content)
    done = modelship("inspect", here / "model.pkl")
    assert done.exit_code == 3
    assert done.stderr.startswith("error: ")
    assert said in done.stderr


def test_colors_mark_what_is_bad(evil):
    """What is dangerous is red and what is unknown yellow, where colors are shown."""
    shown = CliRunner().invoke(cli, ["inspect", str(evil)], color=True).output
    assert "\x1b[31msystem\x1b[0m" in shown
    assert "\x1b[33mThing\x1b[0m" in shown


def test_nested_classes_stand_with_their_module(modelship, here):
    """A method of a class is told of the module, not of the class."""
    (here / "model.pkl").write_bytes(_nested())
    done = modelship("inspect", here / "model.pkl")
    assert any(line.split() == ["parts", "Line.Inner"] for line in done.output.splitlines())


def _nested() -> bytes:
    texts = (b"parts", b"Line.Inner")
    return b"\x80\x04" + b"".join(b"\x8c" + bytes([len(each)]) + each for each in texts) + b"\x93."
