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

from modelship.errors import CorruptModelError, ModelNotFoundError
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
    size_bytes = 32 * 2**20
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


def _peak_bytes(read, *arguments) -> int:
    tracemalloc.start()
    with contextlib.suppress(CorruptModelError):
        read(*arguments)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak_bytes


def _sparse(path, head: bytes, size_bytes: int = 5 * 2**30):
    path.write_bytes(head)
    os.truncate(path, size_bytes)
    return path


HUGE_ARRAY = (
    b"\x80\x04cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(X\x05\x00\x00\x00dtypecnumpy\ndtype\n"
    b"X\x02\x00\x00\x00f8\x85R\x8c\x08subclasscnumpy\nndarray\n\x8c\x05order\x8c\x01C"
    b"\x8c\nallow_mmap\x88X\x05\x00\x00\x00shape\x8a\x05" + (5 * 2**27).to_bytes(5, "little")
    + b"\x85ub"
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("model.pkl", b""),
        ("model.bin", b""),
        ("model.skops", b"PK\x03\x04"),
        ("model.skops", b""),
        ("model.onnx", b""),
        ("model.onnx", b"\x08\x08\x3a" + b"\xff\xff\xff\xff\x0f"),
        ("model.pkl", b"\x80\x04\x8e" + struct.pack("<Q", 5 * 2**30 - 100)),
        ("model.joblib", HUGE_ARRAY),
        ("model.joblib", b"\x80\x04X\xff\xff\xff\xff"),
    ],
)
def test_huge_sparse_files_cost_little(tmp_path, name, head):
    """Five gigabytes of nothing are skipped, not read."""
    path = _sparse(tmp_path / name, head)
    assert _peak_bytes(read_passport, path) < 8 * 2**20


def test_a_huge_array_is_passed_over(tmp_path):
    """A model whose one array has two gigabytes is described to its end, with little memory."""
    count = 2**28
    head = HUGE_ARRAY.replace((5 * 2**27).to_bytes(5, "little"), count.to_bytes(5, "little"))
    path = _sparse(tmp_path / "model.joblib", head, len(head) + 8 * count)
    with path.open("ab") as file:
        file.write(b"0csklearn.svm._classes\nSVC\n.")
    tracemalloc.start()
    passport = read_passport(path)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()
    assert passport.complete
    assert "sklearn.svm._classes.SVC" in passport.globals


def test_a_huge_model_that_is_no_model_is_not_hashed(tmp_path):
    """What is corrupt is told before five gigabytes are read for their digest."""
    with pytest.raises(CorruptModelError, match="not a complete pickle"):
        Model.read(_sparse(tmp_path / "model.pkl", b""))


def test_a_folder_with_a_link_to_itself(tmp_path):
    """The loop is refused by name, and never followed."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.pkl").write_bytes(pickle.dumps(1))
    (folder / "again").symlink_to(folder)
    with pytest.raises(CorruptModelError, match="'again' in it leads to a folder"):
        Model.read(folder)
    assert read_passport(folder).format == "folder"
    (tmp_path / "self.pkl").symlink_to(tmp_path / "self.pkl")
    with pytest.raises(ModelNotFoundError):
        Model.read(tmp_path / "self.pkl")


@pytest.mark.parametrize("instruction", [b"N", b"(", b"Nq\x07", b"N\x94"])
def test_a_bomb_of_instructions_ends(tmp_path, instruction):
    """A few kilobytes that unpack to millions of instructions are given up in good time."""
    path = tmp_path / "model.pkl"
    path.write_bytes(gzip.compress(b"\x80\x02" + instruction * 2_100_000 + b"."))
    assert not read_passport(path).complete


def test_many_names_are_judged_in_good_time(tmp_path):
    """Judging names takes time in proportion to their number, and no more."""
    path = tmp_path / "model.pkl"
    path.write_bytes(b"".join(b"cm%d\nX\n0" % number for number in range(30_000)) + b"N.")
    passport = read_passport(path)
    assert len(passport.unknown) == 30_000
    assert passport.dangerous == passport.from_main == ()


def test_a_zip_of_very_many_entries(tmp_path):
    """An archive whose directory alone would fill the memory is not opened."""
    path = tmp_path / "model.skops"
    entry = b"PK\x01\x02" + bytes(42)
    directory = entry * 400_000
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, len(directory), 4, 0)
    path.write_bytes(b"PK\x03\x04" + directory + end)
    assert _peak_bytes(read_passport, path) < 8 * 2**20
    assert not read_passport(path).complete
