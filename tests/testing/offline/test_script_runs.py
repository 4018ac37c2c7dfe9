"""Scripts that the real SDK submits: to "local", and to a cluster that is this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil
import pytest
from azureml.core import Environment, Experiment, ScriptRunConfig
from azureml.core.compute import AmlCompute, ComputeTarget
from azureml.core.run import RUNNING_STATES
from azureml.core.runconfig import RunConfiguration
from azureml.exceptions import ActivityFailedException, ExperimentExecutionException

from modelship.testing.offline.offline_workspace import OfflineWorkspace
from modelship.testing.offline.runs.run_records import Records
from waiting import wait_until

TRAIN = """
import os, sys
from azureml.core import Run

run = Run.get_context()
print("run", run.id, "in", run.experiment.workspace.name, "with", sys.argv[1:])
run.log("accuracy", 0.92)
os.makedirs("outputs", exist_ok=True)
with open("outputs/model.pkl", "w") as file:
    file.write(os.environ["GREETING"])
with open("logs/own.txt", "w") as file:
    file.write("mine")
place, variable = sys.argv[3:]
print(open(place + "/train/a.txt").read(), os.environ[variable] == place)
"""
FAIL = """
print("about to fail")
raise ZeroDivisionError("on purpose")
"""
FAMILY = """
import pathlib, subprocess, sys, time

child = subprocess.Popen(["sleep", "3600"], start_new_session=True)
orphan = subprocess.check_output("sleep 3600 >/dev/null & echo $!", shell=True, text=True)
draft = pathlib.Path(sys.argv[1] + ".new")
draft.write_text(f"{child.pid} {orphan}")
draft.replace(sys.argv[1])
time.sleep(float(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """Open a workspace that all tests of this module share."""
    with OfflineWorkspace(tmp_path_factory.mktemp("scripts") / "offline") as offline:
        yield offline


@pytest.fixture(scope="module")
def experiment(workspace):
    return Experiment(workspace.workspace(), "digits")


@pytest.fixture(scope="module")
def cluster(experiment):
    wanted = AmlCompute.provisioning_configuration(vm_size="STANDARD_D2_V2", max_nodes=1)
    return ComputeTarget.create(experiment.workspace, "cpu-cluster", wanted)


@pytest.fixture
def submit(experiment, here, monkeypatch):
    """Return a function that submits a script which runs with the packages of this Python."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")

    def make(code, *arguments, **options):
        source = here / "source"
        source.mkdir(exist_ok=True)
        (source / "train.py").write_text(code)
        environment = Environment("mine")
        environment.python.user_managed_dependencies = True
        environment.environment_variables = {"GREETING": "hello"}
        script = {} if "command" in options else {"script": "train.py", "arguments": [*arguments]}
        config = {"source_directory": str(source), "environment": environment, **script, **options}
        return experiment.submit(ScriptRunConfig(**config))

    return make


def processes_of(file):
    """Return the ids of the processes that a script has written down."""
    return [int(each) for each in wait_until(lambda: file.exists() and file.read_text()).split()]


def alive(pids):
    return [each for each in pids if psutil.pid_exists(each)]


def processes_in(run):
    """Return the processes that have a run in their environment."""
    running = psutil.process_iter(["environ"])
    return [each for each in running if run.id in (each.info["environ"] or {}).values()]


@pytest.fixture
def on_datastore(experiment, here):
    """Upload a file to the datastore; return a path there, and a run's configuration with it."""
    store = experiment.workspace.get_default_datastore()
    (here / "data").mkdir()
    (here / "data" / "a.txt").write_text("alpha")
    store.upload(str(here / "data"), target_path="mnist/train", show_progress=False)

    def make(kind, target="local"):
        path = getattr(store.path("mnist"), kind)()
        config = RunConfiguration()
        config.target = target
        config.environment.python.user_managed_dependencies = True
        config.environment.environment_variables = {"GREETING": "hello"}
        config.data_references = {path.data_reference_name: path.to_config()}
        return path, {"run_config": config, "environment": None}

    return make


@pytest.mark.parametrize("target", [pytest.param("local", marks=pytest.mark.long), "cpu-cluster"])
def test_a_script_logs_and_leaves_files(target, submit, cluster, on_datastore, capsys):
    """It knows its run and finds its data; its log is shown meanwhile, and what it leaves kept."""
    path, options = on_datastore("as_mount", target)
    words = ("--rate", "0.5", str(path), f"AZUREML_DATAREFERENCE_{path.data_reference_name}")
    run = submit(TRAIN, *words, **options)
    details = run.wait_for_completion(show_output=True)
    shown = capsys.readouterr().out
    assert f"run {run.id} in offline with ['--rate', '0.5', " in shown
    assert "is this machine" in shown
    assert "alpha True" in shown
    assert (details["status"], details["target"]) == ("Completed", target)
    assert run.get_metrics() == {"accuracy": 0.92}
    names = ["logs/own.txt", "outputs/model.pkl", "user_logs/std_log.txt"]
    assert sorted(run.get_file_names()) == names
    model = run.register_model(f"of-{target}", model_path="outputs/model.pkl")
    assert Path(model.download("down")).read_text() == "hello"
    assert model.run_id == run.id


def test_data_that_would_be_uploaded_is_refused(submit, cluster, on_datastore):
    """The sentence says how to upload it.

    For the target "local" the SDK would go on in a thread, which changes the current folder.
    """
    path, options = on_datastore("as_upload", cluster.name)
    with pytest.raises(Exception, match=r"no data references that upload: call Datastore\.upload"):
        submit("", str(path), **options)


def test_a_failure_shows_the_traceback(submit, cluster, monkeypatch):
    """The SDK's own error has it, and so has the log of the run; the SDK waits in each state."""
    states, reach = [], Records.reach

    def noting(records, run_id, state, **more):
        states.append(state)
        reach(records, run_id, state, **more)

    monkeypatch.setattr(Records, "reach", noting)
    run = submit(FAIL, compute_target=cluster)
    with pytest.raises(ActivityFailedException) as caught:
        run.wait_for_completion()
    message = run.get_details()["error"]["error"]["message"]
    assert message.startswith("train.py exited with code 1.")
    assert 'line 3, in <module>\n    raise ZeroDivisionError("on purpose")' in message
    assert "driver.py" not in message
    assert "ZeroDivisionError: on purpose" in str(caught.value)
    assert {*states[:-1]} <= {*RUNNING_STATES}
    assert "about to fail" in run.get_details_with_logs()["logFiles"]["user_logs/std_log.txt"]


@pytest.mark.parametrize("target", [pytest.param("local", marks=pytest.mark.long), "cpu-cluster"])
def test_cancel_ends_all_that_a_script_has_started(target, submit, cluster, here):
    """Its children, those in a session of their own, and those whose parent is gone.

    The next one has waited for the only node of a cluster until then.
    """
    run = submit(FAMILY, str(here / "pids"), 3600, compute_target=target)
    following = submit("print('short')", compute_target=target)
    pids = processes_of(here / "pids")
    assert processes_in(run)
    assert following.get_status() == "Queued" or target == "local"
    run.cancel()
    wait_until(lambda: run.get_status() == "Canceled")
    wait_until(lambda: not alive(pids))
    wait_until(lambda: following.get_status() == "Completed")


def test_nothing_is_left_after_a_script_that_ends_by_itself(submit, cluster, here):
    """What it started in the background ends with it, as on a node that is given back."""
    run = submit(FAMILY, str(here / "pids"), 0, compute_target=cluster)
    wait_until(lambda: run.get_status() == "Completed")
    assert alive(processes_of(here / "pids")) == []


def test_a_script_does_not_run_longer_than_it_may(submit, cluster, here):
    """It is ended and said to be; the next one waits for the cluster's only node until then."""
    long = submit(
        FAMILY, str(here / "pids"), 3600, compute_target=cluster, max_run_duration_seconds=1
    )
    short = submit("print('short')", compute_target=cluster)
    wait_until(lambda: short.get_status() == "Completed")
    assert long.get_status() == "Canceled"
    error = long.get_details()["error"]["error"]
    assert "longer than max_run_duration_seconds, 1 s" in error["message"]
    assert processes_in(long) == []
    assert short.get_details()["startTimeUtc"] >= long.get_details()["endTimeUtc"]


def test_a_command_runs_in_a_shell(submit, cluster):
    """A command in place of a script finds the variables and the Python of its environment."""
    run = submit("", command=["which", "python", "&&", "echo", "$GREETING"], compute_target=cluster)
    wait_until(lambda: run.get_status() == "Completed")
    log = run.get_details_with_logs()["logFiles"]["user_logs/std_log.txt"]
    assert log.endswith(f"\n{Path(sys.executable).parent / 'python'}\nhello\n")


def test_what_does_not_run_here_is_said(submit, cluster):
    """A cluster that there is not, and several nodes, are refused in one sentence."""
    from azureml.core.runconfig import MpiConfiguration

    with pytest.raises(ExperimentExecutionException, match="There is no compute target nowhere"):
        submit("", compute_target="nowhere")
    with pytest.raises(ExperimentExecutionException, match="no distributed runs: leave out"):
        submit("", compute_target=cluster, distributed_job_config=MpiConfiguration(node_count=2))


def test_an_environment_that_cannot_be_made_fails_the_run(submit, cluster):
    """The error of the run names the package, or the interpreter, that is not there."""
    from azureml.core.conda_dependencies import CondaDependencies

    packages = Environment("packages")
    packages.python.conda_dependencies = CondaDependencies.create(
        python_version="3.11", pip_packages=["no-such-package-of-anybody==1"]
    )
    interpreter = Environment("interpreter")
    interpreter.python.user_managed_dependencies = True
    interpreter.python.interpreter_path = "python-of-nobody"
    for environment, words in (
        (packages, "no-such-package-of-anybody"),
        (interpreter, "python-of-nobody"),
    ):
        run = submit("", compute_target=cluster, environment=environment)
        wait_until(lambda run=run: run.get_status() == "Failed")
        assert words in run.get_details()["error"]["error"]["message"]


def test_a_cluster_is_a_name_for_this_machine(experiment, cluster):
    """It is created at once, listed with what was asked for, and has no nodes."""
    cluster.wait_for_completion(show_output=False, min_node_count=0)
    found = experiment.workspace.compute_targets["cpu-cluster"]
    assert (found.vm_size, found.scale_settings.maximum_node_count) == ("STANDARD_D2_V2", 1)
    assert found.get_status().current_node_count == 0


def test_a_cluster_is_changed_and_removed(experiment):
    """How many nodes it may have, and whether it is there."""
    wanted = AmlCompute.provisioning_configuration(vm_size="STANDARD_D2_V2", max_nodes=1)
    made = ComputeTarget.create(experiment.workspace, "other", wanted)
    made.update(max_nodes=3)
    found = ComputeTarget(experiment.workspace, "other")
    assert found.scale_settings.maximum_node_count == 3
    found.delete()
    assert "other" not in experiment.workspace.compute_targets
