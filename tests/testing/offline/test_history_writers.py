"""Two processes write one history, as two machines do, which no lock keeps apart."""

import json
import subprocess
import sys

import pytest

from modelship.targets.history import Change
from modelship.targets.online_endpoint import OnlineEndpointBackend
from modelship.targets.release import ReleaseRecord
from modelship.workspace.ml_workspace import open_ml

CHANGES = 6
WRITER = f"""
import json, sys
from modelship.targets.history import Change
from modelship.targets.online_endpoint import OnlineEndpointBackend
from modelship.targets.release import ReleaseRecord
from modelship.workspace.ml_workspace import open_ml

journal = OnlineEndpointBackend.at(open_ml(sys.argv[1])).journal("shared")
print("ready", flush=True)
sys.stdin.readline()
numbers = []
for _ in range({CHANGES}):
    change = Change.begun("deploy", ReleaseRecord(model=sys.argv[2])).after(journal.changes())
    change = journal.begin(change)
    journal.write(change.ended("failed", "a trial"))
    numbers.append(change.number)
print(json.dumps(numbers))
"""


@pytest.fixture
def journal(offline):
    """Return the history of a service in an offline workspace."""
    return OnlineEndpointBackend.at(open_ml(str(offline.config_path))).journal("shared")


def test_two_processes_give_no_number_twice(offline, journal):
    """Each change has a number of its own, and neither process changes one of the other."""
    config, pipes = str(offline.config_path), {"stdin": -1, "stdout": -1, "text": True}
    starts = [[sys.executable, "-c", WRITER, config, name] for name in ("one", "two")]
    writers = [subprocess.Popen(each, **pipes) for each in starts]
    assert [each.stdout.readline() for each in writers] == ["ready\n"] * 2
    for each in writers:
        each.stdin.write("\n")
        each.stdin.flush()
    written = [json.loads(each.communicate(timeout=60)[0]) for each in writers]
    assert sorted([*written[0], *written[1]]) == [*range(1, 2 * CHANGES + 1)]
    found = journal.changes()
    models = {each.number: each.release.model for each in found}
    assert models == dict.fromkeys(written[0], "one") | dict.fromkeys(written[1], "two")
    assert {each.outcome for each in found} == {"failed"}


def test_the_reason_of_a_change_goes_when_it_is_found_to_serve(journal):
    """Another machine had taken its deployer for a terminated one; the tags no longer say so."""
    change = journal.begin(Change.begun("deploy", ReleaseRecord(model="one")))
    journal.write(change.ended("failed", f"terminated: {list(range(500))}"))
    journal.write(change.ended("serving"))
    [(found, model)] = journal.kept()
    pieces = [each for each in model.tags if each.startswith("modelship.change.")]
    assert (found.outcome, found.reason) == ("serving", "")
    assert model.tags["modelship.outcome"] == "serving"
    assert "modelship.reason" not in model.tags
    assert len(pieces) == int(model.tags["modelship.change"])
