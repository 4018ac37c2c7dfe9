"""Two processes write one history, as two machines do, which no lock keeps apart."""

import multiprocessing

import pytest

from modelship.targets.history import Change
from modelship.targets.online_endpoint import OnlineEndpointBackend
from modelship.targets.release import ReleaseRecord
from modelship.workspace.ml_workspace import open_ml

CHANGES = 6
# A new Python would take seconds to import the SDK once more.
FORKING = multiprocessing.get_context("fork")


def journal_in(config):
    """Return the history of a service in an offline workspace."""
    return OnlineEndpointBackend.at(open_ml(str(config))).journal("shared")


def write(config, model, both, sending):
    """Write changes at the same time as another process; send their numbers."""
    journal = journal_in(config)
    numbers = []
    both.wait(60)
    for _ in range(CHANGES):
        change = Change.begun("deploy", ReleaseRecord(model=model))
        change = journal.begin(change.after(journal.changes()))
        journal.write(change.ended("failed", "a trial"))
        numbers.append(change.number)
    sending.send(numbers)


@pytest.fixture
def journal(offline):
    return journal_in(offline.config_path)


@pytest.fixture
def written(offline):
    """Have two processes write changes of two models; return the numbers of each."""
    both, started = FORKING.Barrier(2), {}
    for model in ("one", "two"):
        receiving, sending = FORKING.Pipe(duplex=False)
        arguments = (offline.config_path, model, both, sending)
        started[model] = FORKING.Process(target=write, args=arguments), receiving
        started[model][0].start()
    for process, _ in started.values():
        process.join(60)
        assert process.exitcode == 0
    return {model: receiving.recv() for model, (_, receiving) in started.items()}


def test_two_processes_give_no_number_twice(written, journal):
    """Each change has a number of its own, and neither process changes one of the other."""
    assert sorted([*written["one"], *written["two"]]) == [*range(1, 2 * CHANGES + 1)]
    found = journal.changes()
    models = {each.number: each.release.model for each in found}
    assert models == {number: model for model in written for number in written[model]}
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
