"""Files made to do harm when they are unpickled are only described."""

from __future__ import annotations

import contextlib
import gzip
import os
import pickle
import struct
import subprocess
import sys
import tracemalloc

import pytest

from modelship.errors import CorruptModelError
from modelship.sources import Model
from modelship.sources.passport import read_passport


class _Runs:
    """Unpickling it calls `function` with `args`."""

    def __init__(self, function, *args) -> None:
        self.call = function, args

    def __reduce__(self):
        return self.call


def _global(module: str, name: str, protocol: int) -> bytes:
    if protocol < 4:
        return f"c{module}\n{name}\n".encode()
    return (
        b"".join(b"\x8c" + bytes([len(text)]) + text.encode() for text in (module, name)) + b"\x93"
    )


def _hand_made(marker: str) -> list[bytes]:
    """Ways to call os.system other than REDUCE."""
    text = b"X" + struct.pack("<I", len(command := f"touch {marker}".encode())) + command
    return [
        b"(S'touch " + marker.encode() + b"'\nios\nsystem\n.",
        b"(" + _global("os", "system", 0) + text + b"o.",
        _global("os", "system", 0) + text + b"\x85\x81.",
        b"\x80\x04" + _global("os", "system", 4) + text + b"\x85}\x92.",
        b"\x80\x04" + _global("os", "system", 4) + text + b"\x85R}b.",
    ]


@pytest.mark.parametrize("protocol", range(6))
def test_calls_are_named_and_not_made(tmp_path, protocol):
    """A pickle that would run a command is described, names the command, and runs nothing."""
    marker = tmp_path / "marker"
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(_Runs(os.system, f"touch {marker}"), protocol))
    assert Model.read(path).passport.globals == (f"{os.system.__module__}.system",)
    assert not marker.exists()
    pickle.loads(path.read_bytes())
    assert marker.exists(), "the pickle was meant to be harmful"


@pytest.mark.parametrize("way", range(5))
def test_no_opcode_makes_a_call(tmp_path, way):
    """INST, OBJ, NEWOBJ, NEWOBJ_EX and BUILD run nothing either."""
    marker = tmp_path / "marker"
    path = tmp_path / "model.pkl"
    path.write_bytes(_hand_made(str(marker))[way])
    assert read_passport(path).globals == ("os.system",)
    assert not marker.exists()


def test_nothing_is_imported(tmp_path):
    """Reading a passport imports no module that the pickle names."""
    path = tmp_path / "model.pkl"
    path.write_bytes(_global("antigravity", "fly", 0) + _global("wave", "open", 0) + b".")
    program = (
        "import sys; before = set(sys.modules); from pathlib import Path; "
        "from modelship.sources.passport import read_passport; "
        "print(read_passport(Path(sys.argv[1])).globals, "
        "{'antigravity', 'wave', 'numpy', 'joblib', 'pickle'} & (set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, path],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "('antigravity.fly', 'wave.open') set()"


def _laughs() -> bytes:
    # 60 tuples of the one before, twice each, as the key of a dict: hashing takes 2**60 steps.
    return b"}K\x01" + b"2\x86" * 60 + b"Ns."


HOSTILE = {
    "long bytes": b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"a",
    "long text": b"X" + struct.pack("<I", 2**32 - 1) + b"a",
    "long integer": b"\x8b" + struct.pack("<I", 2**31 - 1) + b"a",
    "long bytearray": b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"a",
    "long frame": b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"N.",
    "decimal bomb": b"I" + b"9" * 100_000 + b"\n.",
    "far memo": b"Nr" + struct.pack("<I", 2**32 - 1) + b".",
    "deep tuples": b")" + b"\x85" * 200_000 + b".",
    "deep marks": b"(" * 200_000 + b".",
    "laughs": _laughs(),
    "unhashable key": b"}]Ns.",
    "pop of nothing": b"0.",
    "state of nothing": b"Nb.",
    "class of numbers": b"\x80\x04K\x01K\x02\x93.",
    "unprintable class": b"cos\nsys\x1b[2Jtem\n.",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_bombs_cost_little(tmp_path, name):
    """A small file that asks for much is described or corrupt, and gets little memory."""
    path = tmp_path / "model.pkl"
    path.write_bytes(HOSTILE[name])
    tracemalloc.start()
    with contextlib.suppress(CorruptModelError):
        read_passport(path)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 64 * 2**20


def test_a_compression_bomb_is_passed_over_in_pieces(tmp_path):
    """Bytes that unpack to 1000 times their size are never in memory together."""
    path = tmp_path / "model.pkl"
    size_bytes = 200 * 2**20
    head = b"\x80\x04\x8e" + struct.pack("<Q", size_bytes)
    path.write_bytes(gzip.compress(head + bytes(size_bytes) + b".", 1))
    tracemalloc.start()
    passport = read_passport(path)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert passport.compression == "gzip"
    assert peak_bytes < 8 * 2**20


def test_a_version_that_is_a_command_is_not_repeated(tmp_path):
    """A version goes into a hint to type, so it has to look like one."""
    path = tmp_path / "model.pkl"
    state = {"_sklearn_version": "1.0; touch marker"}
    path.write_bytes(b"N" + pickle.dumps(state, 2)[2:-1] + b"b.")
    assert read_passport(path).written_by == ""
