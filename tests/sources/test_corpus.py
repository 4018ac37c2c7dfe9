"""Every hostile file of the corpus is caught, and reading it runs, imports and costs nothing."""

from __future__ import annotations

import sys
import time

import pytest

from corpus.assembly import whole
from corpus.hostile import CASES
from corpus.hostile_arrays import build, state
from corpus.hostile_formats import model, node
from modelship.errors import CorruptModelError
from modelship.sources._told import tell_pickle
from modelship.sources.passport import read_passport

_RUN = ("os.system", "subprocess.Popen", "pickle.find_class", "ctypes.dlopen", "socket.connect")
_MAX_CPU_S = 10  # of which about one is what a hostile file may take; the machine may be busy
# Each takes a second to read. The gate asks for their passports; what the tree of a
# bomb may cost is asked there of those in test_hostile_trees.py.
_BOMBS = (
    "a bomb in a zip",
    "a bomb of instructions",
    "a bomb of zeros",
    "an instance as none, beside long lists",
    "many marks",
    "the limit of instructions, and more",
    "tuples one by one",
)
# In the gate test_hostile.py asks for the passports of the same instructions, packed; what takes
# too long is aborted in "a bomb in a zip", and keys are judged in "tuples one by one".
_LONG = ("a bomb of instructions", "an instance as none, beside long lists", "many marks")


@pytest.fixture(scope="session")
def audited():
    """What happened of the events that loading would cause, since the list was cleared."""
    events = []

    def note(event, arguments):
        if event in _RUN or (event == "import" and arguments[0] in ("antigravity", "this", "pty")):
            events.append(event)

    sys.addaudithook(note)
    return events


def _is_caught(path) -> bool:
    try:
        return not read_passport(path).safe_to_load
    except CorruptModelError:
        return True


@pytest.mark.parametrize(
    "name",
    [pytest.param(each, marks=[pytest.mark.long] if each in _LONG else []) for each in CASES],
)
def test_what_is_hostile_is_caught(tmp_path, audited, name):
    """It is corrupt or not safe to load, and nothing of it was run or imported."""
    (tmp_path / "model").mkdir()
    path = CASES[name].write(tmp_path / "model", str(tmp_path / "marker"))
    audited.clear()
    began = time.process_time()
    assert _is_caught(path), CASES[name].tries
    if path.is_file() and name not in _BOMBS:
        tell_pickle(path)  # which is only asked of files read to their end, and raises nothing
    assert time.process_time() - began < _MAX_CPU_S
    assert not audited
    assert not (tmp_path / "marker").exists()


@pytest.mark.long
@pytest.mark.parametrize("name", _BOMBS)
def test_what_a_bomb_tells_costs_little(tmp_path, audited, name):
    """Its tree is aborted in good time, too, and nothing of it is run or imported."""
    path = CASES[name].write(tmp_path, str(tmp_path / "marker"))
    audited.clear()
    began = time.process_time()
    tell_pickle(path)
    assert time.process_time() - began < _MAX_CPU_S
    assert not audited
    assert not (tmp_path / "marker").exists()


def test_what_the_cases_change_is_safe_before(tmp_path):
    """The descriptions of arrays and the models that are made hostile are honest without that."""
    for file, content in {
        "model.joblib": whole(build(state()))[:-1] + bytes(8) + b".",
        "net.onnx": model(node("Identity")),
        "notes.txt": b"catboost\nxgboost\n",
    }.items():
        (tmp_path / file).write_bytes(content)
        assert read_passport(tmp_path / file).safe_to_load, file
