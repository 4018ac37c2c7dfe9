"""What is special about services as processes: sockets, signals, process ids, and a clean end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from modelship.bundle import Environment
from modelship.errors import (
    DeploymentNotFoundError,
    InvalidOptionError,
    PortTakenError,
    ServiceUnreachableError,
    TargetUnavailableError,
)
from modelship.targets import DeployTarget, Serving, State
from modelship.targets.address import listen
from modelship.targets.process import process_backend, server_process
from modelship.testing import cases, script_bundle, with_lock
from reserved_ports import reserve_port
from waiting import wait_until

ROWS = {"data": [1, 2]}
SCORED = [cases.FACTOR, 2 * cases.FACTOR]
DEPLOY = """
import sys
from modelship import DeployTarget, ScoringBundle, Serving
folder, name = sys.argv[1:]
target = DeployTarget.open("process").with_serving(Serving(server="modelship"))
target.deploy(ScoringBundle.load(folder), name=name)
"""


@pytest.fixture(scope="module", autouse=True)
def home(shared_home):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELSHIP_HOME", str(shared_home))
        yield shared_home


@pytest.fixture
def bundle(make_bundle):
    return make_bundle(cases.SCALING, sample_input=ROWS)


@pytest.fixture
def target():
    """Return the process target with modelship's server; what a test leaves on it is removed."""
    target = DeployTarget.open("process").with_serving(Serving(server="modelship"))
    yield target
    for deployment in left_on(target):
        deployment.delete(missing_ok=True)


SHARED = "shared-"


def left_on(target):
    """Return the services that are not shared by the tests of this module."""
    return [each for each in target.list() if not each.name.startswith(SHARED)]


# Runs what it is sent.
INSPECTOR = """
def init(): ...
def run(raw_data):
    names = {}
    exec(raw_data, names)
    return names["answer"]
"""
BESIDE = {
    "sitecustomize.py": "import os; os.environ['BY_SITE'] = 'yes'",
    "usercustomize.py": "import os; os.environ['BY_SITE'] = 'yes'",
    "own.pth": "import os; os.environ['BY_SITE'] = 'yes'",
    "score/__init__.py": "raise ImportError('not the script')",
    "gunicorn.conf.py": "raw_env = ['BY_GUNICORN=yes']\nbind = '127.0.0.1:1'\n",
}


@pytest.fixture(scope="module")
def shared(home, bare_lock, tmp_path_factory):
    """Return a function that gives the service of a server, which tests leave healthy.

    Files that other programs read are next to its script, and this process's environment holds a
    secret when it is deployed.
    """
    folder, target = tmp_path_factory.mktemp("shared"), DeployTarget.open("process")
    for path, text in BESIDE.items():
        (folder / "source" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "source" / path).write_text(text)
    environment = Environment(python=bare_lock.python, requirements=())
    model = {"factor": cases.FACTOR}
    bundle = script_bundle(INSPECTOR, folder=folder, environment=environment, model=model)
    with ExitStack() as deployed, pytest.MonkeyPatch.context() as patch:

        @cache
        def on(server):
            patch.setenv("AZURE_CLIENT_SECRET", "hunter2")
            patch.setenv("PYTHONPATH", "/nowhere")
            deployment = target.deploy(
                with_lock(bundle, lock=bare_lock),
                name=f"{SHARED}{server}",
                serving=Serving(server=server),
                show_output=False,
            )
            patch.undo()
            return deployed.enter_context(deployment)

        yield on


@pytest.fixture
def azure_server(shared):
    """Return the service with Azure ML's server, which is a process and its worker."""
    return shared("azmlinfsrv")


@pytest.fixture
def deployed(target, bundle):
    """Return a service with Azure ML's server, which is a process and its worker."""
    return target.deploy(bundle, name="digits", serving=Serving(), show_output=False)


# So that its deployment takes seconds after the service has been started, also on a busy machine.
STARTING_LATE = (
    f"{cases.SCALING}\nimport time\ninit = lambda start=init: [time.sleep(4), start()]\n"
)


@pytest.fixture
def deployer(make_bundle, tmp_path):
    """Return a function that starts another process, which deploys a bundle under a name."""
    folder = make_bundle(STARTING_LATE).save(tmp_path / "saved")
    started = []

    def start(name):
        process = subprocess.Popen(
            [sys.executable, "-c", DEPLOY, str(folder), name],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def folder_of(deployment, home):
    return home / "state" / "process" / deployment.instance.instance_id


def server_of(deployment, home):
    return psutil.Process(int((folder_of(deployment, home) / "pid").read_text()))


def running(name):
    """Return the processes that carry the marker of an instance of `name`."""
    return [
        process
        for process in psutil.process_iter(["environ"])
        if (process.info["environ"] or {}).get("MODELSHIP_INSTANCE", "").rpartition("-")[0] == name
    ]


def reach(moment, process):
    """Read what a deployer shows until a line tells of a step, and wait a little more."""
    step, delay_s = moment
    assert any(step in line for line in process.stderr), "the deployer ended before"
    time.sleep(delay_s)


def stored(home, name):
    """Return what lies in the state folder for `name`, drafts too."""
    return [path.name for path in (home / "state" / "process").glob(f"*{name}-*")]


# --- where it listens -----------------------------------------------------------------------


SOCKETS = b"""
import subprocess
listed = subprocess.run(["ls", "-l", "/proc/self/fd"], close_fds=False, capture_output=True)
answer = [line for line in listed.stdout.decode().splitlines() if "socket:" in line]
"""


@pytest.mark.parametrize("server", ["azmlinfsrv", "modelship"])
def test_a_program_that_a_script_starts_inherits_no_socket(shared, server):
    """It could hold the port, or take connections, when the service is long gone."""
    assert shared(server).run(SOCKETS) == []


def test_it_listens_on_loopback_alone(azure_server, home):
    """Each listening socket of the server and its worker is on 127.0.0.1."""
    server = server_of(azure_server, home)
    connections = [
        connection
        for process in (server, *server.children(recursive=True))
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    uris = (azure_server.scoring_uri, azure_server.instance.own_uri)
    assert {connection.laddr for connection in connections} == {
        ("127.0.0.1", urlsplit(uri).port) for uri in uris
    }


@pytest.fixture
def port():
    """Return a free port, at which nothing but the service, or what a test says, can listen."""
    reserving, port = reserve_port()
    with reserving:
        yield port


def test_a_fixed_port_that_is_taken_is_said(bundle, port, target):
    """A port that another program listens on is PortTakenError, and nothing is left."""
    fixed = target.with_serving(Serving(server="modelship", port=port))
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(PortTakenError, match=str(port)),
    ):
        fixed.deploy(bundle, name="fixed", show_output=False)
    assert left_on(target) == []
    assert running("fixed") == []


def test_a_fixed_port_is_kept_when_a_bundle_is_replaced(bundle, make_bundle, port):
    """Overwriting on a fixed port takes the port over from the old instance."""
    target = DeployTarget.open("process").with_serving(Serving(server="modelship", port=port))
    target.deploy(bundle, name="fixed", show_output=False)
    other = make_bundle(cases.SCALING.replace("factor * ", "-factor * "))
    with target.deploy(other, name="fixed", overwrite=True, show_output=False) as deployment:
        assert deployment.scoring_uri == f"http://127.0.0.1:{port}/score"
        assert deployment.run(ROWS) == [-row for row in SCORED]


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_cannot_be_is_refused(port):
    """A port outside 1 to 65535 is InvalidOptionError."""
    with pytest.raises(InvalidOptionError, match="65535"):
        Serving(port=port)


# --- what it gets of this process -----------------------------------------------------------


def test_nothing_of_this_processs_environment_reaches_the_service(azure_server):
    """A secret in an environment variable here is not in the service's environment."""
    environment = azure_server.run(b"import os; answer = dict(os.environ)")
    assert "hunter2" not in str(environment)
    assert environment.get("PYTHONPATH") is None
    assert Path(environment["AZUREML_MODEL_DIR"], "model.pkl").is_file()


def test_a_dead_proxy_does_not_disturb(target, bundle, monkeypatch):
    """Proxies for the outside world are not used between this machine and itself."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert target.deploy(bundle, name="proxied", show_output=False).run(ROWS) == SCORED


def test_nothing_is_written_into_the_home_folder(target, bundle, monkeypatch, tmp_path):
    """The server leaves nothing in the user's home folder."""
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    (tmp_path / "user").mkdir()
    assert target.deploy(bundle, name="tidy", show_output=False).run(ROWS) == SCORED
    assert list((tmp_path / "user").iterdir()) == []


# --- crashes and process ids ----------------------------------------------------------------


@pytest.mark.parametrize("launches", [10, pytest.param(40, marks=pytest.mark.long)])
def test_a_server_is_known_from_its_launch_on(tmp_path, launches):
    """In the moment in which the server's program is loaded, it is not taken for dead."""
    command = [sys.executable, "-S", "-c", "__import__('time').sleep(60)"]
    for number in range(launches):
        folder = tmp_path / str(number)
        folder.mkdir()
        with listen(None) as listener:
            server_process.launch(
                command,
                instance_id=f"launch-{number}",
                listener=listener,
                folder=folder,
                environment={"AML_APP_ROOT": str(folder)},
            )
            assert server_process.is_running(f"launch-{number}", folder)
        server_process.end(f"launch-{number}", folder, grace_s=0.0)
        assert not server_process.is_running(f"launch-{number}", folder)


def test_a_server_that_is_loaded_between_two_looks_is_not_taken_for_dead(tmp_path, monkeypatch):
    """It shows no environment at the first look, and all of it at the next one."""
    marker = {"MODELSHIP_INSTANCE": "loaded"}
    shown = iter([{}, *[marker] * 9])
    (tmp_path / "pid").write_text(str(os.getpid()))
    monkeypatch.setattr(psutil.Process, "environ", lambda _: next(shown))
    assert server_process.is_running("loaded", tmp_path)


def test_a_killed_server_takes_its_worker_along(deployed, home):
    """After SIGKILL of the server alone, the state is Failed and nothing answers."""
    server = server_of(deployed, home)
    workers = server.children(recursive=True)
    assert workers
    server.kill()
    psutil.wait_procs([server, *workers], timeout=10)
    assert deployed.state is State.FAILED
    with pytest.raises(ServiceUnreachableError):
        deployed.run(ROWS)


def test_delete_ends_a_worker_whose_server_was_killed(deployed, home, target):
    """delete() right after SIGKILL of the server leaves no process and no folder."""
    server_of(deployed, home).kill()
    deployed.delete()
    assert running("digits") == []
    assert stored(home, "digits") == []


def test_a_killed_worker_is_replaced(azure_server, home):
    """After SIGKILL of the worker, the server starts another one, and the service is healthy."""
    workers = server_of(azure_server, home).children(recursive=True)
    for worker in workers:
        worker.kill()
    answer = azure_server.wait(timeout_s=30).run(b"import os; answer = os.getpid()")
    assert workers
    assert answer not in {worker.pid for worker in workers}


SLOW = """
import os, pathlib, time

def init():
    pass

def run(raw_data):
    begun, goes_on = map(pathlib.Path, raw_data.splitlines())
    begun.touch()
    while not goes_on.exists():
        time.sleep(0.02)
    return os.getpid()
"""


@pytest.mark.parametrize("server", ["azmlinfsrv", "modelship"])
def test_what_is_under_way_is_answered_when_a_bundle_is_replaced(
    bundle, make_bundle, monkeypatch, server, tmp_path
):
    """A request to the old instance takes as long as it takes, longer than a deletion waits."""
    begun, goes_on, end = tmp_path / "begun", tmp_path / "goes-on", server_process.end

    def end_before_the_answer(*instance, **options):
        threading.Timer(0.5, goes_on.touch).start()
        end(*instance, **options)

    monkeypatch.setattr(process_backend, "_GRACE_S", 0.1)
    monkeypatch.setattr(server_process, "end", end_before_the_answer)
    target = DeployTarget.open("process").with_serving(Serving(server="modelship"))
    slow, serving = make_bundle(SLOW), Serving(server=server)
    with (
        target.deploy(slow, name="replaced", serving=serving, show_output=False) as old,
        ThreadPoolExecutor(1) as pool,
    ):
        pids = {process.pid for process in running("replaced")}
        answer = pool.submit(old.run, f"{begun}\n{goes_on}", timeout_s=60)
        wait_until(begun.exists)
        with target.deploy(bundle, name="replaced", overwrite=True, show_output=False) as new:
            assert answer.result() in pids
            assert new.run(ROWS) == SCORED


def test_a_stopped_server_is_unhealthy(azure_server, home):
    """A service that answered and does not answer now, but runs, is Unhealthy."""
    server = server_of(azure_server, home)
    family = [server, *server.children(recursive=True)]
    for process in family:
        process.suspend()
    assert azure_server.state is State.UNHEALTHY
    for process in family:
        process.resume()
    assert azure_server.wait(timeout_s=30).state is State.HEALTHY


def test_a_process_id_that_was_taken_over_is_not_ours(target, bundle, home):
    """A stranger who has the old id of a server is not the service, and outlives delete()."""
    deployed = target.deploy(bundle, name="digits", show_output=False)
    server = server_of(deployed, home)
    server.kill()
    server.wait(10)
    with subprocess.Popen(["sleep", "60"]) as stranger:
        wait_until(psutil.Process(stranger.pid).environ)  # first it is in the middle of execve(2)
        (folder_of(deployed, home) / "pid").write_text(str(stranger.pid))
        assert deployed.state is State.FAILED
        deployed.delete()
        assert stranger.poll() is None
        stranger.kill()


# --- other processes ------------------------------------------------------------------------


def test_two_deployers_build_a_cold_environment_once(deployer, target, tmp_path, monkeypatch):
    """Two processes that need the same environment at once share the one that is built."""
    home = tmp_path / "cold-home"
    monkeypatch.setenv("MODELSHIP_HOME", str(home))
    both = [deployer("first"), deployer("second")]
    built = set()

    def have_ended():
        built.update(path.stat().st_ino for path in home.glob("cache/environments/*/pyvenv.cfg"))
        return all(process.poll() is not None for process in both)

    wait_until(have_ended, timeout_s=600, pause_s=0.005)
    with ExitStack() as deleting:
        found = [deleting.enter_context(each) for each in target.list()]
        assert [process.returncode for process in both] == [0, 0]
        assert len(built) == 1
        states = [(each.name, each.state) for each in found]
        assert states == [("first", State.HEALTHY), ("second", State.HEALTHY)]
        assert [each.run(ROWS) for each in found] == [SCORED, SCORED]
    assert target.list() == ()


# What the deployer has shown when it is hit, and how many seconds later that is.
MOMENTS = [
    pytest.param(("Lock the environment", 0.0), marks=pytest.mark.long),
    ("Prepare the environment", 0.0),
    pytest.param(("Prepare the environment", 0.01), marks=pytest.mark.long),
    pytest.param(("Prepare the environment", 0.04), marks=pytest.mark.long),
    pytest.param(("Start the service", 0.0), marks=pytest.mark.long),
    ("Start the service", 0.2),
]


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
def test_a_killed_deployer_leaves_nothing_unseen(deployer, target, bundle, home, moment):
    """What a deployer that was killed leaves behind is listed, and delete() removes all of it."""
    process = deployer("killed")
    reach(moment, process)
    process.kill()
    process.wait()
    time.sleep(0.3)
    if running("killed"):
        assert "killed" in [each.name for each in target.list()]
    target.delete("killed", missing_ok=True)
    assert running("killed") == []
    target.deploy(bundle, name="killed", show_output=False).delete()
    assert stored(home, "killed") == []


@pytest.mark.parametrize(
    "moment",
    [pytest.param(MOMENTS[1], marks=pytest.mark.long), *MOMENTS[:1], *MOMENTS[2:]],
    ids=str,
)
def test_an_interrupted_deployer_leaves_nothing(deployer, target, home, moment):
    """Ctrl-C in the middle of a deployment removes what it had begun."""
    process = deployer("stopped")
    reach(moment, process)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) != 0
    assert running("stopped") == []
    assert stored(home, "stopped") == []
    with pytest.raises(DeploymentNotFoundError):
        target.get("stopped")


def test_looking_while_others_deploy_and_delete_is_safe(target, bundle):
    """list() and state never fail because another thread or process deletes meanwhile."""

    def come_and_go():
        for _ in range(3):
            target.deploy(bundle, name="coming", show_output=False).delete()
        return True

    with ThreadPoolExecutor(1) as pool:
        going = pool.submit(come_and_go)
        while not going.done():
            for deployment in target.list():
                with suppress(DeploymentNotFoundError):
                    assert deployment.state in set(State)
    assert going.result()
    assert left_on(target) == []


def test_a_damaged_record_is_listed_and_can_be_deleted(monkeypatch, tmp_path):
    """A record that cannot be read hides nothing: its service is shown as failed."""
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path))
    folder = tmp_path / "state" / "process" / "lost-svc-0a1b2c3d"
    folder.mkdir(parents=True)
    (folder / "instance.json").write_text("{")
    target = DeployTarget.open("process")
    [found] = target.list()
    assert (found.name, found.state) == ("lost-svc", State.FAILED)
    target.delete("lost-svc")
    assert target.list() == ()


def test_an_environment_that_does_not_start_is_an_error_of_ours(tmp_path):
    """A Python that is not there is said, and no subprocess error gets through."""
    with listen(None) as listener, pytest.raises(TargetUnavailableError, match="launched"):
        server_process.launch(
            [tmp_path / "no-python"],
            instance_id="x",
            listener=listener,
            folder=tmp_path,
            environment={"AML_APP_ROOT": str(tmp_path)},
        )


BY = b"import os; answer = [os.environ.get('BY_SITE'), os.environ.get('BY_GUNICORN')]"


@pytest.mark.parametrize(("server", "by_gunicorn"), [("azmlinfsrv", "yes"), ("modelship", None)])
def test_what_lies_beside_the_script_runs_as_it_does_elsewhere(shared, server, by_gunicorn):
    """Python runs no file of the source at its start, and gunicorn reads its settings there."""
    assert shared(server).run(BY) == [None, by_gunicorn]
