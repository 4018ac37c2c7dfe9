"""What lies at a path that is taken for a bundle or a model: said in words, with what to do."""

import json

import joblib
import pytest

from modelship.bundle import ScoringBundle
from modelship.bundle.mistaken import thing_at
from modelship.errors import BundleFormatError

SCRIPT = "def init():\n    pass\n\ndef run(raw_data):\n    return 1\n"
CONDA = "dependencies: [python=3.11]\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder with one thing of each kind, and stand in it."""
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "project", "code", "mlflow", "saved/source", "cut"):
        (tmp_path / name).mkdir(parents=True)
    joblib.dump([1, 2], tmp_path / "model.joblib")
    joblib.dump([1, 2], tmp_path / "code" / "model.joblib")
    (tmp_path / "half.pkl").write_bytes((tmp_path / "model.joblib").read_bytes()[:-4])
    texts = {"score.py": SCRIPT, "train.py": "import os\n", "env.yml": CONDA, "request.json": "{}"}
    texts |= {"code/score.py": SCRIPT, "project/modelship.yaml": "model: m.pkl\n"}
    texts |= {"mlflow/MLmodel": "flavors: {}\n", "saved/bundle.json": "{}", "test.csv": "a,b\n"}
    texts |= {"requirements.txt": "numpy\n", "notes.md": "# hi\n", "cut/requirements.lock": ""}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "cut" / "source").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "what", "advice"),
    [
        ("model.joblib", "a model (joblib)", "modelship bundle model.joblib -o bundle"),
        ("half.pkl", "in the middle", "Save it again"),
        ("score.py", "a scoring script", "bundle MODEL --entry-script score.py"),
        ("train.py", "without init() and run()", "--entry-script score.py"),
        ("env.yml", "a conda environment file", "MODEL --environment env.yml"),
        ("requirements.txt", "a requirements file", "MODEL --environment requirements.txt"),
        ("request.json", "a JSON file", "--sample-input request.json"),
        ("test.csv", "a data file", "modelship evaluate MODEL --data test.csv"),
        ("notes.md", "not of a known model format", "modelship bundle MODEL -o bundle"),
        ("empty", "an empty folder", "modelship bundle MODEL -o empty"),
        ("project", "a folder with modelship.yaml", "--config project/modelship.yaml"),
        ("project/modelship.yaml", "a file of settings", "--config project/modelship.yaml"),
        ("mlflow", "an MLflow model", "modelship bundle mlflow -o bundle"),
        (
            "code",
            "the scoring script score.py and the model model.joblib",
            "bundle code/model.joblib --source-directory code --entry-script score.py",
        ),
        ("saved", "a saved bundle already", "modelship deploy saved -n NAME"),
        ("saved/source", "a part of a saved bundle", "saved."),
        ("saved/bundle.json", "one file of a saved bundle", "saved."),
        ("saved/score.py", "no such file or folder", "Give the folder of the bundle: saved."),
        ("cut", "without its bundle.json", "Save it again"),
        (".", "a folder with saved bundles (saved)", "such as saved."),
        ("savde", "did you mean 'saved'?", "saved."),
    ],
)
def test_each_kind_is_told_with_what_to_do_with_it(folder, name, what, advice):
    """The advice is what to type for this very thing."""
    thing = thing_at(folder.relative_to(folder) / name)
    assert what in thing.what
    assert advice in thing.advice


def test_the_error_of_loading_a_bundle_says_what_is_there(folder):
    """Also in Python: not that some file cannot be read, but what was given."""
    with pytest.raises(BundleFormatError) as caught:
        ScoringBundle.load("score.py")
    assert caught.value.message == "score.py is not a usable bundle: it is a scoring script."


def test_a_file_in_another_encoding_or_of_bytes_is_no_crash(folder):
    """Whatever has the name of a script or of settings is looked at with care."""
    for name in ("bytes.py", "bytes.yml", "bytes.json"):
        (folder / name).write_bytes(b"\xff\xfe\x00def init(\x81" * 9)
        assert not thing_at(folder / name).is_model
    (folder / "deep.json").write_text(json.dumps({"a": 1}) + "[" * 10_000)
    assert not thing_at(folder / "deep.json").is_model
