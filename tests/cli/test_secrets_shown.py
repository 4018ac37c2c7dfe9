"""No command shows a secret of a service, in words or in JSON, and none is left on the disk."""

import pytest

from modelship.bundle import ScoringBundle
from modelship.sources import Model
from modelship.testing import offline_bundle

MEMORY = ("-t", "memory")
SECRET = ("--secret", "TOKEN=env:MINE")
CANARY = "canary-7361-xyzzy"
NAME = "canary-svc"
# What it raises quotes the secret, and one that is given as a variable too.
TELLING = """
import os

def init():
    global token
    token = os.environ["TOKEN"]
    if "BREAK" in os.environ:
        raise ConnectionError(f"refused: user={token}")


def run(raw_data):
    raise ValueError(f"no rows for {token}")
"""


@pytest.fixture
def telling(files, tmp_path, monkeypatch):
    """Save a bundle whose script tells its secret whenever it can, and return its folder."""
    monkeypatch.setenv("MINE", CANARY)
    (tmp_path / "telling.py").write_text(TELLING)
    model = Model.read(files / "model.pkl")
    bundle = ScoringBundle(model, entry_script=tmp_path / "telling.py")
    return offline_bundle(bundle).save(tmp_path / "telling")


def commands(folder):
    """Yield what is typed, one after the other."""
    yield ("deploy", folder, "-n", NAME, *MEMORY, *SECRET)
    yield ("deploy", folder, "-n", NAME, *MEMORY)  # which is another release
    yield ("deploy", folder, "-n", NAME, *MEMORY, "--secret", f"TOKEN={CANARY}")
    yield ("deploy", folder, "-n", NAME, *MEMORY, "--secret", CANARY)
    yield ("update", NAME, *MEMORY, "--variable", "MODE=fast")
    yield ("update", NAME, *MEMORY, "--variable", "BREAK=1")
    yield ("run", NAME, *MEMORY, "--data", "[]")
    yield ("doctor", NAME, *MEMORY)
    yield ("list",)
    yield ("history", NAME, *MEMORY)
    yield ("rollback", NAME, *MEMORY)
    yield ("check", folder, *SECRET)
    yield ("delete", NAME, *MEMORY)


@pytest.mark.parametrize("how", [(), ("--json",)])
def test_no_command_shows_a_secret(modelship, telling, tmp_path, how):
    """Neither stdout nor stderr has the value, and no file but the script's own log."""
    outputs = {}
    for arguments in commands(telling):
        done = modelship(*arguments, *how)
        outputs[" ".join(map(str, arguments))] = done.stdout + done.stderr
    assert any("refused: user=***" in output for output in outputs.values())
    assert any("no rows for ***" in output for output in outputs.values())
    assert [command for command, output in outputs.items() if CANARY in output] == []
    written = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert written
    assert [path for path in written if CANARY.encode() in path.read_bytes()] == []
