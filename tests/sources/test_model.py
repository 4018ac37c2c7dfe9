"""Model: digests, names, verifying and loading."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import os
import pickle
import random
import shutil
import warnings

import joblib
import numpy as np
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st

from modelship.errors import (
    CorruptModelError,
    DigestMismatchError,
    InvalidNameError,
    ModelLoadError,
    ModelNotFoundError,
)
from modelship.sources import Model
from modelship.sources.passport import read_passport

NAMES = st.text("abcxyz019_-. é", min_size=1, max_size=12).filter(lambda name: name.strip("."))
TREES = st.dictionaries(st.tuples(NAMES, NAMES), st.binary(max_size=50), min_size=1, max_size=6)


def _write(tree, folder, *, order):
    for (inner, name), content in sorted(tree.items(), key=lambda item: order(item[0])):
        (folder / f"d{inner}").mkdir(parents=True, exist_ok=True)
        path = folder / f"d{inner}" / name
        path.write_bytes(content)
        os.utime(path, (random.randrange(10**9), random.randrange(10**9)))
    return folder


@given(tree=TREES, seed=st.randoms(use_true_random=False))
def test_a_folders_digest_depends_on_its_content_only(tmp_path_factory, tree, seed):
    """Neither place, nor time, nor the order of writing changes a folder's digest."""
    places = [tmp_path_factory.mktemp("place") / "model" for _ in range(2)]
    first, second = (_write(tree, place, order=lambda _: seed.random()) for place in places)
    assert Model.read(first).digest == Model.read(second).digest
    assert Model.read(first).files == Model.read(second).files


@given(tree=TREES, data=st.data())
def test_a_folders_digest_depends_on_all_of_its_content(tmp_path_factory, tree, data):
    """Changing or renaming any one file changes the digest, and verify() finds it."""
    folder = _write(tree, tmp_path_factory.mktemp("place") / "model", order=repr)
    model = Model.read(folder)
    inner, name = data.draw(st.sampled_from(sorted(tree)))
    path = folder / f"d{inner}" / name
    if data.draw(st.booleans()):
        path.write_bytes(path.read_bytes() + b"!")
    else:
        path.rename(path.with_name("renamed-by-the-test"))
    with pytest.raises(DigestMismatchError):
        model.verify()


@pytest.mark.parametrize("suffix", ["pt", "npz", "keras", "bin", "zip"])
def test_an_archive_that_is_cut_off_is_described(tmp_path, suffix):
    """What cannot be read of it is told, as of any file."""
    path = tmp_path / f"model.{suffix}"
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    assert any(
        "not a complete zip archive" in each
        for each in Model.read(path).passport.incomplete_because
    )


@given(content=st.binary(max_size=200))
def test_a_files_digest_is_its_sha256(tmp_path_factory, content):
    """One file's digest is what sha256sum prints, whatever the file is called."""
    folder = tmp_path_factory.mktemp("place")
    for name in ("a.bin", "b.dat"):
        (folder / name).write_bytes(content)
        model = Model.read(folder / name)
        assert model.digest == hashlib.sha256(content).hexdigest()
        assert [file.path for file in model.files] == [name]


def test_folder_paths_begin_with_the_folders_name(tmp_path, monkeypatch):
    """Paths in a folder model are those below AZUREML_MODEL_DIR, for "." as well."""
    (tmp_path / "my_model" / "sub").mkdir(parents=True)
    (tmp_path / "my_model" / "sub" / "weights.bin").write_bytes(b"abc")
    monkeypatch.chdir(tmp_path / "my_model")
    for path in (tmp_path / "my_model", "."):
        model = Model.read(path)
        assert [file.path for file in model.files] == ["my_model/sub/weights.bin"]
        assert (model.root / model.files[0].path).read_bytes() == b"abc"
        assert model.files[0].size_bytes == 3


@pytest.mark.parametrize(
    ("file_name", "name"),
    [
        ("sklearn_mnist_model.pkl", "sklearn_mnist_model"),
        ("my model (1).pkl", "my-model-1-"),
        ("model.pkl.gz", "model"),
        ("_.bin", "model"),
        ("v1.2.bin", "v1.2"),
    ],
)
def test_the_default_name_is_the_files_made_valid(tmp_path, file_name, name):
    """A name that Azure ML allows is made from any file name."""
    (tmp_path / file_name).write_bytes(pickle.dumps(1))
    assert Model.read(tmp_path / file_name).name == name


@pytest.mark.parametrize("name", ["", "-a", "a b", "a/b", "a" * 256, "é", "a\n", None, 7])
def test_names_that_azure_refuses_are_refused_here(tmp_path, name):
    """Both name and version obey Azure ML's rule."""
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(1))
    if name is not None:
        with pytest.raises(InvalidNameError):
            Model.read(tmp_path / "model.pkl", name=name)
    with pytest.raises(InvalidNameError):
        Model.read(tmp_path / "model.pkl", version=name)


def test_a_missing_model_names_what_is_near(tmp_path):
    """A typing error in a path is answered with the names that resemble it."""
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(1))
    with pytest.raises(ModelNotFoundError, match=r"Files in the same folder: .*model\.pkl"):
        Model.read(tmp_path / "modle.pkl")


def test_a_folder_without_files_is_no_model(tmp_path):
    """A folder that holds only folders has nothing to serve."""
    (tmp_path / "model" / "empty").mkdir(parents=True)
    with pytest.raises(CorruptModelError, match="no files"):
        Model.read(tmp_path / "model")


@pytest.mark.parametrize(
    ("target", "said"), [("../secret", "outside"), (".", "folder"), ("nowhere", "nothing")]
)
def test_links_that_cannot_travel_are_refused(tmp_path, target, said):
    """A link out of the folder, to a folder, or to nothing cannot be part of a model."""
    (tmp_path / "secret").write_text("x")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.bin").write_text("x")
    (tmp_path / "model" / "link").symlink_to(target)
    with pytest.raises(CorruptModelError, match=said):
        Model.read(tmp_path / "model")


def test_a_pipe_is_refused(tmp_path):
    """What is neither file nor folder is named, and not read for ever."""
    (tmp_path / "model").mkdir()
    os.mkfifo(tmp_path / "model" / "pipe")
    with pytest.raises(CorruptModelError, match="'pipe' is neither"):
        Model.read(tmp_path / "model")


def test_the_passport_is_read_when_it_is_asked_for(tmp_path, linear):
    """A Model that was put together from its fields reads its passport itself."""
    joblib.dump(linear, tmp_path / "model.pkl")
    model = Model.read(tmp_path / "model.pkl")
    again = dataclasses.replace(model)
    assert again.passport == model.passport
    assert again == model


def test_load_gives_the_model(tmp_path, linear, iris):
    """A loaded model predicts what the saved one does."""
    joblib.dump(linear, tmp_path / "model.pkl", compress=3)
    loaded = Model.read(tmp_path / "model.pkl").load()
    assert np.array_equal(loaded.predict(iris[0]), linear.predict(iris[0]))


def test_changed_content_is_not_unpickled(tmp_path, linear):
    """What was not described is not loaded."""
    path = tmp_path / "model.pkl"
    joblib.dump(linear, path)
    model = Model.read(path)
    path.write_bytes(pickle.dumps(7))
    with pytest.raises(DigestMismatchError):
        model.load()
    path.unlink()
    with pytest.raises(ModelNotFoundError):
        model.load()


def test_a_model_of_a_missing_package_does_not_load(tmp_path):
    """The error says which module is missing."""
    (tmp_path / "model.pkl").write_bytes(b"cno_such_package\nEstimator\n.")
    model = Model.read(tmp_path / "model.pkl")
    assert model.passport.packages == ("no_such_package",)
    with pytest.raises(ModelLoadError, match="No module named 'no_such_package'"):
        model.load()


def test_a_failing_load_says_who_wrote_the_model(tmp_path, linear):
    """The hint names the version to install, if it is another one than is here."""
    here = sklearn.__version__.encode()
    other = here[:-1] + (b"1" if here.endswith(b"0") else b"0")
    content = pickle.dumps(linear, 3).replace(b"sklearn.linear_model._logistic", b"sklearn.gone")
    content = content.replace(here, other)
    (tmp_path / "model.pkl").write_bytes(content)
    with pytest.raises(ModelLoadError, match="pip install 'scikit-learn=="):
        Model.read(tmp_path / "model.pkl").load()


def test_other_formats_are_not_loaded(tmp_path):
    """What is of no format that is loaded here says so instead of being tried."""
    (tmp_path / "net.pt").write_bytes(b"\x00\x01 no model that is known")
    with pytest.raises(ModelLoadError, match="'unknown'") as caught:
        Model.read(tmp_path / "net.pt").load()
    assert "evaluate the service" in caught.value.hint


def test_what_a_library_refuses_is_to_be_saved_again(tmp_path):
    """Never is it advised to install what wrote an ONNX file: that cannot run it."""
    (tmp_path / "net.onnx").write_bytes(b"\x3a\x00\x42\x02\x10\x0d")  # a graph, operators
    with pytest.raises(ModelLoadError, match="Missing model IR version") as caught:
        Model.read(tmp_path / "net.onnx").load()
    assert "onnx.save(model, path)" in caught.value.hint


def test_a_folder_with_one_pickle_names_it(tmp_path):
    """MLflow saves a model as a folder; what can be loaded is the pickle in it."""
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "MLmodel").write_text("flavors: {}")
    joblib.dump([1], tmp_path / "saved" / "model.pkl")
    with pytest.raises(ModelLoadError) as caught:
        Model.read(tmp_path / "saved").load()
    assert caught.value.hint == f"Give {tmp_path / 'saved' / 'model.pkl'}, the only model in it."


def test_an_older_version_is_warned_of_once(tmp_path, estimators):
    """A pipeline of three parts from another scikit-learn gives one warning, not three."""
    content = pickle.dumps(estimators["pipeline"])
    version = sklearn.__version__.encode()
    (tmp_path / "model.pkl").write_bytes(content.replace(version, b"9" * len(version)))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Model.read(tmp_path / "model.pkl").load()
    assert [w.category.__name__ for w in caught] == ["InconsistentVersionWarning"]


def test_the_tutorials_model_loads_and_predicts(mnist_dir, tmp_path):
    """The model that scikit-learn 0.22.1 wrote still answers 7, 2, 1, 0, 4."""
    path = tmp_path / "sklearn_mnist_model.pkl"
    shutil.copyfile(mnist_dir / path.name, path)
    with gzip.open(mnist_dir / "t10k-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read()[16:], np.uint8).reshape(-1, 784)
    with pytest.warns(UserWarning, match=r"0\.22\.1"):
        loaded = Model.read(path).load()
    assert loaded.predict(pixels[:5] / 255.0).tolist() == [7, 2, 1, 0, 4]


def test_a_file_that_is_swapped_while_it_is_judged_is_refused(tmp_path, monkeypatch):
    """What is judged and what has the digest are the same bytes, whatever the file's time says."""
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps("judged"))
    before = path.stat()

    def judge_and_swap(judged):
        passport = read_passport(judged)
        path.write_bytes(pickle.dumps("loaded"))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        return passport

    monkeypatch.setattr("modelship.sources.model.read_passport", judge_and_swap)
    with pytest.raises(CorruptModelError, match="changed while it was read"):
        Model.read(path)
