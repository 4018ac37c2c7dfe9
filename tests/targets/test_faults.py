"""Deployers that are killed, two at once, and disks that are full."""

import errno
import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from file_backend import DyingBackend, FileBackend, make_bundle

from modelship.errors import StorageError
from modelship.targets import DeployTarget, State
from modelship.targets.history import FolderJournal

NAME = "digits-svc"


@pytest.fixture
def bundles(tmp_path, monkeypatch):
    """Return three bundles, with a home of their own."""
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path / "home"))
    return [make_bundle(tmp_path / f"bundle-{number}", number=number) for number in range(3)]


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "place"
    path.mkdir()
    return path


def deploy(backend, bundle):
    options = {"check": "off", "overwrite": True, "show_output": False}
    return DeployTarget(backend).deploy(bundle, name=NAME, **options)


def in_child(work):
    """Run `work` in a child of this process, and return the signal that ended it, or 0."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return os.waitpid(pid, 0)[1]


def settled(folder):
    """Return the releases of the instances that are there, once history was read, and its end."""
    backend = FileBackend(folder)
    changes = DeployTarget(backend).history(NAME)
    return [each.release for each in backend.instances()], changes


@pytest.mark.parametrize("at", range(1, 15))
def test_a_deployer_is_killed_at_each_step_of_an_update(folder, bundles, at):
    """The name serves the old or the new release, history says which, and nothing is orphaned."""
    old, new, next_one = bundles
    deploy(FileBackend(folder), old)
    dying = DyingBackend(folder)
    dying.at = at
    was_killed = in_child(lambda: deploy(dying, new))
    assert bool(was_killed) == (at <= 12)  # after which there are no steps
    (release,), changes = settled(folder)
    assert release.bundle in {old.digest, new.digest}
    serving = [each for each in changes if each.outcome == "serving"]
    assert [each.release.digest for each in serving] == [release.digest]
    assert all(each.outcome != "under way" for each in changes)
    assert deploy(FileBackend(folder), next_one).digest == next_one.digest
    assert len(FileBackend(folder).instances()) == 1


@pytest.mark.parametrize("at", range(1, 9))
def test_a_deployer_is_killed_at_each_step_of_a_first_deployment(folder, bundles, at):
    """The name serves the release or nothing, history says which, and nothing is orphaned."""
    dying = DyingBackend(folder)
    dying.at = at
    in_child(lambda: deploy(dying, bundles[0]))
    releases, changes = settled(folder)
    outcomes = {each.outcome for each in changes}
    assert outcomes == ({"serving"} if releases else {"failed"} if changes else set())
    assert deploy(FileBackend(folder), bundles[1]).digest == bundles[1].digest
    assert len(FileBackend(folder).instances()) == 1


@pytest.mark.parametrize("at", range(1, 7))
def test_who_deletes_is_killed_at_each_step(folder, bundles, at):
    """The service is there or not, history says which, and it can be deleted again."""
    deploy(FileBackend(folder), bundles[0])
    dying = DyingBackend(folder)
    dying.at = at
    in_child(lambda: DeployTarget(dying).delete(NAME))
    releases, changes = settled(folder)
    assert [each.outcome for each in changes if each.outcome == "serving"] == ["serving"] * len(
        releases
    )
    DeployTarget(FileBackend(folder)).delete(NAME, missing_ok=True)
    assert FileBackend(folder).instances() == []
    assert deploy(FileBackend(folder), bundles[1]).state is State.HEALTHY


def test_the_next_deployment_removes_what_a_killed_one_left(folder, bundles):
    """Also where it is of the release that serves already, and there is nothing else to do."""
    old, new, _ = bundles
    deploy(FileBackend(folder), old)
    dying = DyingBackend(folder)
    dying.at = 9  # the new one takes requests, and the old one is about to be stopped
    assert in_child(lambda: deploy(dying, new))
    assert len(FileBackend(folder).instances()) == 2
    deploy(FileBackend(folder), new)
    (instance,) = FileBackend(folder).instances()
    assert instance.release.bundle == new.digest


def test_the_old_release_takes_requests_again_if_the_new_one_died(folder, bundles):
    """If the deployer was killed after the switch, and the new release dies, the old one serves."""
    old, new, _ = bundles
    deploy(FileBackend(folder), old)
    dying = DyingBackend(folder)
    dying.at = 9  # the old one takes no requests any more
    assert in_child(lambda: deploy(dying, new))
    place = FileBackend(folder)
    place.crash(DeployTarget(place).get(NAME).instance)
    assert DeployTarget(place).history(NAME)[-1].outcome == "failed"
    (instance,) = place.instances()
    assert (instance.release.bundle, instance.routed) == (old.digest, True)


def test_two_threads_deploy_one_name(folder, bundles):
    """Both succeed, one after the other; one instance is left, and history has both."""
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(deploy, FileBackend(folder), each) for each in bundles]
        digests = {each.result(60).digest for each in asked}
    assert digests == {each.digest for each in bundles}
    (release,), changes = settled(folder)
    assert [each.outcome for each in changes] == ["ended", "ended", "serving"]
    assert changes[-1].release.digest == release.digest


def test_two_processes_deploy_one_name(folder, bundles):
    """Both succeed, one after the other; one instance is left, and history has both."""
    context = multiprocessing.get_context("fork")
    children = [
        context.Process(target=deploy, args=[FileBackend(folder), each]) for each in bundles[:2]
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0, 0]
    (release,), changes = settled(folder)
    assert [each.outcome for each in changes] == ["ended", "serving"]
    assert changes[-1].release.digest == release.digest


def test_a_newer_instance_of_somebody_else_stays(folder, bundles):
    """Where nothing keeps two deployers apart, the newest instance is the one that is left."""
    first, second, third = bundles

    class Unlocked(FileBackend):
        def alone(self, name, *, timeout_s):
            return ThreadPoolExecutor(1)  # holds nothing

    class Overtaken(Unlocked):
        def start(self, draft, prepared, steps):
            instance = super().start(draft, prepared, steps)
            deploy(Unlocked(folder), third)
            self._write(instance, routed=False)  # the other one has stopped it
            return instance

    deploy(Unlocked(folder), first)
    deploy(Overtaken(folder), second)
    assert third.digest in {each.release.bundle for each in FileBackend(folder).instances()}


def test_a_deployer_that_is_interrupted_says_so(folder, bundles):
    """After Ctrl-C the old release keeps serving, and the history says that it was interrupted."""

    class Interrupted(FileBackend):
        def start(self, draft, prepared, steps):
            super().start(draft, prepared, steps)
            raise KeyboardInterrupt

    deploy(FileBackend(folder), bundles[0])
    with pytest.raises(KeyboardInterrupt):
        deploy(Interrupted(folder), bundles[1])
    (release,), changes = settled(folder)
    assert release.bundle == bundles[0].digest
    assert (changes[-1].outcome, changes[-1].reason) == ("failed", "It was interrupted.")


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_is_full_before_changes_nothing(folder, bundles, monkeypatch):
    """If the change cannot be written down, it is not made."""
    deploy(FileBackend(folder), bundles[0])
    with monkeypatch.context() as patch:
        patch.setattr("modelship.targets.history.write_atomic", full)
        with pytest.raises(StorageError, match="no space left"):
            deploy(FileBackend(folder), bundles[1])
    (release,), changes = settled(folder)
    assert (release.bundle, len(changes)) == (bundles[0].digest, 1)


def test_a_disk_that_is_full_for_the_release_changes_nothing(folder, bundles, monkeypatch):
    """If the release cannot be kept, to be gone back to, it is not deployed."""
    with monkeypatch.context() as patch:
        patch.setattr("modelship.targets.kept.write_atomic", full)
        with pytest.raises(StorageError, match="no space left"):
            deploy(FileBackend(folder), bundles[0])
    assert settled(folder) == ([], ())
    assert not [*(folder.parent / "home/state").rglob("bundle.json")]


class FullAfterwards(FileBackend):
    """The disk is full once the change has begun."""

    def journal(self, name):
        class Journal(FolderJournal):
            def write(self, *changes):
                if changes[-1].outcome == "serving":
                    raise StorageError("history", "no space left on device", "Free some space.")
                super().write(*changes)

        return Journal(self.folder / "history", name=name)


def test_a_disk_that_is_full_afterwards_is_a_warning(folder, bundles, capsys):
    """The service runs, what is not written is told, and the next reader finds it out."""
    target = DeployTarget(FullAfterwards(folder))
    deployment = target.deploy(bundles[0], name=NAME, check="off")
    assert deployment.state is State.HEALTHY
    assert "warning: the history could not be written: " in capsys.readouterr().err
    (release,), (change,) = settled(folder)
    assert (change.outcome, change.release.digest) == ("serving", release.digest)
    assert [*(folder.parent / f"home/state/releases/file/{NAME}").iterdir()]


def test_an_older_instance_that_cannot_be_stopped_is_a_warning(folder, bundles, capsys):
    """The new release serves; the next change stops what is left."""

    class Stuck(FileBackend):
        def stop(self, instance, *, grace_s=5.0):
            raise StorageError("place", "input/output error", "Check the disk.")

    deploy(FileBackend(folder), bundles[0])
    DeployTarget(Stuck(folder)).deploy(bundles[1], name=NAME, check="off", overwrite=True)
    assert "warning: an older instance could not be stopped" in capsys.readouterr().err
    backend = FileBackend(folder)
    assert DeployTarget(backend).history(NAME)[-1].outcome == "serving"
    assert DeployTarget(backend).get(NAME).digest == bundles[1].digest
    deploy(backend, bundles[2])
    assert len(backend.instances()) == 1
