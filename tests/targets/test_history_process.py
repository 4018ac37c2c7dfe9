"""Releases of real processes: one that dies after the switch, and two deployers at once."""

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from urllib.parse import urlsplit

import psutil
import pytest

from modelship.bundle import Environment
from modelship.errors import DeploymentFailedError, ModelshipError, PortTakenError
from modelship.targets import DeployTarget, Serving, State
from modelship.targets.process import ProcessBackend
from modelship.testing import script_bundle, with_lock
from reserved_ports import reserve_port

WELL = "def init(): pass\ndef run(raw_data): return {number}\n"
# Its first request ends the service as a crash would, with all its processes.
DYING = "import os\ndef init(): pass\ndef run(raw_data): os.kill(os.getppid(), 9)\n"
NAME = "history-svc"


@pytest.fixture
def target(shared_home, monkeypatch):
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))
    target = DeployTarget.open("process").with_serving(Serving(server="modelship"))
    yield target
    target.delete(NAME, missing_ok=True)


@pytest.fixture
def deploy(target, bare_lock, tmp_path):
    """Return a function from a number and a script to a deployment under one name."""

    def deploy(number, script=WELL, target=target, **options):
        bundle = script_bundle(
            script.replace("{number}", str(number)),
            folder=tmp_path / str(number),
            environment=Environment(python=bare_lock.python, requirements=()),
        )
        bundle = with_lock(bundle, lock=bare_lock)
        options = {"check": "off", "overwrite": True, "show_output": False, **options}
        return target.deploy(bundle, name=NAME, **options)

    return deploy


def test_a_release_that_dies_once_it_serves_is_rolled_back(deploy, target, shared_home):
    """Its death is told, and a rollback serves the release before at the same address."""
    first = deploy(1)
    dying = deploy(2, DYING, serving=Serving())  # with Azure ML's, a process and its worker
    folder = shared_home / "state/process" / dying.instance.instance_id
    server = psutil.Process(int((folder / "pid").read_text()))
    with suppress(ModelshipError):  # its worker may get the answer out still
        dying.run("{}", timeout_s=20)
    server.wait(20)  # it dies a moment after it was killed
    with pytest.raises(DeploymentFailedError):
        dying.wait(timeout_s=20)
    assert target.history(NAME)[-1].reason == "the service stopped by itself"
    dying.rollback(show_output=False)
    assert (dying.run("{}"), dying.state) == (1, State.HEALTHY)
    assert dying.scoring_uri == first.scoring_uri
    assert [each.outcome for each in dying.history()][-3:] == ["ended", "ended", "serving"]


def test_two_deploy_at_once_while_requests_come(deploy, target):
    """Both releases serve one after the other, and no request is lost meanwhile."""
    deployment = deploy(1)
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(deploy, number) for number in (2, 3)]
        answers = set()
        while not all(each.done() for each in asked):
            answers.add(deployment.run("{}"))
        last = max(each.result().instance.created_at for each in asked)
    assert answers <= {1, 2, 3}
    assert deployment.run("{}") in {2, 3}
    assert target.get(NAME).instance.created_at == last
    assert [each.outcome for each in target.history(NAME)][-3:] == ["ended", "ended", "serving"]


def test_where_ports_are_not_shared_the_old_release_is_started_again(deploy, monkeypatch):
    """If the port of the new release is taken, the old one serves again at its own."""
    backend = ProcessBackend()
    monkeypatch.setattr(backend, "_has_gates", False)
    target = DeployTarget(backend)
    reserving, port = reserve_port()
    with reserving, socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        deploy(1, target=target, serving=Serving(server="modelship", port=port))
        with pytest.raises(PortTakenError, match="restarted and is serving"):
            deploy(2, target=target, serving=Serving(server="modelship", port=taken))
    found = target.get(NAME)
    assert (found.run("{}"), urlsplit(found.scoring_uri).port) == (1, port)
    assert "restarted" in target.history(NAME)[-1].reason
