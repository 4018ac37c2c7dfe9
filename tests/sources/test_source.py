"""ModelSource: opening anything, and fetching whole or not at all."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from modelship.errors import (
    CorruptModelError,
    DigestMismatchError,
    FetchError,
    InvalidNameError,
    InvalidOptionError,
    ModelNotFoundError,
    UnknownPluginError,
)
from modelship.sources import Model, ModelSource
from modelship.sources.file import FileSource
from modelship.sources.memory_source import MemorySource
from modelship.sources.url import UrlSource
from modelship.staging import put_in_place


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


class _Scripted(ModelSource):
    """A plug-in author's source: it writes what the test says, then raises if told to."""

    def __init__(self, tree, *, returns="model.pkl", error=None) -> None:
        self.tree, self.returns, self.error = tree, returns, error

    @classmethod
    def from_uri(cls, uri):
        return cls({"model.pkl": pickle.dumps(uri)})

    def download(self, folder):
        for name, content in self.tree.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
        if self.error is not None:
            raise self.error
        return self.returns


@pytest.fixture
def saved(tmp_path, linear):
    path = tmp_path / "from" / "model.pkl"
    path.parent.mkdir()
    joblib.dump(linear, path)
    return path


@pytest.mark.parametrize("kind", ["linear", "pipeline", "forest"])
def test_an_estimator_makes_the_round_trip(tmp_path, estimators, iris, kind):
    """Fetched from memory and loaded again, a model predicts the same."""
    model = ModelSource.open(estimators[kind], name=f"iris_{kind}").fetch(tmp_path)
    assert model.path == tmp_path / f"iris_{kind}.joblib"
    assert np.array_equal(model.load().predict(iris[0]), estimators[kind].predict(iris[0]))
    assert _names(tmp_path) == [model.path.name]


@pytest.mark.parametrize("as_location", [str, lambda p: p, lambda p: p.as_uri()])
def test_a_file_is_found_by_path_and_uri(tmp_path, saved, as_location):
    """A str, a Path and a file: URI bring the same bytes."""
    source = ModelSource.open(as_location(saved), name="iris", version="3")
    model = source.fetch(tmp_path / "a" / "b")
    assert isinstance(source, FileSource)
    assert (model.name, model.version, model.path) == ("iris", "3", tmp_path / "a/b/model.pkl")
    assert model.digest == Model.read(saved).digest
    model.verify()


def test_a_path_with_a_colon_is_a_path_if_it_exists(tmp_path, monkeypatch):
    """What exists on disk is not taken for a URI."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s3:model.pkl").write_bytes(pickle.dumps(1))
    assert ModelSource.open("s3:model.pkl").fetch("to").files[0].path == "s3:model.pkl"


@pytest.mark.parametrize("url", ["http://host/model.pkl", "HTTPS://host/a%20b.pkl?x"])
def test_a_url_is_opened_without_being_asked(url):
    """Opening a URL contacts nobody."""
    assert isinstance(ModelSource.open(url), UrlSource)


def test_what_is_no_location_is_refused(tmp_path):
    """Types, numbers, empty texts and URIs of nothing are not locations."""
    for location in (LogisticRegression, 7, None, "", b"model.pkl", "http://", "http://host/"):
        with pytest.raises(InvalidOptionError):
            ModelSource.open(location)
    with pytest.raises(InvalidOptionError):
        ModelSource.open("file://another-host/model.pkl")
    with pytest.raises(UnknownPluginError, match="did you mean 'https'"):
        ModelSource.open("htps://host/model.pkl")


def test_wrong_arguments_are_refused(tmp_path):
    """A name, version or digest that is invalid is an error, the first two before anything else."""
    missing = tmp_path / "missing.pkl"
    with pytest.raises(InvalidNameError):
        ModelSource.open(missing, name="my model")
    with pytest.raises(InvalidNameError):
        ModelSource.open(missing, version="")
    with pytest.raises(InvalidOptionError, match="64 hexadecimal digits"):
        ModelSource.open(__file__, sha256="abc")


def test_a_missing_path_names_what_is_near(saved):
    """A path with a typing error is answered when it is opened."""
    with pytest.raises(ModelNotFoundError, match=r"model\.pkl"):
        ModelSource.open(saved.with_name("modell.pkl"))


def test_the_digest_is_checked_in_any_case(tmp_path, saved):
    """The expected digest may be in capitals; another one keeps the model out."""
    digest = Model.read(saved).digest
    ModelSource.open(saved, sha256=digest.upper()).fetch(tmp_path / "right")
    with pytest.raises(DigestMismatchError):
        ModelSource.open(saved, sha256="0" * 64).fetch(tmp_path / "wrong" / "deeper")
    assert not (tmp_path / "wrong").exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left"), ValueError()])
@pytest.mark.parametrize("returns", ["model.pkl", "model"])
def test_an_error_leaves_what_was_there(tmp_path, error, returns):
    """After any error the model that was in its place is there, and nothing else."""
    before = _Scripted({"model.pkl": pickle.dumps("before")}).fetch(tmp_path)
    tree = {"model.pkl": b"new"} if returns == "model.pkl" else {"model/a": b"new"}
    with pytest.raises((type(error), FetchError)):
        _Scripted(tree, returns=returns, error=error).fetch(tmp_path)
    before.verify()
    assert _names(tmp_path) == ["model.pkl"]


def test_an_os_error_of_a_source_becomes_a_fetch_error(tmp_path):
    """The cause is the system's own words."""
    with pytest.raises(FetchError, match="No space left on device"):
        _Scripted({}, error=OSError(28, "No space left on device")).fetch(tmp_path)


def test_a_truncated_model_is_found_here(tmp_path, saved):
    """A pickle that is cut does not take the place of a whole one."""
    whole = ModelSource.open(saved).fetch(tmp_path / "to")
    saved.write_bytes(saved.read_bytes()[:-100])
    with pytest.raises(CorruptModelError, match="end in the middle"):
        ModelSource.open(saved).fetch(tmp_path / "to")
    whole.verify()


@pytest.mark.parametrize("new", ["file", "folder"])
@pytest.mark.parametrize("old", ["file", "folder"])
def test_a_model_takes_the_place_of_another(tmp_path, old, new):
    """Files and folders replace each other whole, with nothing of the old left."""
    trees = {
        "file": lambda text: {"model": text},
        "folder": lambda text: {f"model/{text.decode()}": text},
    }
    _Scripted(trees[old](b"old"), returns="model").fetch(tmp_path)
    model = _Scripted(trees[new](b"new"), returns="model").fetch(tmp_path)
    assert [file.path for file in model.files] == ["model" if new == "file" else "model/new"]
    model.verify()
    assert _names(tmp_path) == ["model"]


@pytest.mark.parametrize(
    "source",
    [
        _Scripted({}),
        _Scripted({"model.pkl": b"", "more": b""}),
        _Scripted({"model.pkl": b""}, returns="other"),
        _Scripted({"model.pkl": b""}, returns="../model.pkl"),
    ],
)
def test_an_author_who_breaks_the_contract_is_told(tmp_path, source):
    """A source has to write just the one thing whose name it returns."""
    with pytest.raises(FetchError, match="wrote"):
        source.fetch(tmp_path)
    assert _names(tmp_path) == []


def test_fetching_onto_itself_changes_nothing(saved):
    """A model that is already in its place is checked, and not copied."""
    before = saved.stat()
    model = ModelSource.open(saved).fetch(saved.parent)
    assert model.path == saved
    assert saved.stat() == before
    with pytest.raises(DigestMismatchError):
        ModelSource.open(saved, sha256="0" * 64).fetch(saved.parent)
    assert saved.exists()


def test_a_folder_is_not_fetched_into_itself(tmp_path):
    """Neither into its own inside, nor over the folder that holds it."""
    inner = tmp_path / "model" / "model"
    inner.mkdir(parents=True)
    (inner / "weights.bin").write_bytes(b"x")
    for folder in (inner / "sub", inner, tmp_path):
        with pytest.raises(InvalidOptionError, match="entangled"):
            ModelSource.open(inner).fetch(folder)
    assert (inner / "weights.bin").read_bytes() == b"x"
    assert _names(inner) == ["weights.bin"]


def test_a_file_is_no_folder_to_fetch_into(saved):
    """The folder must not be a file."""
    with pytest.raises(InvalidOptionError, match="a folder"):
        ModelSource.open(saved).fetch(saved)


def test_links_in_a_folder_become_files(tmp_path):
    """A fetched folder stands on its own, and has the same digest."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights.bin").write_bytes(b"abc")
    (folder / "latest").symlink_to("weights.bin")
    model = ModelSource.open(folder).fetch(tmp_path / "to")
    assert not (tmp_path / "to" / "model" / "latest").is_symlink()
    assert model.digest == Model.read(folder).digest


def test_an_unfitted_estimator_is_refused(tmp_path):
    """What was never fitted cannot be scored."""
    for estimator in (LogisticRegression(), make_pipeline(LogisticRegression())):
        with pytest.raises(CorruptModelError, match="not fitted"):
            ModelSource.open(estimator).fetch(tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_what_cannot_be_pickled_says_why(tmp_path):
    """A lambda in a pipeline is named as the cause."""
    source = ModelSource.open(FunctionTransformer(lambda x: x))
    assert isinstance(source, MemorySource)
    with pytest.raises(CorruptModelError, match="cannot be pickled"):
        source.fetch(tmp_path)


def test_a_class_of_main_is_allowed(tmp_path):
    """A model defined in a notebook can be fetched; its passport says where its class is."""
    program = (
        "from modelship import ModelSource\n"
        "class Mine:\n    def predict(self, X): return X\n"
        "print(ModelSource.open(Mine()).fetch('to').passport.globals)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "'__main__.Mine'" in done.stdout


def test_importing_sources_imports_no_third_party_module():
    """Sources stay cheap to import until something is opened."""
    program = "import sys, modelship.sources; print({m.split('.')[0] for m in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert not {"numpy", "sklearn", "joblib", "requests"} & eval(done.stdout)


def test_a_failed_exchange_brings_the_old_folder_back(tmp_path):
    """If the new model cannot be moved in, the one that was moved aside returns."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old").touch()
    with pytest.raises(FileNotFoundError):
        put_in_place(tmp_path / "gone", tmp_path / "model", aside=tmp_path / "aside")
    assert _names(tmp_path) == ["model"]
    assert _names(tmp_path / "model") == ["old"]


def test_no_place_names_a_hidden_file_of_ours(tmp_path):
    """What a model is called where it lives does not replace a shell's start file."""
    (tmp_path / ".profile").write_text("mine")
    with pytest.raises(FetchError, match="hidden"):
        _Scripted({".profile": pickle.dumps(1)}, returns=".profile").fetch(tmp_path)
    assert (tmp_path / ".profile").read_text() == "mine"
    (tmp_path / ".own.pkl").write_bytes(pickle.dumps(1))
    assert ModelSource.open(tmp_path / ".own.pkl").fetch(tmp_path / "to").path.name == ".own.pkl"
