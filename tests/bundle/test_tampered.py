"""ScoringBundle.load rejects tampered bundles, and says what is wrong with them."""

import json
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tampering import CHANGED, MADE, MANIFEST, MODEL, saved

from modelship.bundle import ScoringBundle
from modelship.errors import BundleFormatError, ModelshipError

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
fuzzed = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def refused(folder):
    """Return the one line that load() refuses a bundle with."""
    with pytest.raises(BundleFormatError) as caught:
        ScoringBundle.load(folder)
    assert len(str(caught.value)) < 2000
    return caught.value.problem


@pytest.mark.parametrize("case", MADE)
def test_a_bundle_made_to_harm_is_refused(tmp_path, case):
    """Its digests are right, and still it is refused."""
    assert "was changed" not in refused(saved(tmp_path / "made", **MADE[case]))


@pytest.mark.parametrize("case", CHANGED)
def test_a_changed_bundle_is_refused(tmp_path, case):
    """Whatever was changed in it, load() raises BundleFormatError and nothing else."""
    folder = saved(tmp_path / "made")
    CHANGED[case](folder)
    assert refused(folder)


def test_what_no_list_names_is_ignored(tmp_path):
    """Files that the manifest does not list neither count nor are copied."""
    folder = saved(tmp_path / "made")
    (folder / "source" / "sitecustomize.py").write_text("raise SystemExit")
    (folder / MODEL).with_name("other.pkl").write_bytes(b"")
    (folder / "README.md").write_text("mine")
    bundle = ScoringBundle.load(folder)
    assert [file.path for file in bundle.source] == ["helper.py", "score.py"]
    assert [file.path for file in bundle.model.files] == ["model.pkl"]


def nodes(value, way=()):
    """Yield the way to each value in a document."""
    yield way
    inner = enumerate(value) if isinstance(value, list) else ()
    for key, each in value.items() if isinstance(value, dict) else inner:
        yield from nodes(each, (*way, key))


@pytest.fixture
def folder(tmp_path):
    """Save a bundle."""
    return saved(tmp_path / "made")


@fuzzed
@given(data=st.data())
def test_any_change_of_the_manifest_is_refused_or_harmless(folder, data):
    """With any value in any place of bundle.json, only a ModelshipError leaves load()."""
    path = folder / MANIFEST
    before = path.read_text()
    document = json.loads(before)
    *way, last = data.draw(st.sampled_from([way for way in nodes(document) if way]))
    inner = document
    for key in way:
        inner = inner[key]
    inner[last] = data.draw(values)
    path.write_text(json.dumps(document))
    with suppress(ModelshipError):
        ScoringBundle.load(folder)
    path.write_text(before)


@fuzzed
@given(
    name=st.sampled_from(
        [MANIFEST, "requirements.lock", "sample_input.json", "source/score.py", MODEL]
    ),
    data=st.data(),
)
def test_any_change_of_bytes_is_refused_or_harmless(folder, name, data):
    """With bytes put anywhere into any file, only a ModelshipError leaves load()."""
    path = folder / name
    before = path.read_bytes()
    at = data.draw(st.integers(0, len(before)))
    put = data.draw(st.binary(max_size=8))
    path.write_bytes(before[:at] + put + before[at + data.draw(st.integers(0, 8)) :])
    with suppress(ModelshipError):
        found = ScoringBundle.load(folder).digest
        assert found == json.loads((folder / MANIFEST).read_text())["digest"]
    path.write_bytes(before)
