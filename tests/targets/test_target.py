"""DeployTarget itself: what it refuses before any backend is asked."""

import threading
from contextlib import contextmanager

import pytest
from file_backend import FileBackend, make_bundle

from modelship.errors import DeploymentTimeoutError, InvalidOptionError
from modelship.state_paths import exclusive
from modelship.targets import Change, DeployTarget, ReleaseRecord
from modelship.testing import offline_bundle, script_bundle


def test_an_unknown_option_is_refused_without_showing_its_value():
    """A mistyped option is suggested; its value may be a secret and is not shown."""
    with pytest.raises(InvalidOptionError, match="did you mean 'base_image'") as caught:
        DeployTarget.open("docker", base_imag="hunter2")
    assert "hunter2" not in str(caught.value)


def test_a_folder_in_place_of_a_bundle_is_told_how(memory_target):
    """The most likely mistake is answered with the call that was meant."""
    with pytest.raises(InvalidOptionError, match="ScoringBundle.load"):
        memory_target.deploy("bundle", name="some-svc")


@contextmanager
def held_by_another(lock):
    """Hold a lock in another thread, as another process would."""
    held, done = threading.Event(), threading.Event()

    def hold():
        with exclusive(lock, timeout_s=5):
            held.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(5)
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_waiting_for_another_deployment_has_a_deadline(memory_target, tmp_path):
    """A deployment that waits for another one of the same name says so in time."""
    script = "def init(): ...\ndef run(raw_data): ..."
    bundle = offline_bundle(script_bundle(script, folder=tmp_path, environment=None))
    busy = pytest.raises(DeploymentTimeoutError, match="another process has been deploying it")
    with held_by_another("memory-busy-svc"), busy:
        memory_target.deploy(bundle, name="busy-svc", timeout_s=0.2, show_output=False)


def test_the_one_who_deploys_is_named(tmp_path, monkeypatch):
    """The change in progress in the history has the user and the time."""
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path / "home"))
    backend = FileBackend(tmp_path)
    change = Change.begun("deploy", ReleaseRecord())
    backend.journal("busy-svc").write(change)
    with held_by_another("file-busy-svc"), pytest.raises(DeploymentTimeoutError) as caught:
        DeployTarget(backend).deploy(
            make_bundle(tmp_path / "bundle"), name="busy-svc", timeout_s=0.2, show_output=False
        )
    assert f"{change.by} has been deploying it (since 20" in str(caught.value)
    assert "modelship history busy-svc" in caught.value.hint
