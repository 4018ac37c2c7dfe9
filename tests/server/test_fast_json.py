"""orjson behind a script's json.loads: the same values, or the standard library's own."""

from __future__ import annotations

import json
import math
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelship.server.fast_json import serve_with_orjson

pytest.importorskip("orjson")

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda each: st.lists(each) | st.dictionaries(st.text(), each),
)
_ODD = [
    "-0", "-0.0", "1e400", "-1e400", "NaN", "[Infinity]", '"\\ud800"', "9223372036854775808",
    "18446744073709551616", "-9223372036854775809", "1.0e-400", '{"a": 1, "a": 2}', "\ufeff{}",
    "[1,]", "", "  [1]  ", "01", "[" * 1100 + "]" * 1100, "0.1234567890123456789012345",
]  # fmt: skip


@pytest.fixture(scope="module")
def loads():
    """Return what a script that imports json has for json.loads."""
    script = ModuleType("score")
    script.json = json
    serve_with_orjson(script)
    assert script.json is not json
    assert script.json.dumps is json.dumps
    return script.json.loads


def _outcome(function, text, **options):
    try:
        return repr(function(text, **options))
    except (ValueError, RecursionError) as error:
        return type(error), str(error)


@given(_JSON)
def test_what_json_writes_is_read_alike(loads, value):
    """Types, bits of floats and the order of keys are the same."""
    text = json.dumps(value)
    assert _outcome(loads, text) == _outcome(json.loads, text)


@pytest.mark.parametrize("text", _ODD)
def test_what_is_odd_is_read_alike(loads, text):
    """So is each text that the two libraries have their own minds about, and each error."""
    assert _outcome(loads, text) == _outcome(json.loads, text)
    padded = " " * 30_000 + text
    assert _outcome(loads, padded) == _outcome(json.loads, padded)


def test_options_and_bytes_go_the_usual_way(loads):
    """What only json.loads knows is left to it."""
    assert loads("1.5", parse_float=str) == "1.5"
    assert loads(json.dumps([1]).encode("utf-16")) == [1]
    assert math.isnan(loads("NaN"))


def test_a_script_that_imports_the_function_gets_it_too():
    """``from json import loads`` is served as well."""
    script = ModuleType("score")
    script.loads = json.loads
    serve_with_orjson(script)
    assert script.loads is not json.loads
    assert script.loads("[1]") == [1]
