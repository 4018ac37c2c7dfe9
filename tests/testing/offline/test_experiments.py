"""Experiments and interactive runs through the real SDK: logged, listed, filtered, ended."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from azureml._restclient.exceptions import ServiceException
from azureml.core import Experiment, Model, Run

from modelship.testing.offline.offline_workspace import OfflineWorkspace

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJg"
    "gg=="
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Return the SDK's object for a workspace that all tests of this module share."""
    with OfflineWorkspace(tmp_path_factory.mktemp("experiments") / "offline") as offline:
        yield offline.workspace()


@pytest.fixture(scope="module")
def experiment(shared):
    return Experiment(shared, "digits")


@pytest.fixture
def run(experiment, here):
    (here / "train.py").write_text("print('training')\n")
    found = experiment.start_logging(snapshot_directory=None)
    yield found
    found.complete()


def test_an_experiment_is_the_same_one_by_its_name(shared, experiment):
    """It is made on first use, found afterwards, and listed."""
    assert Experiment(shared, "digits").id == experiment.id
    assert "digits" in shared.experiments
    assert "digits" in [each.name for each in Experiment.list(shared)]


def test_an_experiment_is_archived_and_tagged(shared):
    """One that is archived is listed only on request, and one without runs can be deleted."""
    experiment = Experiment(shared, "put-away")
    experiment.set_tags({"team": "vision"})
    experiment.archive()
    assert "put-away" not in [each.name for each in Experiment.list(shared)]
    archived = Experiment.list(shared, view_type="ArchivedOnly")
    assert [(each.name, each.tags) for each in archived] == [("put-away", {"team": "vision"})]
    experiment.reactivate()
    Experiment.delete(shared, experiment.id)
    assert "put-away" not in shared.experiments


def test_scalars_lists_rows_and_tables_come_back(run):
    """Each kind of metric is read as it was logged, a loss that is no number too."""
    for step in range(60):
        run.log("loss", step / 2, step=step)
    run.log("accuracy", 0.92)
    run.log("diverged", float("inf"))
    run.log_list("fibonacci", [1, 1, 2])
    run.log_row("point", x=1, y=2.5)
    run.log_row("point", x=2, y=3.5)
    run.log_table("table", {"name": ["a", "b"], "size": [1, 2]})
    run.flush()
    metrics = run.get_metrics()
    assert metrics["loss"] == [step / 2 for step in range(60)]
    assert (metrics["accuracy"], metrics["diverged"]) == (0.92, float("inf"))
    assert metrics["fibonacci"] == [1, 1, 2]
    assert metrics["point"] == {"x": [1, 2], "y": [2.5, 3.5]}
    assert metrics["table"] == {"name": ["a", "b"], "size": [1, 2]}
    assert run.get_metrics(name="accuracy") == {"accuracy": 0.92}


def test_pictures_and_matrices_are_files_of_the_run(run, here):
    """What is no number is uploaded, and the metric names it."""
    (here / "pixel.png").write_bytes(base64.b64decode(PIXEL))
    run.log_image("pixel", path="pixel.png")
    labels = {"class_labels": ["0", "1"], "matrix": [[5, 1], [0, 6]]}
    kind = {"schema_type": "confusion_matrix", "schema_version": "1.0.0"}
    run.log_confusion_matrix("confusion", {**kind, "data": labels})
    run.flush()
    assert sorted(run.get_file_names()) == ["confusion", "pixel.png"]
    assert run.get_metrics()["pixel"].endswith(f"dcid.{run.id}/pixel.png")


def test_files_go_up_and_come_back(run, here):
    """One by one, several at once, and folders."""
    (here / "data" / "deep").mkdir(parents=True)
    (here / "data" / "one.txt").write_text("1")
    (here / "data" / "deep" / "two.txt").write_text("2")
    run.upload_file("single.txt", "data/one.txt")
    run.upload_files(["a/1.txt", "a/2.txt"], ["data/one.txt", "data/deep/two.txt"])
    run.upload_folder("folder", "data")
    names = ["a/1.txt", "a/2.txt", "folder/deep/two.txt", "folder/one.txt", "single.txt"]
    assert sorted(run.get_file_names()) == names
    run.download_file("folder/deep/two.txt", "back.txt")
    run.download_files(prefix="a", output_directory="down")
    assert Path("back.txt").read_text() == Path("down/a/2.txt").read_text() == "2"


def test_a_model_is_registered_from_a_run(shared, run, here):
    """It knows its run and experiment, is found by the run, and has the file's content."""
    (here / "model.pkl").write_bytes(b"weights")
    run.upload_file("outputs/model.pkl", "model.pkl")
    model = run.register_model("from-run", model_path="outputs/model.pkl", tags={"by": "run"})
    assert (model.run_id, model.run.id, model.experiment_name) == (run.id, run.id, "digits")
    assert [each.id for each in Model.list(shared, run_id=run.id)] == [model.id]
    assert Path(Model(shared, "from-run").download("down")).read_bytes() == b"weights"


def test_tags_and_properties_are_kept(shared, run):
    """Tags can be changed and taken off; a property cannot be changed."""
    run.set_tags({"stage": "draft", "old": "yes"})
    run.tag("stage", "final")
    run.remove_tags(["old"])
    run.add_properties({"data": "digits"})
    found = Run.get(shared, run.id)
    assert found.get_tags() == {"stage": "final"}
    assert found.get_properties() == {"data": "digits"}
    with pytest.raises(ServiceException, match="The property 'data' of the run is set"):
        run.add_properties({"data": "other"})


def test_runs_are_found_by_what_is_asked_for(experiment):
    """By tags, with and without a value, by properties, and by status."""
    first, second = (experiment.start_logging(snapshot_directory=None) for _ in range(2))
    first.tag("color", "light blue")
    second.tag("color", "red")
    second.add_properties({"k": "v"})
    first.complete()
    second.fail("it did not converge", "Diverged")

    def ids(**wanted):
        return {each.id for each in experiment.get_runs(**wanted)}

    assert ids(tags="color") == {first.id, second.id}
    assert ids(tags={"color": "light blue"}) == {first.id}
    assert ids(properties={"k": "v"}) == {second.id}
    assert second.id in {each.id for each in Run.list(experiment, status="Failed")}
    assert first.id not in {each.id for each in Run.list(experiment, status="Failed")}
    assert second.get_details()["error"]["error"]["message"] == "it did not converge"


def test_children_are_listed_apart(experiment, run):
    """A run's children are found through it, and their metrics with it."""
    with run.child_run("fold") as child:
        child.log("score", 0.5)
    several = run.create_children(count=2)
    for each in several:
        each.complete()
    assert {each.id for each in run.get_children()} == {child.id, *(each.id for each in several)}
    assert child.id not in {each.id for each in experiment.get_runs()}
    assert child.id in {each.id for each in experiment.get_runs(include_children=True)}
    assert run.get_metrics(recursive=True)[child.id] == {"score": 0.5}


def test_a_run_as_context_ends_as_its_body_does(experiment, here):
    """It is completed at the end, and failed by an exception; what it printed is a log of it."""
    with experiment.start_logging(snapshot_directory=None) as good:
        good.log("accuracy", 1.0)
    assert good.get_status() == "Completed"

    def break_off():
        with experiment.start_logging(snapshot_directory=None) as bad:
            broken.append(bad)
            raise ZeroDivisionError("on purpose")

    broken = []
    with pytest.raises(ZeroDivisionError, match="on purpose"):
        break_off()
    assert broken[0].get_status() == "Failed"
    assert "on purpose" in str(broken[0].get_details()["error"])


def test_a_canceled_run_stays_canceled(experiment):
    """Nothing that comes afterwards changes how a run has ended."""
    run = experiment.start_logging(snapshot_directory=None)
    run.cancel()
    run.complete()
    assert Run.get(experiment.workspace, run.id).get_status() == "Canceled"


def test_a_snapshot_keeps_what_changed_and_what_did_not(experiment, here):
    """The second snapshot sends one file, and holds both."""
    import zipfile

    code = here / "code"
    code.mkdir()
    (code / "train.py").write_text("first")
    (code / "same.py").write_text("same")
    experiment.start_logging(snapshot_directory="code").complete()
    (code / "train.py").write_text("second")
    run = experiment.start_logging(snapshot_directory="code")
    run.complete()
    with zipfile.ZipFile(run.restore_snapshot(path=str(here))) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    assert content == {"train.py": b"second", "same.py": b"same"}


def test_what_is_not_there_is_said_in_a_sentence(shared, experiment):
    """The SDK's own error names the run, and can be printed."""
    with pytest.raises(ServiceException) as caught:
        Run.get(shared, "no-such-run")
    assert "There is no run 'no-such-run'." in str(caught.value)


def test_without_a_submitted_run_the_context_is_offline():
    """A script that asks for its run outside of one gets the SDK's stand-in."""
    assert Run.get_context().id.startswith("OfflineRun")


def test_everything_is_there_when_the_workspace_is_opened_again(tmp_path):
    """Experiments, runs, metrics and tags survive."""
    with OfflineWorkspace(tmp_path / "offline") as offline:
        run = Experiment(offline.workspace(), "kept").start_logging(snapshot_directory=None)
        run.log("accuracy", 0.5)
        run.tag("kept", "yes")
        run.complete()
    with OfflineWorkspace(tmp_path / "offline") as offline:
        found = Run.get(offline.workspace(), run.id)
        assert (found.get_status(), found.get_tags()) == ("Completed", {"kept": "yes"})
        assert found.get_metrics() == {"accuracy": 0.5}
