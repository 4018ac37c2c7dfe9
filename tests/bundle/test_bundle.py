"""ScoringBundle: its digest, its immutability, its round trip through a folder."""

import json
import os
import shutil
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelship.bundle import Environment, Lock, Resources, ScoringBundle
from modelship.bundle.scoring_script import SourceFile
from modelship.bundle.store import stage
from modelship.errors import (
    BundleFormatError,
    DigestMismatchError,
    InvalidOptionError,
    SampleInputError,
    StorageError,
)
from modelship.sources import Model

SCRIPT = b"def init(): ...\ndef run(raw_data): return raw_data\n"
LOCK = Lock(python="3.11", text="packaging==24.0 \\\n    --hash=sha256:00\n")
HERE = Environment(python="3.11", requirements=("packaging",), origin="test")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
tags = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4)
positive = st.floats(min_value=0.1, max_value=64)


@pytest.fixture
def model(tmp_path):
    """A model file that any Python reads."""
    path = tmp_path / "made" / "model.pkl"
    path.parent.mkdir()
    path.write_bytes(b"\x80\x04]\x94.")
    return Model.read(path, name="small")


def bundle_of(model, *, sample=None, lock=LOCK, script=SCRIPT, **changes):
    """A bundle with a lock given, so that nothing is resolved."""
    fields = {
        "models": (model,),
        "entry_script": "score.py",
        "source": (SourceFile("score.py", script),),
        "environment": HERE,
        "sample_json": None if sample is None else json.dumps(sample, sort_keys=True),
        "resources": Resources(),
        "tags": MappingProxyType({}),
        "description": "",
    }
    return ScoringBundle.from_parts(lock=lock, **(fields | changes))


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None
)
@given(sample=json_values, labels=tags, cpu=positive, memory=positive, text=st.text())
def test_a_saved_bundle_comes_back_the_same(model, tmp_path, sample, labels, cpu, memory, text):
    """Save and load give back the digest and every part, for any content."""
    bundle = bundle_of(
        model,
        sample=sample,
        tags=MappingProxyType(dict(sorted(labels.items()))),
        resources=Resources(cpu_cores=cpu, memory_gb=memory),
        description=text,
    )
    again = ScoringBundle.load(bundle.save(tmp_path / "bundle"))
    assert again.digest == bundle.digest
    assert again.sample_input == bundle.sample_input
    assert dict(again.tags) == labels
    assert again.resources == bundle.resources
    assert again.description == text


@given(labels=tags)
def test_the_order_of_a_mapping_does_not_change_the_digest(labels):
    """Tags in any order make the same bundle."""
    from modelship.bundle.bundle import _as_tags

    backwards = dict(reversed(labels.items()))
    assert list(_as_tags(labels).items()) == list(_as_tags(backwards).items())


def test_neither_time_nor_place_changes_the_digest(model, tmp_path):
    """The same content elsewhere, with other times, is the same bundle."""
    other = tmp_path / "elsewhere" / "model.pkl"
    other.parent.mkdir()
    shutil.copyfile(model.path, other)
    os.utime(other, (1, 1))
    assert bundle_of(Model.read(other, name="small")).digest == bundle_of(model).digest


def test_the_digest_of_one_model_stays_what_it_was(model):
    """Records of services and saved bundles of earlier releases hold it."""
    before = "6a2e586cbb1ed6f4f01305b98513cfc72e8dfc30a60fa34b75a40e55fe24dd5e"
    assert bundle_of(model).parts["model"] == before


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"script": SCRIPT + b"\n"}, "script"),
        ({"lock": Lock(python="3.11", text="packaging==24.1\n")}, "environment"),
        ({"lock": Lock(python="3.12", text=LOCK.text)}, "environment"),
        ({"sample": [1]}, "sample_input"),
        ({"resources": Resources(memory_gb=2)}, "resources"),
        ({"tags": {"a": "b"}}, "tags"),
        ({"description": "other"}, "description"),
    ],
)
def test_each_part_changes_the_digest_and_only_its_own(model, change, part):
    """Whatever differs is named by the parts."""
    first, second = bundle_of(model), bundle_of(model, **change)
    assert first.digest != second.digest
    assert [name for name in first.parts if first.parts[name] != second.parts[name]] == [part]


def test_a_bundle_cannot_be_changed(model):
    """Assigning and deleting are refused, and what it hands out is a copy."""
    bundle = bundle_of(model, sample={"data": [1]})
    with pytest.raises(AttributeError, match="immutable"):
        bundle.description = "new"
    with pytest.raises(AttributeError, match="immutable"):
        del bundle.model
    bundle.sample_input["data"].append(2)
    assert bundle.sample_input == {"data": [1]}
    with pytest.raises(TypeError):
        bundle.tags["a"] = "b"


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("source/score.py", SCRIPT + b"#"),
        ("requirements.lock", b"packaging==24.1\n"),
        ("models/small/1/model.pkl", b"\x80\x04N."),
        ("sample_input.json", b'{"data": [2]}'),
    ],
)
def test_a_changed_file_in_a_saved_bundle_is_found(model, tmp_path, file, content):
    """Loading checks every digest, and names the part that differs."""
    folder = bundle_of(model, sample={"data": [1]}).save(tmp_path / "bundle")
    (folder / file).write_bytes(content)
    with pytest.raises(BundleFormatError, match="changed since it was saved"):
        ScoringBundle.load(folder)


@pytest.mark.parametrize(
    "content", [None, "{", "[]", '{"modelship_bundle": 99}', '{"modelship_bundle": 1}']
)
def test_a_folder_that_is_no_bundle_is_refused(tmp_path, content):
    """Missing, broken and future manifests each get an error of ours."""
    if content is not None:
        (tmp_path / "bundle.json").write_text(content)
    with pytest.raises(BundleFormatError):
        ScoringBundle.load(tmp_path)


def test_a_manifest_cannot_lead_out_of_its_folder(model, tmp_path):
    """A path with .. in a manifest that came from elsewhere is refused."""
    folder = bundle_of(model).save(tmp_path / "bundle")
    manifest = json.loads((folder / "bundle.json").read_text())
    manifest["source"] = ["../../outside.py"]
    (folder / "bundle.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleFormatError, match="out of it"):
        ScoringBundle.load(folder)


def test_saving_replaces_a_bundle_but_nothing_else(model, tmp_path):
    """A folder that holds something else is left as it is."""
    folder = bundle_of(model).save(tmp_path / "bundle")
    changed = bundle_of(model, description="new")
    assert ScoringBundle.load(changed.save(folder)).digest == changed.digest
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    with pytest.raises(InvalidOptionError, match="folder"):
        changed.save(tmp_path / "mine")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "made", "mine"]


@pytest.mark.parametrize(
    "others", [{"bundle.json": "{}"}, {"bundle.json": '{"modelship_bundle": 2}', "thesis.txt": ""}]
)
def test_a_folder_with_files_of_others_is_not_replaced(model, tmp_path, others):
    """A bundle.json of another program, or files beside one of ours, are not lost."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, text in others.items():
        (folder / name).write_text(text)
    with pytest.raises(InvalidOptionError, match="folder"):
        bundle_of(model).save(folder)
    assert {path.name for path in folder.iterdir()} == set(others)


def test_a_place_where_nothing_can_be_written_is_said(model, tmp_path):
    """If a file is in place of a folder, save() says so, and what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="name another folder"):
        bundle_of(model).save(tmp_path / "file" / "bundle")


def test_a_model_without_an_end_is_not_copied(model, tmp_path):
    """Of what has come in its place, no more is read than the model had."""
    bundle = bundle_of(model)
    model.path.unlink()
    model.path.symlink_to("/dev/zero")
    with pytest.raises(DigestMismatchError, match="longer file"):
        bundle.save(tmp_path / "saved")


def test_a_model_that_changed_since_is_not_saved(model, tmp_path):
    """The bundle holds what was tested, or nothing is written."""
    bundle = bundle_of(model)
    model.path.write_bytes(b"\x80\x04N.")
    with pytest.raises(DigestMismatchError, match="sha256"):
        bundle.save(tmp_path / "bundle")
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_staging_lays_files_out_as_azure_does(model, tmp_path):
    """The script lies in the root, the model in azureml-models/<name>/<version>."""
    stage(bundle_of(model), tmp_path / "app")
    assert (tmp_path / "app" / "score.py").read_bytes() == SCRIPT
    staged = tmp_path / "app" / "azureml-models" / "small" / "1" / "model.pkl"
    assert staged.read_bytes() == model.path.read_bytes()


def test_a_bundle_takes_arrays_and_refuses_what_has_no_json_form(model, tmp_path):
    """A sample request may hold arrays; anything without a JSON form is named by its type."""
    numpy = pytest.importorskip("numpy")
    (tmp_path / "score.py").write_bytes(SCRIPT)
    bundle = ScoringBundle(
        model,
        entry_script=tmp_path / "score.py",
        environment=HERE,
        sample_input={"data": numpy.eye(2)},
    )
    assert bundle.sample_input == {"data": [[1.0, 0.0], [0.0, 1.0]]}
    assert bundle.input_key == "data"
    with pytest.raises(SampleInputError, match="object"):
        ScoringBundle(
            model,
            entry_script=tmp_path / "score.py",
            environment=HERE,
            sample_input={"data": object()},
        )


@pytest.mark.parametrize(
    "options",
    [
        {"cpu_cores": 0},
        {"memory_gb": float("nan")},
        {"cpu_cores": "2"},
        {"tags": {"a": 1}},
        {"memory_gb": True},
    ],
)
def test_options_that_cannot_be_meant_are_refused(model, tmp_path, options):
    """Resources are numbers above 0, tags are text."""
    script = tmp_path / "score.py"
    script.write_bytes(SCRIPT)
    with pytest.raises(InvalidOptionError, match=next(iter(options))):
        ScoringBundle(model, entry_script=script, environment=HERE, **options)


def test_a_path_in_place_of_a_model_is_told_how(tmp_path):
    """The most likely mistake is answered with the call that was meant."""
    with pytest.raises(InvalidOptionError, match="ModelSource.open"):
        ScoringBundle(str(tmp_path / "model.pkl"))
