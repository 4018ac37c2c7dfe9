"""A name on the target process keeps its address, whatever becomes of its instances."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from modelship.errors import PortTakenError
from modelship.targets import DeployTarget, Serving, State, settling
from modelship.targets.process import ProcessBackend
from modelship.testing import cases
from reserved_ports import reserve_port

ROWS = {"data": [1, 2]}
SCORED = [cases.FACTOR, 2 * cases.FACTOR]
NEGATED = [-row for row in SCORED]
NEGATING = cases.SCALING.replace("factor * ", "-factor * ")
LEAVING_A_CHILD = """
import os, time
def init():
    if not os.fork():  # with all descriptors, and out of the service's group
        os.setsid()
        time.sleep(600)
def run(raw_data):
    return 1
"""


@pytest.fixture(autouse=True)
def home(shared_home, monkeypatch):
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))
    return shared_home


@pytest.fixture
def scaling(make_bundle):
    return make_bundle(cases.SCALING)


@pytest.fixture
def target():
    """Return the process target; what a test leaves on it is removed."""
    target = DeployTarget.open("process")
    yield target
    for deployment in target.list():
        deployment.delete(missing_ok=True)


@pytest.fixture
def deploy(target):
    def deploy(bundle, **serving):
        serving = Serving(**{"server": "modelship", **serving})
        return target.deploy(
            bundle, name="kept", serving=serving, overwrite=True, show_output=False
        )

    return deploy


@pytest.fixture
def port():
    """Return a port that nothing of this machine takes by chance while nobody listens there."""
    reserving, port = reserve_port()
    with reserving:
        yield port


def crash(deployment, home):
    """Kill the first process of a service, and wait until its workers have followed."""
    folder = home / "state" / "process" / deployment.instance.instance_id
    server = psutil.Process(int((folder / "pid").read_text()))
    family = [server, *server.children(recursive=True)]
    server.kill()
    psutil.wait_procs(family, timeout=10)


def port_of(deployment):
    return urlsplit(deployment.scoring_uri).port


@pytest.mark.parametrize("server", ["azmlinfsrv", "modelship"])
def test_an_update_leads_the_same_address_to_the_new_release(deploy, scaling, make_bundle, server):
    """Asked at one address, on one kept connection, now the new release answers."""
    deployment = deploy(scaling, server=server)
    uri, old = deployment.scoring_uri, deployment.instance
    assert old.own_uri not in {"", uri}
    with requests.Session() as session:
        assert session.post(uri, json=ROWS).json() == SCORED
        deployment.update(make_bundle(NEGATING))
        assert session.post(uri, json=ROWS).json() == NEGATED
    assert (deployment.scoring_uri, deployment.run(ROWS)) == (uri, NEGATED)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", urlsplit(old.own_uri).port))


def test_another_server_and_more_workers_take_over(deploy, scaling):
    """Both servers share the address; a port that is asked for is kept, and taken up later."""
    deployment = deploy(scaling, server="azmlinfsrv")
    uri = deployment.scoring_uri
    deployment = deploy(scaling, server="modelship", workers=2, port=port_of(deployment))
    assert (deployment.scoring_uri, deployment.run(ROWS)) == (uri, SCORED)


def test_a_crashed_name_is_served_at_its_address_again(deploy, scaling, home, port):
    """Nobody holds the address any more, so it is bound again."""
    deployment = deploy(scaling, port=port)
    crash(deployment, home)
    assert deployment.state is State.FAILED
    again = deploy(scaling)
    assert (again.scoring_uri, again.run(ROWS)) == (deployment.scoring_uri, SCORED)


def test_another_program_at_the_address_is_said(deploy, scaling, home, port):
    """The port of a name that crashed may be taken; then nothing is changed."""
    crash(deploy(scaling, port=port), home)
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(PortTakenError, match=str(port)),
    ):
        deploy(scaling)


def test_a_child_that_a_script_leaves_does_not_keep_the_port(
    deploy, make_bundle, scaling, home, port
):
    """It holds all sockets of the service, and survives its kill."""
    deployment = deploy(make_bundle(LEAVING_A_CHILD), server="azmlinfsrv", port=port)
    crash(deployment, home)
    again = deploy(scaling)
    assert (again.scoring_uri, again.run(ROWS)) == (deployment.scoring_uri, SCORED)


def test_a_process_of_another_user_cannot_reach_the_gate(deploy, scaling, home):
    """The gate lies in a folder of this user alone, and is a socket of this user alone."""
    deployment = deploy(scaling)
    gate = home / "state" / "process" / deployment.instance.instance_id / "gate"
    assert gate.is_socket()
    assert gate.stat().st_mode & 0o077 == 0
    assert (home / "state" / "process").stat().st_mode & 0o077 == 0


def test_an_interrupted_update_leaves_the_address_to_the_old_release(
    deploy, scaling, make_bundle, monkeypatch
):
    """The new release, open already, ends without closing the address that both share."""
    deployment = deploy(scaling)
    accept = ProcessBackend.accept

    def interrupted(backend, instance, *, on):
        if not on and instance.instance_id == deployment.instance.instance_id:
            raise KeyboardInterrupt
        accept(backend, instance, on=on)

    with monkeypatch.context() as patch:
        patch.setattr(ProcessBackend, "accept", interrupted)
        with pytest.raises(KeyboardInterrupt):
            deploy(make_bundle(NEGATING))
    assert deployment.run(ROWS) == SCORED


def test_what_a_killed_deployer_left_open_ends_without_the_address(
    target, deploy, scaling, make_bundle, monkeypatch
):
    """With both releases open, the unhealthy one ends, and the other keeps serving."""
    deployment = deploy(scaling)
    backend, old, accept = target._backend, deployment.instance, ProcessBackend.accept
    with monkeypatch.context() as patch:  # as a deployer that is killed before it closes the old
        patch.setattr(ProcessBackend, "stop", lambda *_, **__: None)
        patch.setattr(
            ProcessBackend, "accept", lambda *which, on: accept(*which, on=on) if on else None
        )
        deploy(make_bundle(NEGATING))
    both = backend.instances("kept")
    assert [each.routed for each in both] == [True, True]
    settling._serve_alone(backend, old, both)
    assert deployment.run(ROWS) == SCORED
