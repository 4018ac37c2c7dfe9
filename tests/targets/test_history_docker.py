"""The history that an engine keeps, the images that are gone back to, and two homes."""

import secrets
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from docker_base import BASE_IMAGE, built, deploying, docker_says, exists

from modelship import DeployTarget
from modelship.errors import DeploymentNotFoundError, DeploymentTimeoutError, StorageError
from modelship.progress import Deadline
from modelship.runtime.images import labels
from modelship.runtime.images.engine import connected
from modelship.runtime.images.images_lock import images_held
from modelship.targets.docker.journal import EngineJournal
from modelship.targets.history import Change, packed, to_text
from modelship.targets.release import ReleaseRecord

pytestmark = pytest.mark.docker

RECORD = ReleaseRecord(digest="a" * 64, bundle="b" * 64)
HOLD = """
import sys
from modelship.targets.docker import DockerBackend
with DockerBackend().alone(sys.argv[1], timeout_s=30):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def deployer(docker_engine, shared_home, tmp_path_factory):
    with deploying(tmp_path_factory.mktemp("bundles"), home=shared_home) as deployer:
        yield deployer


@pytest.fixture
def journal(docker_engine):
    """Return the history of a name that nobody else has; it is removed after the test."""
    journal = EngineJournal("docker", f"told-{secrets.token_hex(3)}")
    yield journal
    forget(journal._of)


def volumes_of(history):
    """Return the volumes of a history, as the docker command lists them."""
    label = f"io.modelship.history-of={history}"
    return docker_says("volume", "ls", "--quiet", "--filter", f"label={label}").split()


def forget(history):
    for volume in volumes_of(history):
        docker_says("volume", "rm", volume)


def answering(number):
    return f"def init(): pass\ndef run(raw_data): return {number}\n"


def test_a_name_goes_through_releases(deployer, capsys, tmp_path, monkeypatch):
    """Rolling back builds nothing; another home reads the same history; delete() removes images."""
    bundles = [deployer.bundle(answering(number), model="releases") for number in range(3)]
    images = [f"modelship/service:{each.digest[:16]}" for each in bundles]
    deployment = deployer.deploy(bundles[0], name="docker-told")
    deployment.update(bundles[1], show_output=False)
    assert [exists(each) for each in images] == [True, True, False]
    deployment.rollback()
    assert "Build" not in capsys.readouterr().err
    assert deployment.run("") == 0
    deployment.update(bundles[2], show_output=False)
    assert [exists(each) for each in images] == [True, False, True]
    name = deployment.name
    with monkeypatch.context() as patch:
        patch.setenv("MODELSHIP_HOME", str(tmp_path))
        changes = DeployTarget.open("docker", base_image=BASE_IMAGE).get(name).history()
    assert [each.outcome for each in changes] == ["ended", "ended", "ended", "serving"]
    deployment.delete()
    assert not any(map(exists, images))
    assert [each.kind for each in deployer.target.history(name)][-2:] == ["update", "delete"]
    assert len(volumes_of(f"docker/{name}")) == 1
    forget(f"docker/{name}")
    assert deployer.target.history(name) == ()


def test_two_homes_deploy_one_name_in_turn(deployer, tmp_path):
    """A process with another home that deploys the name is waited for, and killed holds nothing."""
    name = deployer.name("docker-held")
    environment = {"MODELSHIP_HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", HOLD, name], env=environment, **pipes) as holder:
        assert holder.stdout.readline() == "held\n"
        bundle = deployer.bundle(answering(1))
        with pytest.raises(DeploymentTimeoutError, match="has been deploying it"):
            deployer.target.deploy(bundle, name=name, timeout_s=1, show_output=False)
        holder.kill()
    backend = deployer.target._backend
    with backend.alone(name, timeout_s=10):
        assert not volumes_of(f"docker/{name}")


def test_the_image_of_a_killed_deployment_is_removed(deployer, journal):
    """Its process ended before there was a container; the next reader of the history cleans up."""
    bundle = deployer.bundle(answering(7), model="killed")
    [image] = built(bundle)["RepoTags"]
    release = ReleaseRecord(digest="c" * 64, bundle=bundle.digest)
    journal.write(Change.begun("deploy", release))
    [change] = deployer.target.history(journal._of.partition("/")[2])
    assert change.outcome == "failed"
    assert not exists(image)


def test_two_homes_change_the_images_in_turn(docker_engine, tmp_path, monkeypatch):
    """Or one removes the model image on which the other builds."""
    with connected() as engine, images_held(engine, deadline=Deadline(60)):
        monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path))
        with pytest.raises(TimeoutError), images_held(engine, deadline=Deadline(0.1)):
            pass


def test_a_history_is_one_volume_without_a_file(journal):
    """However often it is written there is one volume, which is empty."""
    for number in range(1, 5):
        journal.write(Change.begun("deploy", RECORD, number=number).ended("serving"))
    assert [each.number for each in journal.changes()] == [1, 2, 3, 4]
    journal.remove_unreadable()
    assert volumes_of(journal._of) == [f"{journal._volume}4"]
    with connected() as engine:
        (volume,) = engine.volumes(f"{labels.HISTORY_OF}={journal._of}")
    assert set(volume.labels) == {labels.HISTORY, labels.HISTORY_OF, labels.HISTORY_WRITTEN}


def test_an_older_volume_that_a_killed_writer_left_is_removed(journal):
    """The newest one counts; the next change removes the others, and one that is not whole."""
    journal.write(Change.begun("deploy", RECORD))
    with connected() as engine:
        (written,) = engine.volumes(f"{labels.HISTORY_OF}={journal._of}")
        engine.claim_volume(f"{journal._volume}0", labels={**written.labels, labels.HISTORY: ""})
        engine.claim_volume(f"{journal._volume}2", labels={})  # its engine was killed
    assert len(journal.changes()) == 1
    journal.write(Change.begun("delete", RECORD, number=2).ended("ended", "deleted"))
    assert [each.kind for each in journal.changes()] == ["deploy", "delete"]
    assert volumes_of(journal._of) == [f"{journal._volume}2"]


def test_writers_on_several_machines_lose_no_change(journal):
    """Of writers that no lock separates, the one that comes too late writes after the other."""
    numbers = range(1, 13)
    with ThreadPoolExecutor(4) as writers:
        journals = [EngineJournal(*journal._of.split("/")) for _ in numbers]
        changes = [Change.begun("deploy", RECORD, number=number) for number in numbers]
        list(writers.map(lambda each, change: each.write(change), journals, changes))
    assert [each.number for each in journal.changes()] == list(numbers)
    assert len(volumes_of(journal._of)) == 1


def test_changes_that_begin_on_several_machines_have_their_own_numbers(journal):
    """Each deployer has read the same history before."""
    journal.write(Change.begun("deploy", RECORD, number=1).ended("failed"))
    with ThreadPoolExecutor(4) as writers:
        journals = [EngineJournal(*journal._of.split("/")) for _ in range(12)]
        change = Change.begun("deploy", RECORD, number=1)
        begun = [*writers.map(lambda each: each.begin(change), journals)]
    assert sorted(each.number for each in begun) == list(range(2, 14))
    assert [each.number for each in journal.changes()] == list(range(1, 14))


@pytest.mark.parametrize("before", [0, 1])
def test_a_change_that_another_writer_has_read_is_not_written_twice(journal, monkeypatch, before):
    """A writer that is slow may find its own volume followed by that of another."""
    for number in range(before):
        journal.write(Change.begun("deploy", RECORD, number=number + 1).ended("failed"))
    other, is_next = EngineJournal(*journal._of.split("/")), journal._is_next

    def late(*arguments):
        other.begin(Change.begun("update", RECORD))
        return is_next(*arguments)

    monkeypatch.setattr(journal, "_is_next", late)
    begun = journal.begin(Change.begun("rollback", RECORD))
    told = [(each.number, each.kind) for each in journal.changes()[before:]]
    assert told == [(begun.number, "rollback"), (begun.number + 1, "update")]
    assert len(volumes_of(journal._of)) == 1


@pytest.mark.parametrize("label", ["", "e30=", "no base64", "eJwDAAAAAAE="])
def test_what_is_no_history_is_told(journal, label):
    """A label that holds something else is a StorageError that says which volume to remove."""
    volume = f"{journal._volume}7"
    with connected() as engine:
        engine.claim_volume(volume, labels={labels.HISTORY: label, labels.HISTORY_OF: journal._of})
    with pytest.raises(StorageError, match=f"docker volume rm {volume}"):
        journal.changes()
    assert journal.remove_unreadable() == [f"the volume {volume}"]
    assert volumes_of(journal._of) == []


def test_a_damaged_history_beside_an_older_one_is_told(journal):
    """Without it, the older one is read; the error says so, and a deletion what it removed."""
    older, newest = (f"{journal._volume}{number}" for number in (1, 2))
    journal.write(Change.begun("deploy", RECORD).ended("serving"))
    with connected() as engine:
        of = {labels.HISTORY: "", labels.HISTORY_OF: journal._of}
        engine.claim_volume(newest, labels=of)
    with pytest.raises(StorageError, match="it is not a history") as caught:
        journal.changes()
    assert f"its older history, the volume {older}, is read" in caught.value.hint
    assert journal.remove_unreadable() == [f"the volume {newest}"]
    assert len(journal.changes()) == 1


def test_the_deletion_of_a_damaged_history_alone_is_told(deployer, journal):
    """There is no service with the name, and the error says that its history was removed."""
    volume = f"{journal._volume}7"
    with connected() as engine:
        engine.claim_volume(volume, labels={labels.HISTORY_OF: journal._of})
    with pytest.raises(DeploymentNotFoundError, match=f"the volume {volume}, was removed"):
        deployer.target.delete(journal._of.partition("/")[2])
    assert volumes_of(journal._of) == []


def test_the_history_of_an_earlier_modelship_is_read_and_moved(journal):
    """It is in a label of an empty image, which the next change removes."""
    change = Change.begun("deploy", RECORD).ended("serving")
    history = f"LABEL {labels.HISTORY}={packed(to_text([change]))}"
    docker_says("build", "--tag", journal._image, "-", stdin=f"FROM scratch\n{history}\n")
    assert [each.began_at for each in journal.changes()] == [change.began_at]
    journal.write(Change.begun("delete", RECORD, number=2).ended("ended", "deleted"))
    assert [each.kind for each in journal.changes()] == ["deploy", "delete"]
    assert not exists(journal._image)


def test_a_lost_history_begins_with_what_is_served(journal):
    """Two changes that are stored at once have two numbers."""
    serving = Change.begun("deploy", RECORD).ended("serving")
    change = journal.begin(Change.begun("update", RECORD, number=2), serving)
    assert [each.kind for each in journal.changes()] == ["deploy", "update"]
    assert change.number == 2


def test_histories_of_deleted_names_are_bounded(journal, monkeypatch):
    """Those of the names that were deleted last are kept."""
    monkeypatch.setattr(
        labels, "HISTORY_ENDED", f"io.modelship.test-{journal._of.partition('/')[2]}"
    )
    monkeypatch.setattr("modelship.targets.docker.journal._MOST_OVER", 2)
    deleted = [EngineJournal("docker", f"{journal._of[7:]}-{number}") for number in range(4)]
    for each in deleted:
        each.write(Change.begun("delete", RECORD).ended("ended", "deleted"))
    assert [len(each.changes()) for each in deleted] == [0, 0, 1, 1]
    for each in deleted[2:]:
        forget(each._of)


def test_a_forgotten_history_does_not_come_back(journal, monkeypatch):
    """A writer that was killed has left an older volume, of a name that served."""
    mark = journal._of.partition("/")[2]
    monkeypatch.setattr(labels, "HISTORY_ENDED", f"io.modelship.test-{mark}")
    monkeypatch.setattr("modelship.targets.docker.journal._MOST_OVER", 0)
    with connected() as engine:
        journal.write(Change.begun("deploy", RECORD, number=1).ended("serving"))
        [older] = journal._volumes(engine).values()
        docker_says("volume", "rm", older.name)
        with monkeypatch.context() as patch:
            patch.setattr("modelship.targets.docker.journal._MOST_OVER", 1)
            journal.write(Change.begun("delete", RECORD, number=2).ended("ended", "deleted"))
        assert engine.claim_volume(f"{journal._volume}0", labels=older.labels)
    other = EngineJournal("docker", f"{mark}-other")
    other.write(Change.begun("delete", RECORD).ended("ended", "deleted"))
    assert (journal.changes(), other.changes()) == ([], [])
