"""The history of a service on Container Instances, and going back, from any machine."""

import os
import signal
import subprocess
import sys
from unittest.mock import Mock

import pytest

from modelship import DeployTarget, Serving
from modelship.errors import DeploymentFailedError, DeploymentTimeoutError, InvalidOptionError
from modelship.progress import Deadline, DeadlineExceededError
from modelship.state_paths import cache_folder
from modelship.targets import State
from modelship.targets.aci.making import Maker
from modelship.targets.health import wait_until_healthy
from modelship.testing import cases, script_bundle, with_lock

NAME = "history-svc"
ROWS = {"data": [2]}
MODEL = {"factor": cases.FACTOR}
NEGATED = cases.SCALING.replace("factor * ", "-factor * ")

# For each line it forks, which takes less than the imports of a new Python. The fork deploys a
# bundle, and is killed before or after the workspace is asked to update the service.
KILLED = """
import os, signal, sys
from azureml.core import Model, Webservice
from modelship import DeployTarget, ScoringBundle
from modelship.targets.aci.azure_services import Services

def deploy(config, folder, name, when):
    update = Services.update

    def dying(*args, **options):
        if when == "after":
            update(*args, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    Services.update = dying
    bundle, target = ScoringBundle.load(folder), DeployTarget.open("aci", workspace=config)
    target.deploy(bundle, name=name, overwrite=True, check="off", show_output=False)

for line in sys.stdin:
    if not (fork := os.fork()):
        deploy(*line.split())
        os._exit(1)
    print(os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def bare_lock(light):
    """Let services have a server that starts at once: no test here is about it."""
    return light


@pytest.fixture
def make(bundle, bare_lock, tmp_path):
    """Return a function from a script to a bundle of it."""

    def make(script):
        folder = tmp_path / f"bundle-{len(list(tmp_path.iterdir()))}"
        made = script_bundle(script, folder=folder, environment=bundle.environment, model=MODEL)
        return with_lock(made, lock=bare_lock)

    return make


def deploy(target, bundle, **options):
    return target.deploy(
        bundle, name=NAME, overwrite=True, check="off", show_output=False, **options
    )


@pytest.fixture(scope="module")
def killed(offline, light):
    """Return what deploys a bundle in a process that is killed before or after it asks."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", KILLED], env=environment, **pipes) as deployer:

        def kill(bundle, folder, *, when):
            print(offline.config_path, bundle.save(folder), NAME, when, file=deployer.stdin)
            deployer.stdin.flush()
            assert deployer.stdout.readline() == f"{-signal.SIGKILL}\n"

        yield kill


def files_of_models(offline):
    """Return the content of all that the workspace has of models, which many may read."""
    folders = [offline.folder / "documents" / "models", offline.folder / "blobs"]
    return [path.read_bytes() for each in folders for path in each.rglob("*") if path.is_file()]


def outcomes(changes):
    return [(each.kind, each.outcome) for each in changes]


def test_another_machine_has_the_history_and_goes_back(
    target, bundle, make, offline, tmp_path, monkeypatch
):
    """It lists the same changes, serves the release before again, and the keys stay."""
    deploy(target, bundle, serving=Serving(auth=True))
    second = deploy(target, make(NEGATED))
    keys, told = second.keys(), second.history()
    files = files_of_models(offline)
    assert files
    assert not [each for each in files if keys.primary.encode() in each]
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "cache").symlink_to(cache_folder())  # what is to install is known
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path / "home"))
    found = DeployTarget.open("aci", workspace=offline.config_path).get(NAME)
    assert found.history() == told
    found.rollback(show_output=False)
    assert (found.digest, found.run(ROWS), found.keys()) == (bundle.digest, [6], keys)
    assert found.release.options["auth"] is True
    assert outcomes(found.history()[-2:]) == [("deploy", "ended"), ("rollback", "serving")]


def test_a_change_that_sends_nothing_puts_nothing_back(target, bundle, make, monkeypatch):
    """What a change before has replaced does not come back when a later one cannot begin."""
    deploy(target, bundle)
    second = deploy(target, make(NEGATED))
    with monkeypatch.context() as patch:
        patch.setattr(Maker, "settled", Mock(side_effect=DeadlineExceededError))
        with pytest.raises(DeploymentTimeoutError):
            deploy(target, bundle)
    assert (second.run(ROWS), target.get(NAME).digest) == ([-6], second.digest)


def test_a_deployer_that_is_killed_before_it_asks_changes_nothing(
    target, bundle, make, killed, tmp_path
):
    """The old release serves, and history says that the change was interrupted."""
    deploy(target, bundle)
    killed(make(NEGATED), tmp_path / "saved", when="before")
    found = target.get(NAME)
    assert (found.digest, found.run(ROWS)) == (bundle.digest, [6])
    assert outcomes(found.history()[-2:]) == [("deploy", "serving"), ("deploy", "failed")]


@pytest.mark.long
def test_a_deployer_that_is_killed_after_it_has_asked_is_not_needed(
    target, bundle, make, killed, tmp_path
):
    """Azure ML continues without it: the new release serves, and history says so."""
    deploy(target, bundle)
    new = make(NEGATED)
    killed(new, tmp_path / "saved", when="after")
    found = target.get(NAME)
    wait_until_healthy(target._backend, found.instance, Deadline(60))
    assert (found.digest, found.run(ROWS)) == (new.digest, [-6])
    assert outcomes(found.history()[-2:]) == [("deploy", "ended"), ("deploy", "serving")]


@pytest.mark.long
def test_what_a_killed_deployer_broke_is_put_back_by_the_next_that_fails(
    target, bundle, make, killed, tmp_path
):
    """It waits for the end of the first; what served before both comes from the workspace."""
    deploy(target, bundle)
    broken = make(cases.RAISING)
    killed(broken, tmp_path / "saved", when="after")
    with pytest.raises(DeploymentFailedError):
        deploy(target, make(cases.RAISING + "\n# once more\n"))
    found = target.get(NAME)
    assert (found.state, found.digest, found.run(ROWS)) == (State.HEALTHY, bundle.digest, [6])


def test_what_a_killed_deployer_broke_is_rolled_back(target, bundle, make, killed, tmp_path):
    """Going back is to what served before, as often as nothing of the broken one did."""
    deploy(target, bundle)
    killed(make(cases.RAISING), tmp_path / "saved", when="after")
    found = target.get(NAME)
    found.rollback(show_output=False)
    assert (found.digest, found.run(ROWS)) == (bundle.digest, [6])
    assert outcomes(found.history()[-2:]) == [("deploy", "failed"), ("rollback", "serving")]


@pytest.mark.parametrize("name", ["server", "secrets"])
def test_what_azure_ml_decides_itself_is_refused_with_what_to_do(target, bundle, name, monkeypatch):
    """The message names another way, and shows no secret."""
    monkeypatch.setenv("PASSWORD_OF_TEST", "hunter2")
    serving = {
        "server": Serving(server="modelship"),
        "secrets": Serving(secrets={"PASSWORD": "env:PASSWORD_OF_TEST"}),
    }
    with pytest.raises(InvalidOptionError) as caught:
        deploy(target, bundle, serving=serving[name])
    assert "'process'" in caught.value.message
    assert "hunter2" not in str(caught.value)
