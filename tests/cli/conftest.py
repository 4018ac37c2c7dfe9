"""What the tests of the command line share: a folder with files, and a way to type commands."""

from __future__ import annotations

import json
import os

import pytest
from click.testing import CliRunner

from modelship.bundle import ScoringBundle
from modelship.cli.app import cli
from modelship.sources import Model
from modelship.targets import DeployTarget
from modelship.testing import offline_bundle
from modelship.testing.cases import SLOW

RAISING = """
def init():
    pass


def run(raw_data):
    raise ValueError("rows of 64 numbers are needed")
"""

SCRIPTS = {
    "raising": RAISING,
    "failing": RAISING.replace("pass", "raise OSError('there is no model')"),
    "slower": RAISING.replace("raise ", "return str"),
    "slow": SLOW,
}


@pytest.fixture(scope="session")
def files(tmp_path_factory, digits_files):
    """Return a folder with a model, a test set, a request and bundles for memory."""
    folder = tmp_path_factory.mktemp("files")
    for name, content in digits_files.items():
        (folder / name).write_bytes(content)
    sample = {"data": json.loads(digits_files["request.json"])["data"][:2]}
    model = Model.read(folder / "model.pkl")
    offline_bundle(ScoringBundle(model, sample_input=sample)).save(folder / "bundle")
    for name, script in SCRIPTS.items():
        (folder / f"{name}.py").write_text(script)
        scripted = ScoringBundle(model, entry_script=folder / f"{name}.py")
        offline_bundle(scripted).save(folder / name)
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch, sharing_locks):
    """Move into a new folder, with no settings of the person who runs the tests."""
    for variable in [name for name in os.environ if name.startswith("MODELSHIP_")]:
        if variable != "MODELSHIP_HOME":
            monkeypatch.delenv(variable)
    monkeypatch.setenv("MODELSHIP_HOME", str(sharing_locks(tmp_path / "home")))
    # A guess of a secret takes 30 ms, and most of the tests that have one are not about guesses.
    monkeypatch.setattr("modelship.targets.release_record._ROUNDS", 2)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def modelship():
    """Return what types one command, and gives click's result back."""
    runner = CliRunner()

    def type_command(*arguments, stdin=None):
        return runner.invoke(cli, [str(each) for each in arguments], input=stdin)

    yield type_command
    for deployment in DeployTarget.open("memory").list():
        deployment.delete(missing_ok=True)


@pytest.fixture
def service(modelship, files):
    """Deploy the bundle of digits on the target memory, and return the service's name."""
    done = modelship("deploy", files / "bundle", "-n", "digits-svc", "-t", "memory", "--quiet")
    assert done.exit_code == 0, done.output
    return "digits-svc"
