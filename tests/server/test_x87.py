"""json reads the same with the precision of the x87 unit set once, and leaves that unit alone."""

import ctypes
import json
import platform
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelship.server import x87

pytestmark = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="there is no such unit"
)

# Enough for the scanner to be worth the change.
PADDING = "0" * 2000


@pytest.fixture(scope="module", autouse=True)
def changed():
    """Put the scanner in place, and json's own again afterwards."""
    decoder = json._default_decoder
    own = decoder.scan_once
    x87.read_json_in_double_precision()
    assert decoder.scan_once is not own
    yield
    decoder.scan_once = own


def _own(text):
    """Return what a decoder that nobody changed makes of a text."""
    return json.JSONDecoder().decode(text)


def _control_word():
    environment = (ctypes.c_uint16 * 16)()
    ctypes.PyDLL(None).fegetenv(environment)
    return environment[0]


@given(
    numbers=st.lists(
        st.one_of(
            st.floats(allow_nan=False, allow_infinity=False).map(repr),
            st.from_regex(
                r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,60})?([eE][+-]?[0-9]{1,3})?", fullmatch=True
            ),
        )
    )
)
def test_numbers_are_the_same(numbers):
    """Whatever is written, and however long it is, the same double is read."""
    text = f'["{PADDING}", {", ".join(["0", *numbers])}]'
    assert repr(json.loads(text)) == repr(_own(text))


@pytest.mark.parametrize("text", [f'["{PADDING}", 1.5]', f'["{PADDING}", oops]', "[" * 200_000])
def test_the_unit_is_left_as_it_was(text):
    """What long doubles are computed with is the same after a text, even a bad one."""
    before = _control_word()
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        assert "1.5" not in text
    assert _control_word() == before


def test_the_unit_is_changed_while_a_text_is_read(monkeypatch):
    """Both precisions are seen in turn, or else nothing is gained."""
    seen = []
    decoder = json._default_decoder
    monkeypatch.setattr(decoder, "scan_once", lambda *_: seen.append(_control_word()) or (1, 2001))
    x87.read_json_in_double_precision()
    json.loads(PADDING + " ")
    assert seen == [_control_word() & ~0x0300 | 0x0200]
