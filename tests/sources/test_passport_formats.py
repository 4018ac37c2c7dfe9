"""What is read of skops and ONNX files, and of folders with several models."""

from __future__ import annotations

import json
import pickle
import zipfile

import joblib
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression

from modelship.errors import CorruptModelError
from modelship.sources.passport import read_passport


def _varint(value: int) -> bytes:
    digits = []
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])


def _field(number: int, value: int | bytes) -> bytes:
    """Encode one field of a protocol buffer."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _onnx(*, graph: bytes = b"\x12\x01g", more: bytes = b"") -> bytes:
    """Return a model in IR version 8 of the operators 17 and ai.onnx.ml 300."""
    head = _field(1, 8) + _field(2, b"skl2onnx") + _field(3, b"1.17") + _field(7, graph)
    ml = _field(1, b"ai.onnx.ml") + _field(2, 300)
    return head + _field(8, _field(1, b"") + _field(2, 17)) + _field(8, ml) + more


def _skops(path, schema) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", schema if isinstance(schema, str) else json.dumps(schema))


def test_an_onnx_file_tells_its_writer_and_operators(tmp_path):
    """The header is read on both sides of the graph, and numbers of several bytes too."""
    path = tmp_path / "net.onnx"
    path.write_bytes(_onnx())
    passport = read_passport(path)
    assert passport.format == "onnx"
    assert passport.written_by == passport.producer == "skl2onnx 1.17"
    assert passport.opsets == (("ai.onnx", 17), ("ai.onnx.ml", 300))
    assert passport.ir_version == 8
    assert (passport.libraries, passport.globals) == ((), ())


def test_onnx_itself_writes_such_a_file(tmp_path):
    """A model that the package onnx wrote tells the same as that package reads of it."""
    onnx = pytest.importorskip("onnx")
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph([], "g", [value], [value])
    opsets = [onnx.helper.make_opsetid("", 13), onnx.helper.make_opsetid("ai.onnx.ml", 3)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, producer_name="me")
    onnx.save(model, tmp_path / "net.onnx")
    passport = read_passport(tmp_path / "net.onnx")
    assert passport.opsets == (("ai.onnx", 13), ("ai.onnx.ml", 3))
    assert (passport.producer, passport.ir_version) == ("me", model.ir_version)


def test_every_truncation_of_an_onnx_file_is_found(tmp_path):
    """An ONNX file cut at any byte before its last operators is corrupt."""
    path = tmp_path / "net.onnx"
    whole = _onnx()
    last = len(_field(8, _field(1, b"ai.onnx.ml") + _field(2, 300)))
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        if size != len(whole) - last:  # there, one set of operators is whole
            with pytest.raises(CorruptModelError):
                read_passport(path)


@pytest.mark.parametrize(
    "content",
    [
        b"hello world",
        b"\x0b\x00",
        b"\x80" * 20,
        _field(1, 8),
        _field(9, b"") * 20_000,
        _onnx(more=b"\x3a\xff\xff\xff\xff\x7f"),
    ],
)
def test_what_is_no_onnx_file_is_corrupt(tmp_path, content):
    """Rubbish, groups, endless numbers, no graph, endless fields and a lying length are refused."""
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(CorruptModelError):
        read_passport(path)


def test_a_skops_file_tells_its_writer(tmp_path, linear):
    """What skops itself wrote names its classes, and the versions of both libraries."""
    skops = pytest.importorskip("skops")
    pytest.importorskip("skops.io").dump(linear, tmp_path / "model.skops")
    passport = read_passport(tmp_path / "model.skops")
    assert passport.format == "skops"
    assert passport.written_by == f"scikit-learn {sklearn.__version__}"
    assert dict(passport.libraries)["skops"] == skops.__version__
    assert "sklearn.linear_model._logistic.LogisticRegression" in passport.globals
    assert passport.packages == ("numpy",)
    assert (passport.dangerous, passport.unknown) == ((), ())


def test_a_skops_file_names_what_is_dangerous(tmp_path):
    """A node deep in the schema is seen, whatever its loader would do with it."""
    node = {"__class__": "system", "__module__": "os", "__loader__": "FunctionNode"}
    _skops(tmp_path / "model.skops", {"content": [{"steps": [[node]]}], "_skops_version": "0.1; x"})
    passport = read_passport(tmp_path / "model.skops")
    assert passport.dangerous == ("os.system",)
    assert passport.libraries == ()


@pytest.mark.parametrize("schema", ["[" * 100_000, "[1]", "no json", '{"a": ', ""])
def test_a_broken_schema_is_corrupt(tmp_path, schema):
    """A schema that is nested endlessly, or no JSON object, is refused in plain words."""
    _skops(tmp_path / "model.skops", schema)
    with pytest.raises(CorruptModelError, match="not a complete skops file"):
        read_passport(tmp_path / "model.skops")


def test_a_large_schema_is_not_read(tmp_path):
    """Millions of values, or megabytes of text, leave the passport incomplete."""
    for name, schema in [("many", "[" + "[]," * 4_000_000 + "[]]"), ("long", " " * (65 * 2**20))]:
        _skops(tmp_path / f"{name}.skops", schema)
        passport = read_passport(tmp_path / f"{name}.skops")
        assert (passport.format, passport.complete) == ("skops", False), name


@pytest.mark.parametrize("content", [b"hello", b"PK\x03\x04rest", pickle.dumps(1)])
def test_what_is_no_skops_file_is_corrupt(tmp_path, content):
    """A name that promises skops is held to it."""
    (tmp_path / "model.skops").write_bytes(content)
    with pytest.raises(CorruptModelError, match="skops"):
        read_passport(tmp_path / "model.skops")


def test_a_folder_of_several_formats(tmp_path):
    """A folder names what its pickles and skops files name, and the operators of its networks."""
    folder = tmp_path / "models"
    folder.mkdir()
    joblib.dump(LogisticRegression(), folder / "linear.joblib")
    (folder / "net.onnx").write_bytes(_onnx())
    _skops(folder / "own.skops", {"__module__": "parts", "__class__": "Own"})
    passport = read_passport(folder)
    assert passport.producer == "skl2onnx 1.17"
    assert passport.libraries == (("scikit-learn", sklearn.__version__),)
    assert passport.unknown == ("parts.Own",)
    assert passport.opsets[0] == ("ai.onnx", 17)


def test_unpacked_size_is_told(tmp_path):
    """The memory that a compressed model takes is known from its bytes, not from the disk."""
    joblib.dump(bytes(10**6), tmp_path / "model.joblib", compress=3)
    passport = read_passport(tmp_path / "model.joblib")
    assert passport.size_bytes < 10**5 < 10**6 < passport.unpacked_bytes < 2 * 10**6
