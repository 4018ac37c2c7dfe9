"""What is read of a pickle without loading it."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import os
import pickle
import pickletools
import zipfile
import zlib

import joblib
import numpy as np
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st

from modelship.errors import CorruptModelError
from modelship.sources.passport import read_passport

AT_BYTES = pytest.mark.parametrize("step", [41, pytest.param(1, marks=pytest.mark.long)])

COMPRESSIONS = ["zlib", "gzip", "bz2", "lzma", "xz"]
KINDS = ["linear", "pipeline", "forest"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("compression", [None, *COMPRESSIONS])
@pytest.mark.parametrize("protocol", range(6))
def test_joblib_files_tell_their_writer(tmp_path, estimators, kind, compression, protocol):
    """Every compression and protocol that joblib writes is read to the end."""
    path = tmp_path / "model.pkl"
    joblib.dump(
        estimators[kind], path, compress=(compression, 3) if compression else 0, protocol=protocol
    )
    passport = read_passport(path)
    assert passport.format == "joblib"
    assert passport.compression == compression
    assert passport.protocol == (protocol if protocol > 1 else 0)
    assert passport.written_by == f"scikit-learn {sklearn.__version__}"
    assert passport.packages == ("joblib", "numpy")
    assert passport.complete


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("protocol", range(6))
def test_plain_pickles_tell_their_writer(tmp_path, estimators, kind, protocol):
    """Plain pickles of every protocol are distinguished from joblib's, and name their class."""
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(estimators[kind], protocol))
    passport = read_passport(path)
    cls = type(estimators[kind])
    assert passport.format == "pickle"
    assert f"{cls.__module__}.{cls.__qualname__}" in passport.globals
    assert passport.libraries == (("scikit-learn", sklearn.__version__),)
    assert "sklearn" not in passport.packages


def test_the_tutorials_model(mnist_dir):
    """The tutorial's model says that scikit-learn 0.22.1 wrote it, without being loaded."""
    passport = read_passport(mnist_dir / "sklearn_mnist_model.pkl")
    assert passport.written_by == "scikit-learn 0.22.1"
    assert "sklearn.linear_model._logistic.LogisticRegression" in passport.globals
    assert (passport.format, passport.protocol, passport.size_bytes) == ("joblib", 3, 63683)


@pytest.mark.parametrize(
    "dtype", ["f4", "i8", "U7", "S3", "?", "c16", "M8[D]", "O", "i4,O", "i4,U5", ">f8", "f2"]
)
def test_arrays_of_every_type_are_passed_over(tmp_path, dtype):
    """What follows an array of any element type is still read, so its size was right."""
    path = tmp_path / "model.joblib"
    arrays = [np.zeros((3, 5), dtype), np.asfortranarray(np.ones((2, 3))), np.zeros(0, dtype)]
    joblib.dump([arrays, sklearn.linear_model.LogisticRegression()], path)
    assert read_passport(path).written_by == f"scikit-learn {sklearn.__version__}"


@pytest.mark.parametrize("module", [bz2, lzma])
def test_compressed_members_one_after_another(tmp_path, linear, module):
    """Files of bz2 and xz may be strung together, and joblib reads them so."""
    content = pickle.dumps(linear)
    path = tmp_path / "model.pkl"
    path.write_bytes(module.compress(content[:200]) + module.compress(content[200:]))
    assert read_passport(path).complete
    assert joblib.load(path).n_iter_ == linear.n_iter_


@pytest.mark.parametrize("module", [gzip, zlib])
@pytest.mark.parametrize("more", [b"\0", b"garbage", gzip.compress(b"N.", mtime=0)])
def test_what_makes_joblib_hang_is_refused(tmp_path, linear, module, more):
    """One byte after gzip or zlib data makes joblib.load take all memory, so it is corrupt."""
    path = tmp_path / "model.joblib"
    path.write_bytes(module.compress(pickle.dumps(linear)) + more)
    with pytest.raises(CorruptModelError, match="extra data follows"):
        read_passport(path)


def test_pickles_that_pickletools_optimized(tmp_path, linear):
    """A pickle without the memo entries that nobody uses is read alike."""
    path = tmp_path / "model.pkl"
    path.write_bytes(pickletools.optimize(pickle.dumps(linear)))
    assert read_passport(path).written_by == f"scikit-learn {sklearn.__version__}"


@pytest.mark.parametrize(
    "compression",
    [
        None,
        "zlib",
        "xz",
        *(pytest.param(each, marks=pytest.mark.long) for each in ("gzip", "bz2", "lzma")),
    ],
)
@AT_BYTES
def test_every_truncation_of_a_joblib_file_is_found(tmp_path, compression, step):
    """A joblib file cut at any byte is corrupt, and nothing else is raised."""
    model = sklearn.linear_model.LogisticRegression().fit([[0.0], [1.0]], ["a", "b"])
    path = tmp_path / "model.joblib"
    joblib.dump(model, path, compress=(compression, 9) if compression else 0)
    whole = path.read_bytes()
    for size in range(0, len(whole), step):
        path.write_bytes(whole[:size])
        with pytest.raises(CorruptModelError):
            read_passport(path)


@pytest.mark.parametrize(
    "protocol", [0, 4, *(pytest.param(each, marks=pytest.mark.long) for each in (1, 2, 3, 5))]
)
@AT_BYTES
def test_every_truncation_of_a_pickle_is_found(tmp_path, protocol, step):
    """A pickle cut at any byte is corrupt, and the message says that it ends early."""
    model = sklearn.linear_model.LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    path = tmp_path / "model.pkl"
    whole = pickle.dumps(model, protocol)
    for size in range(1, len(whole), step):
        path.write_bytes(whole[:size])
        with pytest.raises(CorruptModelError, match=f"{size} bytes end in the middle of"):
            read_passport(path)


def test_a_file_cut_inside_an_array_says_so(tmp_path, linear):
    """The message names the array in whose middle the file ends."""
    path = tmp_path / "model.joblib"
    joblib.dump(np.zeros((100, 100)), path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(CorruptModelError, match="in the middle of an array"):
        read_passport(path)


@given(data=st.binary(max_size=400), compressed=st.booleans())
def test_random_bytes_are_described_or_corrupt(tmp_path_factory, data, compressed):
    """Whatever is in a file, it is described or corrupt, and nothing else is raised."""
    path = tmp_path_factory.mktemp("random") / "model.pkl"
    path.write_bytes(gzip.compress(data) if compressed else data)
    with contextlib.suppress(CorruptModelError):
        assert read_passport(path).size_bytes == path.stat().st_size


@given(data=st.data())
def test_flipped_bytes_are_described_or_corrupt(tmp_path_factory, linear, data):
    """A real model with any few bytes changed is described or corrupt, nothing else."""
    path = tmp_path_factory.mktemp("flipped") / "model.pkl"
    joblib.dump(linear, path)
    content = bytearray(path.read_bytes())
    places = st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=5)
    for place in data.draw(places):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with contextlib.suppress(CorruptModelError):
        assert read_passport(path).size_bytes == len(content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"\n<!DOCTYPE html><html>", "HTML page"),
        (b"<HTML><body>", "HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b'<?xml version="1.0"?><Error>', "XML document"),
        (b"PK\x03\x04rest", "zip archive"),
        (b"hello", "not a complete pickle"),
    ],
)
@pytest.mark.parametrize("suffix", [".pkl", ".pickle", ".joblib", ".pkl.gz", ".PKL"])
def test_what_comes_in_the_place_of_a_model_is_named(tmp_path, content, said, suffix):
    """The usual impostors are called by their name."""
    path = tmp_path / f"model{suffix}"
    path.write_bytes(content)
    with pytest.raises(CorruptModelError, match=said):
        read_passport(path)


def test_other_files_need_not_be_pickles(tmp_path, linear):
    """Without a pickle's suffix the content decides, and unknown content is no error."""
    for name, content, expected in [
        ("weights.bin", b"\x80\x04hello", "unknown"),
        ("notes.txt", b"", "unknown"),
        ("notes.onnx.txt", b"\x08\x07", "unknown"),
        ("model", pickle.dumps(linear), "pickle"),
        ("several.dat", pickle.dumps(1) + pickle.dumps(linear), "pickle"),
    ]:
        path = tmp_path / name
        path.write_bytes(content)
        assert read_passport(path).format == expected, name


def test_skops_is_known_by_its_content(tmp_path):
    """A zip archive with a schema.json is skops's, whatever its name."""
    for name in ("model.skops", "model.pkl"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("schema.json", "{}")
        assert read_passport(tmp_path / name).format == "skops"


def test_lz4_is_described_without_its_content(tmp_path):
    """A compression that cannot be read here is named, and the passport is not complete."""
    path = tmp_path / "model.joblib"
    path.write_bytes(b"\x04\x22\x4d\x18" + os.urandom(50))
    passport = read_passport(path)
    assert (passport.compression, passport.globals) == ("lz4", ())
    assert not passport.complete


def test_a_folder_names_what_its_pickles_name(tmp_path, linear):
    """The passport of a folder joins those of the pickles in it."""
    (tmp_path / "model" / "parts").mkdir(parents=True)
    joblib.dump(linear, tmp_path / "model" / "parts" / "linear.joblib")
    (tmp_path / "model" / "labels.txt").write_text("a\nb\n")
    passport = read_passport(tmp_path / "model")
    assert passport.format == "folder"
    assert passport.written_by == f"scikit-learn {sklearn.__version__}"
