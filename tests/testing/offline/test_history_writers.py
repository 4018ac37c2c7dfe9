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
WRITERS = f"""
import json, os, sys
from modelship.targets.history import Change
from modelship.targets.online_endpoint import OnlineEndpointBackend
from modelship.targets.release import ReleaseRecord
from modelship.workspace.ml_workspace import open_ml

import azure.ai.ml.entities, azure.identity  # once for both

other = os.fork()
journal = OnlineEndpointBackend.at(open_ml(sys.argv[1])).journal("shared")
numbers = []
for _ in range({CHANGES}):
    change = Change.begun("deploy", ReleaseRecord(model="one" if other else "two"))
    change = journal.begin(change.after(journal.changes()))
    journal.write(change.ended("failed", "a trial"))
    numbers.append(change.number)
if other:
    assert os.waitpid(other, 0)[1] == 0
print(json.dumps(numbers), flush=True)
"""


@pytest.fixture
def journal(offline):
    """Return the history of a service in an offline workspace."""
    return OnlineEndpointBackend.at(open_ml(str(offline.config_path))).journal("shared")


def test_two_processes_give_no_number_twice(offline, journal):
    """Each change has a number of its own, and neither process changes one of the other."""
    command = [sys.executable, "-c", WRITERS, str(offline.config_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    written = [json.loads(each) for each in done.stdout.splitlines()]  # the fork ends first
    assert sorted([*written[0], *written[1]]) == [*range(1, 2 * CHANGES + 1)]
    found = journal.changes()
    models = {each.number: each.release.model for each in found}
    assert models == dict.fromkeys(written[0], "two") | dict.fromkeys(written[1], "one")
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
