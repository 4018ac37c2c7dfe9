"""What joblib would import of a broken file, the passport names, or says that it may lack."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelship.errors import CorruptModelError
from modelship.sources.passport import read_passport


def _dumped(value, protocol: int) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(value, buffer, protocol=protocol)
    return buffer.getvalue()


VALUES = [
    {"weights": np.arange(6, dtype="i2").reshape(2, 3), "names": ["a", "b"]},
    [np.array(["x", "yy"]), np.zeros(2, "i4,U2"), np.asfortranarray(np.ones((2, 2)))],
    {"objects": np.array([None, "a"], object), "after": np.zeros(3, "f4")},
]
HONEST = [_dumped(value, protocol) for value in VALUES for protocol in (2, 4)]
PIECES = [
    *(b"cos\ngetpid\n", b"\x8c\x02os\x94\x8c\x06getpid\x94\x93", b"N", b"0", b"2", b"(", b"1"),
    *(b"b", b"R", b"}", b"\x85", b"\x86", b"\x88", b"\x89", b"K\x01", b"K\x08", b"h\x00", b"h\x05"),
    *(b"s", b"u", b".", b"\x81", b")", b"\x94", b"\x95\x08\0\0\0\0\0\0\0", b"\x8c\x05shape"),
    *(b"\x8c\x05dtype", b"\xff", b"\x00", b"cbuiltins\nstr\n\x8c\x05shape\x85R", b"\x8c\x02S1"),
]


@st.composite
def _broken(draw) -> bytes:
    """An honest file in which a few bytes were changed, added, taken out or moved."""
    content = bytearray(draw(st.sampled_from(HONEST)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(content)))
        end = place + draw(st.integers(0, 12))
        how = draw(st.sampled_from(("put", "replace", "repeat", "remove", "byte")))
        if how == "put":
            content[place:place] = draw(st.sampled_from(PIECES))
        elif how == "replace":
            content[place:end] = draw(st.sampled_from(PIECES))
        elif how == "repeat":
            content[place:place] = content[place:end]
        elif how == "remove":
            del content[place:end]
        else:
            content[place : place + 1] = bytes([draw(st.integers(0, 255))])
    return bytes(content)


@pytest.fixture(scope="module")
def ask_joblib():
    """A question to a child: what loading the file at a path imports; None if that kills it."""
    command = [sys.executable, str(Path(__file__).with_name("joblib_child.py"))]
    children = []

    def ask(path) -> list[str] | None:
        if not children or children[-1].poll() is not None:
            child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            children.append(child)
        children[-1].stdin.write(f"{path}\n")
        children[-1].stdin.flush()
        if answer := children[-1].stdout.readline():
            return json.loads(answer)
        children[-1].wait(60)  # its output ends a moment before it does
        return None

    yield ask
    for child in children:
        child.communicate(timeout=30)


@settings(  # 300 examples in the long run
    max_examples=3 * settings().max_examples,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(content=_broken())
def test_what_joblib_would_import_is_named(tmp_path, ask_joblib, content):
    """However a file is broken, what joblib imports of it is named, or the rest is said to lack."""
    for name in ("model.joblib", "weights.bin"):
        path = tmp_path / name
        path.write_bytes(content)
        with contextlib.suppress(CorruptModelError):
            passport = read_passport(path)
            if passport.complete and not passport.hazards:
                assert {*(ask_joblib(path) or ())} <= {*passport.globals}


def test_the_child_loads_what_is_honest(tmp_path, ask_joblib):
    """Of an honest file, both name the same, so that the comparison means something."""
    for content in HONEST:
        path = tmp_path / "model.joblib"
        path.write_bytes(content)
        assert "numpy.dtype" in ask_joblib(path)
        assert read_passport(path).complete
