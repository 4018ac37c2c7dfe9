"""``modelship check``: what is wrong with a bundle, as text, as JSON, and as an exit code."""

import json

import pytest

from modelship.bundle import Environment
from modelship.testing import script_bundle, with_lock

FINE = """
def init():
    pass
def run(raw_data):
    return len(raw_data)
"""
PRINTING = FINE.replace("return", "print(raw_data)\n    return")
FAILING = FINE.replace("return len", "return 1 / 0 + len")


@pytest.fixture
def save(here, bare_lock, tmp_path, shared_home, monkeypatch):
    """Return a function that saves a bundle of a script, and returns its folder."""
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))

    def save(script):
        environment = Environment(python=bare_lock.python, requirements=())
        bundle = script_bundle(
            script, folder=tmp_path / "made", environment=environment, sample_input=[1]
        )
        return with_lock(bundle, lock=bare_lock).save(tmp_path / "bundle")

    return save


def test_a_bundle_that_works_has_nothing_to_say(save, modelship):
    """The exit code is 0."""
    done = modelship("check", save(FINE))
    assert (done.exit_code, done.stdout) == (0, "nothing found\n")


def test_an_error_is_shown_with_its_line_and_what_to_do(save, modelship):
    """The trial's error has the code, the place and the lines that prove it; the exit code is 5."""
    done = modelship("check", save(FAILING))
    assert done.exit_code == 5
    assert done.stdout.startswith("error MS503  score.py:5\n  run() raised ZeroDivisionError")
    assert "  | ZeroDivisionError: division by zero\n" in done.stdout
    assert done.stdout.endswith("1 error\n")


def test_without_a_trial_the_script_is_not_run(save, modelship):
    """What only shows when the script runs is not found then."""
    assert modelship("check", save(FAILING), "--no-trial").exit_code == 0


def test_a_warning_fails_it_only_if_asked(save, modelship):
    """A warning is shown with exit code 0, and with --strict it is 5."""
    folder = save(PRINTING)
    done = modelship("check", folder)
    assert done.stdout.startswith("warning MS111  score.py:5\n")
    assert done.exit_code == 0
    assert modelship("check", folder, "--strict").exit_code == 5


def test_as_json_it_is_one_document(save, modelship):
    """Each finding has all of its parts."""
    document = json.loads(modelship("check", save(PRINTING), "--as", "aci", "--json").stdout)
    assert document["passed"] is True
    assert [each["code"] for each in document["findings"]] == ["MS404", "MS111"]
    assert document["findings"][1]["line"] == 5


def test_what_is_no_bundle_yet_is_checked_whole(here, files, modelship):
    """With modelship.yaml, one broken part does not hide what is wrong with the others."""
    (here / "score.py").write_text("import cv2\ndef init(:\n")
    (here / "empty.pkl").write_bytes(b"")
    (here / "modelship.yaml").write_text(
        "model: empty.pkl\nentry_script: score.py\nenvironment: none.yml\nname: No_Name\n"
    )
    done = modelship("check")
    codes = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("error")}
    assert codes == {"MS101", "MS209", "MS305", "MS401"}
    assert done.exit_code == 5


def test_an_unknown_place_is_refused(save, modelship):
    """The message lists the places whose limits are known."""
    done = modelship("check", save(FINE), "--as", "acl")
    assert done.exit_code == 2
    assert "did you mean 'aci'" in done.output


READING = """
import os

def init():
    assert os.environ["TOKEN"] == "hunter2-hunter2"
def run(raw_data):
    return os.environ["MODE"]
"""


def test_variables_and_secrets_are_given_as_to_deploy(save, modelship, here, monkeypatch):
    """On the command line, or in modelship.yaml, which has the service's own."""
    monkeypatch.setenv("MINE", "hunter2-hunter2")
    folder = save(READING)
    flags = ("--variable", "MODE=fast", "--secret", "TOKEN=env:MINE")
    assert modelship("check", folder, *flags).exit_code == 0
    assert modelship("check", folder, *flags[:2]).exit_code == 5
    (here / "modelship.yaml").write_text("serving: {secrets: {TOKEN: env:MINE}}\n")
    assert modelship("check", folder, *flags[:2]).exit_code == 0


def test_a_secret_given_as_a_variable_is_told(save, modelship):
    """It is a warning, which does not show the value."""
    done = modelship("check", save(FINE), "--variable", "DB_PASSWORD=hunter2-hunter2")
    assert (done.exit_code, "MS118" in done.stdout) == (0, True)
    assert "hunter2" not in done.output


def test_without_a_trial_no_secret_is_read(save, modelship, here):
    """A check in CI may have none of them; a trial says which one it needs."""
    (here / "modelship.yaml").write_text("serving: {secrets: {TOKEN: env:NOT_SET_HERE}}\n")
    folder = save(FINE)
    assert modelship("check", folder, "--no-trial").exit_code == 0
    tried = modelship("check", folder)
    assert (tried.exit_code, "NOT_SET_HERE is not" in tried.stderr) == (2, True)
