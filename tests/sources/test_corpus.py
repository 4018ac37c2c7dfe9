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


@pytest.mark.parametrize("name", CASES)
def test_what_is_hostile_is_caught(tmp_path, audited, name):
    """It is corrupt or not safe to load, and nothing of it was run or imported."""
    (tmp_path / "model").mkdir()
    path = CASES[name].write(tmp_path / "model", str(tmp_path / "marker"))
    audited.clear()
    began = time.process_time()
    assert _is_caught(path), CASES[name].tries
    if path.is_file():
        tell_pickle(path)  # which is only asked of files read to their end, and raises nothing
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
