"""Files beside a model that are no pickles are told to be data, so that nothing is blocked."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import struct
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from corpus.hostile_files import zipped
from corpus.hostile_formats import field, model, tensor
from modelship.errors import CorruptModelError
from modelship.sources import Model
from modelship.sources.passport import read_passport


def _npy(array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _safetensors() -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(8)


def _torch(tensor: bytes | None = None) -> bytes:
    body = b"\x80\x02}(X\x01\x00\x00\x00w(X\x07\x00\x00\x00storageX\x01\x00\x00\x000tQu."
    entries = {"net/data.pkl": body, "net/version": b"3\n"}
    return zipped(entries | {"net/data/0": tensor or os.urandom(64)})


def _old_booster() -> bytes:
    return struct.pack("<f", 0.5) + bytes(132) + struct.pack("<Q", 15) + b"binary:logistic" + b"\0"


BOOSTER = {
    "learner": {
        "attributes": {},
        "gradient_booster": {"model": {"weights": {}}, "name": "gblinear"},
        "learner_model_param": {"num_feature": "2"},
        "objective": {"name": "reg:squarederror"},
    }
}


def _ubjson(value) -> bytes:
    """Encode texts and objects as XGBoost does."""
    if isinstance(value, str):
        return b"SL" + struct.pack(">q", len(value)) + value.encode()
    pairs = [_ubjson(key)[1:] + _ubjson(each) for key, each in value.items()]
    return b"{" + b"".join(pairs) + b"}"


DATA = {
    "README.md": b"# The model\n\nIt was *trained* on 3.10.\n",
    "conda.yaml": b"channels:\n- defaults\ndependencies:\n- python=3.11\n",
    "requirements.txt": b"catboost\nxgboost\nimbalanced-learn\n",
    "MLmodel": b"artifact_path: model\nflavors:\n  sklearn:\n    code: null\n",
    "score.py": b"import os\n\n\ndef init():\n    os.system('ls')\n",
    "words.txt": b"cos\nsin\nios\nsystem\n",
    "N.txt": b"N.B. this is a note, and no pickle\n",
    "labels.csv": "Stra\u00dfe,caf\u00e9\n1,2\n".encode("latin-1"),
    "wide.csv": "a,b\n1,2\n".encode("utf-16"),
    "labels.csv.gz": gzip.compress(b"a,b\n1,2\n"),
    "empty": b"",
    "plot.png": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "photo.jpg": b"\xff\xd8\xff\xe0" + bytes(range(256)),
    "table.parquet": b"PAR1" + bytes(range(256)) + b"PAR1",
    "weights.npy": _npy(np.zeros((2, 3))),
    "texts.npy": _npy(np.array(["a", "bb"])),
    "fields.npy": _npy(np.zeros(2, [("a", "i4"), ("b", "f4", (3,))])),
    "two.npz": zipped({"a.npy": _npy(np.zeros(2)), "b.npy": _npy(np.array(["x"]))}),
    "model.safetensors": _safetensors(),
    "model.json": json.dumps(BOOSTER).encode(),
    "model.ubj": _ubjson(BOOSTER),
    "model.bst": _old_booster(),
    "model.cbm": b"CBM1" + os.urandom(300),
    "lightgbm.txt": b"tree\nversion=v4\nnum_class=1\n",
    "net.pt": _torch(),
    "state.pt": pickle.dumps(OrderedDict(a=1), 2),
    "net.keras": zipped(
        {
            "config.json": b'{"module": "keras", "class_name": "Sequential"}',
            "metadata.json": b"{}",
            "model.weights.h5": b"\x89HDF\r\n\x1a\n" + bytes(100),
        }
    ),
    "files.zip": zipped({"a.txt": b"text", "b/c.csv": b"1,2\n"}, zipfile.ZIP_DEFLATED),
}


@pytest.mark.parametrize("begin", [b"\x78", b"\x80", b"\x80\x04", b"ZF", b"BZ", b"\x1f\x8b"])
def test_a_tensor_may_begin_as_anything(tmp_path, begin):
    """Numbers that begin as a compressed file or a pickle are numbers: torch reads them as such."""
    (tmp_path / "net.pt").write_bytes(_torch(begin + bytes(range(128, 192))))
    passport = read_passport(tmp_path / "net.pt")
    assert (passport.incomplete_because, passport.hazards, passport.dangerous) == ((), (), ())


@pytest.mark.parametrize("name", DATA)
def test_data_is_no_alarm(tmp_path, name):
    """A file that no loader unpickles is complete and safe, alone and in a folder."""
    path = tmp_path / name
    path.write_bytes(DATA[name])
    passport = read_passport(path)
    assert (passport.incomplete_because, passport.hazards, passport.dangerous) == ((), (), ())
    assert read_passport(tmp_path).safe_to_load


def test_a_network_with_its_tensors_beside_it_is_complete(tmp_path):
    """The bytes of tensors, which an ONNX model reads as such, are no file that nobody knows."""
    (tmp_path / "net.onnx").write_bytes(model(field(5, tensor("weights/w.bin"))))
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "w.bin").write_bytes(bytes(range(256)))
    assert read_passport(tmp_path).safe_to_load
    (tmp_path / "weights" / "other.bin").write_bytes(bytes(range(256)))
    assert read_passport(tmp_path).incomplete_because == (
        "of 'weights/other.bin', its format is unknown",
    )


def test_a_reason_says_what_to_do(tmp_path):
    """What cannot be read is told with its file, and with a way to have it read."""
    (tmp_path / "model.pkl.zst").write_bytes(b"\x28\xb5\x2f\xfd" + bytes(20))
    (reason,) = read_passport(tmp_path).incomplete_because
    assert reason.startswith("of 'model.pkl.zst', zstd compression is not supported; unpack it")


def test_folders_without_end_are_corrupt(tmp_path):
    """Folders that are nested too deeply are refused before a limit of Python is met."""
    (tmp_path / "model" / "/".join("a" * 100)).mkdir(parents=True)
    for read in (read_passport, Model.read):
        with pytest.raises(CorruptModelError, match="nested more than"):
            read(tmp_path / "model")


def test_links_that_lead_in_circles_are_corrupt(tmp_path):
    """Two links to each other are refused by name."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.pkl").write_bytes(pickle.dumps(1))
    (tmp_path / "model" / "a").symlink_to(tmp_path / "model" / "b")
    (tmp_path / "model" / "b").symlink_to(tmp_path / "model" / "a")
    with pytest.raises(CorruptModelError, match="leads to nothing"):
        Model.read(tmp_path / "model")
    assert read_passport(tmp_path / "model").complete
