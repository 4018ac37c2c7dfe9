"""Media types as clients write them: in any case, with parameters, several with weights."""

from __future__ import annotations

import pytest

from modelship.server.media import media_type, preferred

_NPY, _ARROW = b"application/x-npy", b"application/vnd.apache.arrow.stream"


@pytest.mark.parametrize(
    "told",
    [
        b"application/x-npy",
        b"Application/X-NPY",
        b"application/x-npy;version=1",
        b'application/x-npy ; a="b;c, d"',
        b"\tapplication/x-npy ",
    ],
)
def test_a_type_is_known_however_it_is_written(told):
    """Its case, its parameters and the spaces around it say nothing."""
    assert media_type(told) == _NPY


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (b"", None),
        (b"*/*", None),
        (b"application/json", None),
        (b"text/html", None),
        (b"application/x-npy", _NPY),
        (b"APPLICATION/x-npy; q=1.0", _NPY),
        (b"text/html, application/x-npy, */*;q=0.1", _NPY),
        (b"application/x-npy;q=0.5, application/json", None),
        (b"application/json;q=0.5, application/x-npy", _NPY),
        (b"application/json, application/x-npy", None),
        (b"application/x-npy;q=0", None),
        (b"application/x-npy;q=much", None),
        (b"application/x-npy;q=0.2,application/vnd.apache.arrow.stream;q=0.3", _ARROW),
        (b";;,,=;q", None),
    ],
)
def test_the_answer_is_what_the_client_wants_most(accept, expected):
    """JSON is sent to clients that accept nothing else."""
    assert preferred(accept, {_NPY, _ARROW}) == expected
