"""Services that the tests start by a fork are like those that users start."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import psutil
import pytest

import fork_services
from modelship.targets import DeployTarget, Serving
from modelship.targets.address import port_of
from modelship.targets.process import server_process

SHOWING = """
import os, signal, sys

def init():
    pass

def run(raw_data):
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)]
    return {
        "arguments": sys.argv[1:],
        "path": [*sys.path, sys.executable, sys.prefix, sys.exec_prefix],
        "folder": os.getcwd(),
        "main": sys.modules["__main__"].__spec__.name,
        "files": sorted(os.listdir("/proc/self/fd")),
        "first": [os.readlink(f"/proc/self/fd/{each}") for each in range(3)],
        "handlers": [getattr(each, "__qualname__", each) for each in handlers],
        "variables": dict(os.environ),
        "cores": sorted(os.sched_getaffinity(0)),
        "session": os.getsid(0) == os.getpgid(0) == os.getppid(),
        "has_exporter": "opentelemetry" in sys.modules,
    }
"""


@pytest.fixture(scope="module", autouse=True)
def home(shared_home, forked_services):
    if forked_services is None:
        pytest.skip("needs Linux, and a shorter folder for the sockets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELSHIP_HOME", str(shared_home))
        yield shared_home


@pytest.fixture
def shown(home, make_bundle):
    """Return what shows a script's surroundings, with the same names for all services."""
    bundle = make_bundle(SHOWING)

    def show(server):
        target = DeployTarget.open("process").with_serving(Serving(server=server))
        deployment = target.deploy(bundle, name="shown", show_output=False)
        with deployment:
            folder = home / "state/process" / deployment.instance.instance_id
            server = psutil.Process(int((folder / "pid").read_text()))
            text = json.dumps([deployment.run({}), server.environ(), server.ppid()])
        own = (folder.name, str(server.pid), str(port_of(deployment.instance.direct_uri)))
        for each in own:
            text = text.replace(each, "OF THE SERVICE")
        return json.loads(text)

    return show


@pytest.mark.parametrize("server", ["azmlinfsrv", "modelship"])
def test_a_script_sees_the_same_in_a_fork(server, shown, forked_services, monkeypatch):
    """Its folder, its variables, its open files, its signals, and what /proc shows of it."""
    forked = shown(server)
    monkeypatch.setattr(server_process, "run_launcher", forked_services.plainly)
    assert forked == shown(server)


@pytest.mark.parametrize(
    ("name", "hides"), [("json.py", True), ("json.txt", False), ("score.py", False)]
)
def test_what_hides_an_imported_module_is_not_forked(name, hides, tmp_path):
    """A new Python would import the file in the folder."""
    (tmp_path / name).touch()
    assert fork_services.hides_a_module(tmp_path) is hides


def test_it_ends_with_the_last_connection(tmp_path):
    """Workers of the tests leave nothing running, however they end."""
    place = str(tmp_path / "place")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(place)
        listener.listen()
        connections = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(2)]
        for each in connections:
            each.connect(place)
        program = subprocess.Popen([sys.executable, fork_services.__file__], stdin=listener)
    for each in connections:
        assert program.poll() is None
        each.close()
    assert program.wait(60) == 0
