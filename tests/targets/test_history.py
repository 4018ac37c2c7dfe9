"""History, rollback, and what a failure leaves: on a target whose instances are files."""

import json
import os
import threading
from dataclasses import replace

import pytest
from file_backend import FileBackend, make_bundle

from modelship.errors import (
    DeploymentFailedError,
    DeploymentNotFoundError,
    InvalidOptionError,
    NameTakenError,
    NoEarlierReleaseError,
    StorageError,
)
from modelship.targets import DeployTarget, Serving, State
from modelship.targets.history import MOST_CHANGES, Change, FolderJournal, kept_changes
from modelship.targets.release import ReleaseRecord
from modelship.testing import MemoryBackend

SECRETS = {"TOKEN": "env:THE_TOKEN"}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return a place with nothing in it, and a home of its own."""
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path / "home"))
    (tmp_path / "place").mkdir()
    return FileBackend(tmp_path / "place")


@pytest.fixture
def deploy(place, tmp_path):
    """Return a function from the number of a bundle to its deployment, under one name."""

    def deploy(number, *, backend=place, **options):
        bundle = make_bundle(tmp_path / f"bundle-{number}", number=number)
        options = {"check": "off", "overwrite": True, "show_output": False, **options}
        return DeployTarget(backend).deploy(bundle, name="digits-svc", **options)

    return deploy


def rolled_back(deployment, **options):
    deployment.rollback(show_output=False, **options)
    return deployment.release.digest


def told(deployment):
    return [(each.kind, each.outcome, each.reason) for each in deployment.history()]


def test_history_tells_who_when_what_and_why_it_ended(deploy):
    """Each change has its author, its times, what differed, and why it ended."""
    first = deploy(1).release
    deployment = deploy(2, serving=Serving(workers=2))
    one, two = deployment.history()
    assert (one.outcome, one.reason, one.release.bundle) == (
        *("ended", "replaced by change 2"),
        first.bundle,
    )
    assert (two.outcome, two.previous, set(two.differed)) == (
        *("serving", first.digest),
        {"script", "workers"},
    )
    assert "@" in two.by
    assert one.began_at < one.ended_at <= two.ended_at


def test_rolling_back_twice_goes_further_back(deploy):
    """A second rollback goes to the release before that, and never to one that was given up."""
    digests = [deploy(number).release.digest for number in (1, 2, 3)]
    deployment = deploy(4)
    assert rolled_back(deployment) == digests[2]
    assert rolled_back(deployment) == digests[1]
    assert [each.kind for each in deployment.history()[-2:]] == ["rollback", "rollback"]
    deployed = deploy(5)
    assert rolled_back(deployed) == digests[1]


def test_a_handle_follows_what_others_have_changed(deploy, place):
    """A rollback or an update goes from what serves now, and not from what the handle was on."""
    deploy(1)
    second = deploy(2)
    deploy(3)
    assert rolled_back(second) == second.history()[1].release.digest
    deployed = deploy(4)
    second.update(Serving(workers=2), check="off", show_output=False)
    assert (second.digest, second.release.options["workers"]) == (deployed.digest, 2)
    DeployTarget(place).delete("digits-svc")
    with pytest.raises(DeploymentNotFoundError):
        second.rollback()


def test_a_rollback_goes_to_the_change_that_is_named(deploy):
    """With to= it goes to any release that has served, be it one that was given up."""
    deploy(1)
    given_up = deploy(2).release.digest
    deployment = deploy(3)
    rolled_back(deployment)
    rolled_back(deployment)
    assert rolled_back(deployment, to=2) == given_up
    with pytest.raises(InvalidOptionError, match="has served: 1, 2, 3, 4, 5, 6"):
        deployment.rollback(to=9)


def test_an_update_that_failed_does_not_count(deploy, place):
    """A failed update has changed nothing: a rollback goes to the release before what serves."""
    first = deploy(1).release.digest
    serving = deploy(2)
    place.state = State.FAILED
    with pytest.raises(DeploymentFailedError):
        deploy(3)
    place.state = State.HEALTHY
    assert rolled_back(serving) == first


def test_another_way_of_serving_is_rolled_back(deploy):
    """A rollback restores how it was served too; an option that was left out then is left out."""
    first = deploy(1).release
    deployment = deploy(1, serving=Serving(workers=3, auth=True, variables={"A": "b"}))
    assert rolled_back(deployment) == first.digest
    assert deployment.release.options == first.options


def test_secrets_are_read_again(deploy, monkeypatch, tmp_path):
    """A rollback reads secrets where they were, and says which it cannot read; none is on disk."""
    monkeypatch.setenv("THE_TOKEN", "s3cr3t-value")
    first = deploy(1, serving=Serving(secrets=SECRETS)).release.digest
    deployment = deploy(2)
    monkeypatch.delenv("THE_TOKEN")
    with pytest.raises(InvalidOptionError, match="TOKEN"):
        deployment.rollback()
    monkeypatch.setenv("ELSEWHERE", "s3cr3t-value")
    assert rolled_back(deployment, secrets={"TOKEN": "env:ELSEWHERE"}) == first
    files = [each for each in tmp_path.rglob("*") if each.is_file()]
    assert not [each for each in files if b"s3cr3t-value" in each.read_bytes()]


def test_a_release_that_is_not_kept_here_is_told(deploy, monkeypatch, tmp_path):
    """In a home that did not deploy it, a rollback says that the release is not kept there."""
    deploy(1)
    deployment = deploy(2)
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path / "other-home"))
    with pytest.raises(StorageError, match="not stored in this home"):
        deployment.rollback()


def test_another_home_keeps_the_release_that_it_finds(deploy, place, monkeypatch, tmp_path):
    """To deploy the bundle that serves changes nothing, and then there can be an update."""
    first = deploy(1)
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path / "other-home"))
    there = DeployTarget(place).get("digits-svc")
    with pytest.raises(StorageError, match="Deploy its bundle again"):
        there.update(Serving(workers=2), check="off", show_output=False)
    assert deploy(1).instance == first.instance
    there.update(Serving(workers=2), check="off", show_output=False)
    assert rolled_back(there) == first.release.digest


def test_a_full_disk_does_not_fail_a_deployment_that_changes_nothing(
    deploy, monkeypatch, tmp_path, capsys
):
    """What serves is what was asked for; a warning says that it is not stored here."""
    first = deploy(1)
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path / "other-home"))
    (tmp_path / "other-home/state/releases").mkdir(parents=True)
    (tmp_path / "other-home/state/releases/file").write_text("")
    assert deploy(1, show_output=True).instance == first.instance
    assert "warning: the release is not stored" in capsys.readouterr().err


def test_a_rollback_needs_the_options_of_then(deploy, place):
    """If the place was opened with other options for that release, they are named."""
    deploy(1, backend=FileBackend(place.folder, size="large"))
    deployment = deploy(2)
    with pytest.raises(
        InvalidOptionError,
        match="size of the target 'file' is None; expected 'large'",
    ):
        deployment.rollback()


def test_a_bounded_number_of_releases_is_kept(deploy, tmp_path):
    """The one that serves and three before it are kept, and share the files of their model."""
    for number in range(7):
        deploy(number)
    kept = [*(tmp_path / "home/state/releases/file/digits-svc").iterdir()]
    models = [path for each in kept for path in each.rglob("models/**/*") if path.is_file()]
    assert len(kept) == len(models) == 4
    assert len({path.stat().st_ino for path in models}) == 1


def test_deleting_is_told_and_forgets_the_releases(deploy, place, tmp_path):
    """History outlives the service; a redeployed name has nothing to go back to."""
    deploy(1)
    deploy(2).delete()
    target = DeployTarget(place)
    changes = target.history("digits-svc")
    assert [each.reason for each in changes] == [
        *("replaced by change 2", "deleted by change 3", "deleted")
    ]
    assert not [*(tmp_path / "home/state/releases/file").iterdir()]
    anew = deploy(3)
    assert [each.number for each in anew.history()] == [1, 2, 3, 4]
    with pytest.raises(NoEarlierReleaseError, match="to serve another bundle, update"):
        anew.rollback()


def test_a_rollback_with_nothing_before_names_what_was_given_up(deploy):
    """The advice of the error works: the release of the change that it names serves again."""
    deploy(1)
    second = deploy(2)
    given_up = second.release.digest
    second.rollback()
    with pytest.raises(NoEarlierReleaseError, match=r"\(--to\): 2") as caught:
        second.rollback()
    [number] = caught.value.numbers
    second.rollback(to=number)
    assert second.release.digest == given_up


def test_a_service_that_died_is_told(deploy, place):
    """A release whose service has ended by itself does not serve, also once it is started again."""
    deployment = deploy(1)
    place.crash(deployment.instance)
    assert told(deployment)[-1][1:] == ("ended", "the service stopped by itself")
    again = deploy(1)
    assert [each[1:] for each in told(again)] == [
        *(("ended", "the service stopped by itself"), ("serving", ""))
    ]


def test_a_release_that_dies_after_the_switch_is_gone_back_from(deploy, place):
    """If the new release dies once requests come to it, a rollback serves the one before."""
    first = deploy(1).release.digest
    deployment = deploy(2)
    place.crash(deployment.instance)
    assert rolled_back(deployment) == first
    assert deployment.state is State.HEALTHY
    assert [each[1:] for each in told(deployment)] == [
        ("ended", "replaced by change 2"),
        ("ended", "the service stopped by itself"),
        ("serving", ""),
    ]


def test_a_service_that_vanished_is_told(deploy, place):
    """What was removed from outside has ended, and not by modelship."""
    place.stop(deploy(1).instance)
    (change,) = DeployTarget(place).history("digits-svc")
    assert (change.outcome, "did not delete it" in change.reason) == ("ended", True)


def test_a_change_that_is_made_just_now_is_under_way(deploy, place):
    """While another one deploys, its change is under way, and nobody settles it."""
    deployment = deploy(1)
    entered, go_on = threading.Event(), threading.Event()

    class Slow(FileBackend):
        def prepare(self, release, steps):
            entered.set()
            go_on.wait(10)
            return super().prepare(release, steps)

    thread = threading.Thread(target=deploy, args=[2], kwargs={"backend": Slow(place.folder)})
    thread.start()
    entered.wait(10)
    assert told(deployment) == [("deploy", "serving", ""), ("deploy", "under way", "")]
    go_on.set()
    thread.join()
    assert told(deployment)[-1] == ("deploy", "serving", "")


def test_a_change_of_another_machine_is_left_to_it(deploy, place):
    """What another machine began a moment ago may go on; nobody here settles it."""
    deployment = deploy(1)
    there = Change.begun("deploy", ReleaseRecord(digest="a" * 64), number=2)
    foreign = Change.from_document({**there.to_document(), "by": "jo@elsewhere"})
    FolderJournal(place.folder / "history", name="digits-svc").write(foreign)
    assert told(deployment)[-1][1] == "under way"
    old = {**foreign.to_document(), "began_at": "2020-01-01T00:00:00.000+00:00"}
    FolderJournal(place.folder / "history", name="digits-svc").write(Change.from_document(old))
    assert told(deployment)[-1][1] == "failed"


def test_a_hundred_changes_are_kept_and_the_one_that_serves():
    """However often a deployment fails, the release that serves stays in the history."""
    record = ReleaseRecord(digest="a" * 64)
    changes = [Change.begun("deploy", record, number=1).ended("serving")]
    for number in range(2, 150):
        failed = Change.begun("deploy", record, number=number).ended("failed", "no")
        changes = kept_changes(changes, [failed])
    assert len(changes) == MOST_CHANGES + 1
    assert (changes[0].number, changes[1].number, changes[-1].number) == (1, 50, 149)


def test_the_histories_of_deleted_names_are_bounded(tmp_path, monkeypatch):
    """Of names that serve nothing, those that were deleted last are kept; others always are."""
    monkeypatch.setattr("modelship.targets.history._MOST_FILES", 2)
    begun = Change.begun("delete", ReleaseRecord())
    for number, name in enumerate(["serving", "one", "two", "three"]):
        outcome = "serving" if name == "serving" else "ended"
        FolderJournal(tmp_path, name=name).write(begun.ended(outcome))
        os.utime(tmp_path / f"{name}.json", (number, number))
    FolderJournal(tmp_path, name="four").write(begun.ended("ended"))
    assert {each.stem for each in tmp_path.iterdir()} == {"serving", "three", "four"}


def test_a_failure_leaves_its_log_without_secrets(deploy, place, monkeypatch, tmp_path):
    """Of a deployment that failed, the log and the problem are told until the next one."""
    monkeypatch.setenv("THE_TOKEN", "s3cr3t-value")
    place.state = State.FAILED
    with pytest.raises(DeploymentFailedError):
        deploy(1, serving=Serving(secrets=SECRETS))
    target = DeployTarget(place)
    assert target.list() == ()
    with pytest.raises(DeploymentNotFoundError) as caught:
        target.get("digits-svc")
    assert "modelship doctor digits-svc" in caught.value.hint
    failure = target.failure("digits-svc")
    assert failure.log == "a log of 1 line with the password=*** and ***"
    assert (failure.change, failure.target) == (1, "file")
    files = [each for each in (tmp_path / "home").rglob("*") if each.is_file()]
    assert not [each for each in files if b"s3cr3t-value" in each.read_bytes()]
    place.state = State.HEALTHY
    deploy(1)
    assert target.failure("digits-svc") is None


def test_deleting_removes_what_a_failure_left(deploy, place):
    """delete() of a name of which a failure alone is left removes that, once."""
    place.state = State.FAILED
    with pytest.raises(DeploymentFailedError):
        deploy(1)
    target = DeployTarget(place)
    target.delete("digits-svc")
    assert target.failure("digits-svc") is None
    with pytest.raises(DeploymentNotFoundError):
        target.delete("digits-svc")


def test_the_log_of_a_failure_is_bounded(deploy, place, tmp_path):
    """However much it wrote, a thousand lines and 64 KiB are kept."""
    place.state = State.FAILED
    place.logs = lambda instance: "".join(f"{n:0>300}\n" for n in range(5000))
    with pytest.raises(DeploymentFailedError):
        deploy(1)
    log = DeployTarget(place).failure("digits-svc").log
    assert log.endswith("4999")
    assert 2**15 < len(log) <= 2**16
    place.logs = lambda instance: "x\n" * 5000
    with pytest.raises(DeploymentFailedError):
        deploy(1)
    assert DeployTarget(place).failure("digits-svc").log.count("\n") == 999


def test_what_is_no_failure_is_passed_over(deploy, place, tmp_path):
    """A file that is no record of a failure is nobody's problem."""
    path = tmp_path / "home/state/failures/file/digits-svc.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"name": "digits-svc"}))
    assert DeployTarget(place).failure("digits-svc") is None


def test_where_two_cannot_run_the_old_one_is_started_again(deploy, place):
    """If the new release fails after the old one was stopped, that is started again, and told."""
    first = deploy(1).instance
    alone = FileBackend(place.folder, beside=False)
    alone.start, started = failing_once(alone.start, alone), first.release.digest
    with pytest.raises(DeploymentFailedError, match="restarted and is serving"):
        deploy(2, backend=alone)
    (instance,) = place.instances()
    assert (instance.release.digest, instance.routed) == (started, True)
    assert instance.instance_id != first.instance_id
    *_, failed = DeployTarget(place).history("digits-svc")
    assert (failed.outcome, "restarted" in failed.reason) == ("failed", True)


def test_what_cannot_be_started_again_is_told(deploy, place, monkeypatch, tmp_path):
    """If the previous release is not kept here, the error says that its service is stopped."""
    deploy(1)
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path / "other-home"))
    alone = FileBackend(place.folder, beside=False)
    alone.start = failing_once(alone.start, alone)
    with pytest.raises(DeploymentFailedError, match="previous release is stopped: .* not stored"):
        deploy(2, backend=alone)
    assert place.instances() == []


def failing_once(start, backend):
    """Return a start() whose first instance is Failed."""
    states = iter([State.FAILED])

    def begin(draft, prepared, steps):
        backend.state = next(states, State.HEALTHY)
        return start(draft, prepared, steps)

    return begin


def test_refusals_leave_no_trace(deploy):
    """A deployment that is refused because of its name is no change."""
    deployment = deploy(1)
    with pytest.raises(NameTakenError):
        deploy(2, overwrite=False)
    assert len(deployment.history()) == 1


def test_a_release_that_has_ended_too_is_not_said_to_serve_on(memory_target, tmp_path):
    """Where the deployer was killed and the old release died, the history says both."""
    bundle = make_bundle(tmp_path / "bundle")
    with memory_target.deploy(bundle, name="dead-svc", check="off", show_output=False) as deployed:
        backend = MemoryBackend()
        change = Change.begun("update", deployed.instance.release).after(deployed.history())
        backend.journal("dead-svc").write(change)
        backend.crash(deployed.instance)
        change = deployed.history()[-1]
    assert change.outcome == "failed"
    assert change.reason.endswith("the previous release has stopped by itself")


@pytest.mark.parametrize("began_at", ["", "yesterday", "2020-01-01T00:00:00"])
def test_a_change_of_another_machine_with_no_good_time_is_settled(
    memory_target, tmp_path, began_at
):
    """A change by another writer does not block the name."""
    bundle = make_bundle(tmp_path / "bundle")
    with memory_target.deploy(bundle, name="odd-svc", check="off", show_output=False) as deployed:
        change = Change.begun("update", deployed.instance.release).after(deployed.history())
        change = replace(change, by="jo@elsewhere", began_at=began_at)
        MemoryBackend().journal("odd-svc").write(change)
        assert deployed.history()[-1].outcome != "under way"
