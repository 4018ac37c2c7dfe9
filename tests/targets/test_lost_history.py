"""A history that was removed or damaged, and a deletion that was not finished."""

import pytest
from file_backend import FileBackend, make_bundle

from modelship.errors import NoEarlierReleaseError, StorageError
from modelship.targets import DeployTarget, State

NAME = "digits-svc"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return a place with nothing in it, and a home of its own."""
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path / "home"))
    (tmp_path / "place").mkdir()
    return FileBackend(tmp_path / "place")


@pytest.fixture
def deploy(place, tmp_path):
    """Return a function from the number of a bundle to its deployment, under one name."""

    def deploy(number):
        bundle = make_bundle(tmp_path / f"bundle-{number}", number=number)
        options = {"check": "off", "overwrite": True, "show_output": False}
        return DeployTarget(place).deploy(bundle, name=NAME, **options)

    return deploy


@pytest.fixture
def history(place):
    """Return the file of the history."""
    return place.folder / "history" / f"{NAME}.json"


def interrupted(place, monkeypatch, *, stops):
    """Begin a deletion that ends in the middle, before or after the service was stopped."""

    def stop(instance, **options):
        if stops:
            place.crash(instance)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(place, "stop", stop)
        with pytest.raises(KeyboardInterrupt):
            DeployTarget(place).delete(NAME)


def test_a_rollback_without_a_history_says_what_is_there(deploy, history):
    """The bundles that this machine keeps can be served again, as the advice says."""
    first = deploy(1).release.digest
    deployment = deploy(2)
    history.unlink()
    with pytest.raises(NoEarlierReleaseError, match="its history was removed") as caught:
        deployment.rollback(show_output=False)
    assert caught.value.hint.endswith(f"modelship update {NAME} {caught.value.kept[0]}")
    assert f"{first}/bundle" in caught.value.kept[0]


def test_a_new_history_begins_with_what_is_served(deploy, history):
    """After an update, a rollback goes to the release that served without a history."""
    first = deploy(1).release.digest
    history.unlink()
    deployment = deploy(2)
    told = [(each.number, each.kind, each.by, each.outcome) for each in deployment.history()]
    assert told[0] == (1, "deploy", "unknown", "ended")
    assert (told[1][:2], told[1][3]) == ((2, "deploy"), "serving")
    deployment.rollback(show_output=False)
    assert deployment.release.digest == first


@pytest.mark.parametrize("stops", [True, False])
def test_an_unfinished_deletion_is_told_with_what_finishes_it(deploy, place, monkeypatch, stops):
    """The service has not stopped by itself; deleting it again finishes the deletion."""
    deployment = deploy(1)
    interrupted(place, monkeypatch, stops=stops)
    first, deletion = deployment.history()
    rest = "parts of the service still exist" if stops else "the service still runs"
    assert deletion.is_unfinished_deletion
    assert deletion.reason.endswith(f"{rest}: modelship delete {NAME} finishes it")
    assert first.outcome == ("ended" if stops else "serving")
    assert first.reason.startswith("stopped by change 2, a deletion") == stops
    deployment.delete()
    assert deployment.history()[-1].is_deletion


def test_a_service_that_dies_after_a_finished_deletion_has_stopped_by_itself(deploy, place):
    """An old deletion explains nothing."""
    deploy(1).delete()
    deployment = deploy(1)
    place.crash(deployment.instance)
    assert deployment.state is State.FAILED
    assert deployment.history()[-1].reason == "the service stopped by itself"


def test_a_deletion_replaces_a_damaged_history(deploy, history):
    """It is recorded, and the name can be deployed again."""
    deployment = deploy(1)
    history.write_text("no history")
    with pytest.raises(StorageError):
        deployment.history()
    deployment.delete()
    assert [(each.kind, each.outcome) for each in deployment.history()] == [("delete", "ended")]
    assert [each.kind for each in deploy(2).history()] == ["delete", "deploy"]
