"""One table says all that is known of a model's format, and every module asks it."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from sklearn.linear_model import LogisticRegression

from corpus.hostile_files import zipped
from corpus.hostile_formats import model, node
from modelship.bundle.generated import generate_source
from modelship.bundle.inferred import requirements_of
from modelship.diagnosis.file_errors import MODEL_SUFFIXES
from modelship.errors import CorruptModelError
from modelship.sources import Model
from modelship.sources._budget import Budget
from modelship.sources._parts import Part
from modelship.sources._stream import MalformedError
from modelship.sources._values import Findings
from modelship.sources.formats import FORMATS, Formats, ModelFormat, ScriptLines
from modelship.tables import Schema

REFERENCE = Path(__file__).parents[2] / "docs/reference/python.md"


def _read_factor(part):
    if not part.first.removeprefix(b"TOY").isdigit():
        raise MalformedError("it has no factor")
    return part.described("toy", Findings(), libraries=(("toy", "2.1"),))


TOY = ModelFormat(
    name="toy",
    title="toy",
    suffixes=(".toy",),
    begins=(b"TOY",),
    reader=_read_factor,
    saved_with="toy.save(model, path)",
    requires=("toy", "numpy"),
    loader=lambda path: int(path.read_bytes()[3:]),
    script=ScriptLines(
        imports=("from pathlib import Path", "from types import SimpleNamespace"),
        load="SimpleNamespace(predict=lambda rows: rows * int(Path({path}).read_bytes()[3:]))",
    ),
)
TABLE = Formats((TOY, *FORMATS))


def _part(path, content):
    path.write_bytes(content)
    return Part(path, Budget(len(content)))


@pytest.fixture
def toy(tmp_path):
    """A model of the format that the table has besides."""
    (tmp_path / "three{}.toy").write_bytes(b"TOY3")
    return replace(Model.read(tmp_path / "three{}.toy"), model_format=TOY)


def test_an_entry_decides_how_files_are_recognized_and_read(tmp_path):
    """A name or the first bytes are enough, and the other formats go on as before."""
    for name, content, expected in [
        ("m.toy", b"TOY3", "toy"),
        ("M.TOY", b"TOY3", "toy"),
        ("m.bin", b"TOY3", "toy"),
        ("m.pkl", pickle.dumps(1), "pickle"),
        ("m.txt", b"text", "unknown"),
    ]:
        assert TABLE.read(_part(tmp_path / name, content)).format == expected, name


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"TOYx", "not a complete toy: it has no factor"), (b"", "empty"), (b"<html>", "HTML page")],
)
def test_a_broken_file_is_told_in_the_words_of_its_entry(tmp_path, content, said):
    """Readers only say what is wrong: the error and its advice are written once."""
    with pytest.raises(CorruptModelError, match=said) as caught:
        TABLE.read(_part(tmp_path / "m.toy", content))
    assert "HTML" in said or "toy.save(model, path)" in caught.value.hint


def test_an_entry_decides_how_a_model_is_loaded_and_what_it_needs(toy):
    """Loading in this process and the environment ask the format, and nothing else does."""
    assert toy.format == "toy"
    assert toy.load() == 3
    assert requirements_of(toy, own_modules=())[0] == {"toy", "numpy"}


def test_an_entry_decides_how_the_generated_script_loads(toy, written):
    """The script loads the model by the lines of its format, and answers with its predictions."""
    script = written(toy)
    assert script["run"]('{"data": [[1, 2]]}') == [[3, 6]]


def test_the_script_of_a_pickle_stays_the_same_to_the_byte(tmp_path):
    """What a release changes of it shows here, since it is in the digests of bundles."""
    for name, digest in [
        ("model.pkl", "c255de0e3c96c419073299f9fccb62d48780723e0a59be6da6d383a247e5a7d7"),
        ("model.joblib", "ded242490e6302649f38a2b3d12e7f363798891fd0f90628f5e3109439fd6dbc"),
    ]:
        (tmp_path / name).write_bytes(pickle.dumps(LogisticRegression()))
        files = generate_source([Model.read(tmp_path / name)], schema=Schema("array"))[1]
        [script] = [file.content for file in files if file.path == "score.py"]
        assert hashlib.sha256(script).hexdigest() == digest, name


def test_a_cut_network_is_to_be_saved_as_one_again(tmp_path):
    """The advice is for the format of the file, and not for a pickle."""
    with pytest.raises(CorruptModelError) as caught:
        FORMATS.read(_part(tmp_path / "net.onnx", model(node("Identity"))[:9]))
    assert "onnx.save(model, path)" in caught.value.hint


def test_an_archive_is_no_network(tmp_path):
    """A zip archive that is named as an ONNX model is corrupt, as the name promises a model."""
    with pytest.raises(CorruptModelError, match="zip archive"):
        FORMATS.read(_part(tmp_path / "net.onnx", zipped({"a.txt": b"text"})))


def test_diagnoses_know_the_files_of_every_format():
    """What a log says of a missing file is about the model for all that the table knows."""
    assert {suffix for each in FORMATS for suffix in each.suffixes} <= MODEL_SUFFIXES


def test_the_reference_tells_what_the_table_does():
    """Its rows have the suffixes, loading, scripts and packages of each format."""
    text = REFERENCE.read_text(encoding="utf-8")
    rows = {}
    for line in text.partition("| `format` |")[2].partition("\n\n")[0].splitlines()[2:]:
        name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        rows[name.strip("`")] = cells
    assert rows.keys() == {each.name for each in FORMATS}
    for each in FORMATS:
        suffixes, load, script, requires = rows[each.name]
        assert all(f"`{suffix}`" in suffixes for suffix in each.suffixes), each
        written = "as its file" if each.file_in else "yes" if each.script else "no"
        assert (load, script) == ("yes" if each.loader else "no", written)
        assert not each.requires or requires == ", ".join(f"`{it}`" for it in each.requires)
