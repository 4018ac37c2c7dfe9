"""Requests that nobody thought of: our server answers them as azmlinfsrv does."""

from __future__ import annotations

import json
from urllib.parse import quote

import hypothesis
import pytest
from hypothesis import strategies as st

from differential.comparing import compared
from differential.known import unknown
from differential.servers import THOROUGH
from differential.wire import post, send

# The gate sees the same requests each time.
_given_few = hypothesis.settings(
    deadline=None, derandomize=not THOROUGH, max_examples=2000 if THOROUGH else 10,
    suppress_health_check=list(hypothesis.HealthCheck),
)  # fmt: skip
_FLOATS = st.floats() | st.sampled_from([0.1, 1e308, 5e-324, -0.0, 2.0**53])
_NUMBERS = st.integers() | _FLOATS
_JSON = st.recursive(
    st.none() | st.booleans() | _NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
_ROWS = st.lists(st.lists(_NUMBERS, min_size=3, max_size=3), min_size=1, max_size=5)
_PRINTABLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40)
_DECIMALS = st.from_regex(
    r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", fullmatch=True
)
_VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"),
                  max_size=120)  # fmt: skip
_IDS = ("x-request-id", "x-ms-request-id", "x-ms-client-request-id", "TraceId", "Origin")


@pytest.fixture(scope="module", params=["default", "strict"])
def mode(request):
    """Return a mode of our server."""
    return request.param


@pytest.fixture(scope="module")
def differing(serving, mode):
    """Return a function that tells what of an unknown kind differs in the answers to a request."""

    def ask(script, sent):
        reference, ours = (serving.running(kind, script=script) for kind in ("reference", mode))
        return unknown(list(compared(script, sent, reference=reference, ours=ours)), mode=mode)

    return ask


@_given_few
@hypothesis.given(
    body=st.binary(max_size=200) | st.text().map(lambda each: each.encode(errors="surrogatepass"))
)
def test_bytes(differing, body):
    """Any bytes, as the body of an undecorated script."""
    assert not differing("plain", post("bytes", body))


@_given_few
@hypothesis.given(
    text=_PRINTABLE | st.text().map(lambda each: quote(each, safe="&=", errors="replace"))
)
def test_queries(differing, text):
    """Any query that can stand in a request line."""
    assert not differing("plain", send("a query", path=f"/score?{text}"))


@_given_few
@hypothesis.given(path=_PRINTABLE)
def test_paths(differing, path):
    """Any path that can stand in a request line."""
    assert not differing("plain", send("a path", path=f"/{path}"))


@_given_few
@hypothesis.given(headers=st.lists(st.tuples(st.sampled_from(_IDS), _VALUES), max_size=4))
def test_headers(differing, headers):
    """Any ids, also several at once."""
    assert not differing("plain", post("headers", b"[1]", headers=headers))


@_given_few
@hypothesis.given(
    value=_JSON | st.dictionaries(st.sampled_from(["data", "x"]), _JSON), ascii_=st.booleans()
)
def test_json(differing, value, ascii_):
    """Any JSON value, as the body of a decorated script."""
    body = json.dumps(value, ensure_ascii=ascii_).encode(errors="surrogatepass")
    assert not differing("typed", post("JSON", body))


@_given_few
@hypothesis.given(rows=_ROWS)
def test_rows(differing, rows):
    """Any numbers, where an array is declared; what the script gets is compared bit for bit."""
    assert not differing("typed", post("rows", {"data": rows}))


@_given_few
@hypothesis.given(number=_DECIMALS)
def test_decimals(differing, number):
    """Any way to write a number."""
    assert not differing("typed", post("a number", f'{{"data": [[{number}, 1, 2]]}}'.encode()))


@_given_few
@hypothesis.given(
    data=st.data(),
    text=_ROWS.map(lambda rows: json.dumps({"data": rows})),
)
def test_spoiled(differing, data, text):
    """A good body with a few bytes replaced."""
    body = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    assert not differing("typed", post("spoiled", bytes(body)))
