"""How options are recorded, and compared with what a record says."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelship.runtime.variables import Secret
from modelship.targets.release_record import differing, recorded

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
some_options = st.dictionaries(st.text(min_size=1), scalars, max_size=5)


def kept(options):
    """Return options as a record on a disk gives them back."""
    return json.loads(json.dumps(recorded(options, salt="a bundle")))


@given(options=some_options)
def test_the_same_options_do_not_differ(options):
    """A recorded option is recognized, and an option that is None is not recorded."""
    assert differing(options, kept(options)) == []
    assert None not in kept(options).values()


@given(options=some_options, name=st.text(min_size=1), value=scalars)
def test_another_value_is_named(options, name, value):
    """An option that has changed is named, alone; so is one that was given or left out since."""
    before, after = {**options, name: value}, {**options, name: "other", "": None}
    expected = [] if value == "other" else [name]
    assert differing(after, kept(before)) == differing(before, kept(after)) == expected


@pytest.mark.parametrize(("one", "other"), [(True, 1), (False, 0), ("1", 1), (None, False)])
def test_values_of_other_kinds_differ(one, other):
    """True is not 1, and left out is not False."""
    assert differing({"workers": one}, kept({"workers": other})) == ["workers"]


def test_a_secret_is_known_again_and_not_told():
    """The record holds a hash, another one with each salt; the same value is known by it."""
    options = {"key": Secret("a-secret-key-of-mine")}
    first, second = kept(options), recorded(options, salt="another bundle")
    assert first != second
    assert "secret-key" not in f"{first}{options}"
    assert differing(options, first) == differing(options, second) == []
    assert differing({"key": Secret("another")}, first) == ["key"]


@pytest.mark.parametrize("damaged", ["", "scrypt", "scrypt:", "scrypt::", 7, "a-secret"])
def test_a_damaged_hash_is_another_value(damaged):
    """Whatever is in place of the hash, the option differs, and nothing is raised."""
    assert differing({"key": Secret("a-secret")}, {"key": damaged}) == ["key"]


def test_a_record_without_options_is_not_taken_for_the_same():
    """Of a service whose options were not recorded nobody knows how it runs."""
    assert differing({}, None) == ["options (not recorded when it was deployed)"]
