"""``modelship parity``: requests to several places, from the command line."""

import json

import pytest

from modelship.bundle import Environment
from modelship.testing import script_bundle, with_lock

SCRIPT = """
import os, sys
def init():
    assert os.environ["MODE"] + os.environ["TOKEN"] == "fast hunter2"
def run(raw_data):
    return [1, "modelship_server" in sys.modules and "differ" in raw_data]
"""


ON = "process:server=modelship"
SERVED = ("--variable", "MODE=fast ", "--secret", "TOKEN=env:MINE")


@pytest.fixture
def bundle(here, bare_lock, tmp_path, shared_home, monkeypatch):
    """Save a bundle, and return its folder."""
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))
    monkeypatch.setenv("MINE", "hunter2")
    environment = Environment(python=bare_lock.python, requirements=())
    made = script_bundle(SCRIPT, folder=tmp_path / "made", environment=environment)
    return with_lock(made, lock=bare_lock).save(tmp_path / "bundle")


def test_equal_answers_are_said(bundle, here, modelship):
    """One line says how many requests went where, and the exit code is 0.

    What is written behind a target is how it serves. The script has the variables and the secrets
    in each place: it would not start without.
    """
    (here / "requests.jsonl").write_text("1\n2\n")
    places = ("--on", "process", "process:server=modelship,scoring_timeout_ms=5000")
    sent = ("--requests", "requests.jsonl", "--quiet")
    done = modelship("parity", bundle, *places, *sent, *SERVED)
    told = "script, process, process:server=modelship,scoring_timeout_ms=5000"
    assert done.stdout == f"2 requests to {told}: equal answers\n"
    assert done.exit_code == 0


def test_a_difference_is_an_exit_code(bundle, here, modelship):
    """The places stand side by side with what was sent, and the exit code is the error's."""
    (here / "requests.jsonl").write_text('"differ"\n"same"\n')
    arguments = ("parity", bundle, "--on", ON, "--requests", "requests.jsonl", "--quiet")
    done = modelship(*arguments, *SERVED)
    assert done.exit_code == 8
    shown = f"line 1: body [1]\n  {'script':{len(ON)}}  false\n  {ON}  true\n  sent: POST /score"
    assert shown in done.stdout
    assert "to 1 of 2 requests" in done.stderr


def test_a_difference_is_a_document(bundle, here, modelship):
    """As JSON, each has what was sent, what differs and where; the exit code is the same."""
    (here / "requests.jsonl").write_text('"differ"\n')
    done = modelship(
        "parity",
        bundle,
        "--on",
        ON,
        "--requests",
        "requests.jsonl",
        "--quiet",
        "--json",
        *SERVED,
    )
    assert done.exit_code == 8
    [found] = json.loads(done.stdout)["differences"]
    assert (found["what"], found["where"]) == ("body", "[1]")
    assert found["values"] == {"script": "false", ON: "true"}
    assert found["sent"] == 'POST /score "differ"'


@pytest.mark.parametrize("more", [(), ("--generate", "5")])
def test_a_bundle_without_a_sample_needs_requests(bundle, modelship, more):
    """The message says that there is nothing to send, or to make requests of."""
    done = modelship("parity", bundle, "--on", "process", *more)
    assert done.exit_code == 2
    assert "no sample request" in done.stderr


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("process:modelship", "--on is 'process:modelship'; expected TARGET or TARGET:KEY=VALUE"),
        ("process:server=apache", "'azmlinfsrv' or 'modelship'"),
        ("process:colour=red", "the target 'process'"),
        ("prozess:server=modelship", "did you mean 'process'"),
    ],
)
def test_what_cannot_be_told_to_a_target_is_refused(bundle, modelship, place, told):
    """Before anything is deployed."""
    done = modelship("parity", bundle, "--on", place)
    assert (done.exit_code, told in done.stderr) == (2, True), done.stderr
