"""The address of a name: instances of it take connections in turn, and none is lost."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

import psutil
import pytest
import requests
from steady_load import asked_while

import modelship
from modelship.errors import TargetUnavailableError
from modelship.targets import Instance, address

_TIMEOUT_S = 30.0
_HANDOVER = "handover"
_SETTINGS = Path(modelship.__file__).with_name("runtime") / "gunicorn_gate.py"
_SCRIPT = """
import os, subprocess
def init():
    pass
def run(raw_data):
    if raw_data == "{}":
        return os.environ["INSTANCE"]
    if raw_data == '"variables"':
        return sorted(os.environ)
    if raw_data == '"process"':
        return os.getpid()
    return subprocess.check_output(["ls", "-l", "/proc/self/fd/"], close_fds=False, text=True)
"""


_OTHER_WORKERS = """
from gunicorn.workers import base, sync
methods = {name: each for name, each in vars(sync.SyncWorker).items() if callable(each)}
worker_class = type("Other", (base.Worker,), methods)
"""


class _Instance:
    """A server with a gate, which was handed over in the way of a container."""

    def __init__(self, serving, kind, folder, settings=""):
        folder.mkdir()
        self.folder = folder
        self.gates = address.Gates("process")
        with address.calls_in(folder) as commands, self._handover() as handover:
            self._commands, self._waiting = commands.dup(), handover.dup()
        variables = {
            "MODELSHIP_GATE": str(folder / _HANDOVER),
            "GUNICORN_CMD_ARGS": f"--config {_SETTINGS}",
            "INSTANCE": folder.name,
        }
        files = {"score.py": _SCRIPT, "gunicorn.conf.py": settings}
        self.server = serving.start(kind, script="operated", files=files, settings=variables)

    def _handover(self):
        return address.calls_in(self.folder, name=_HANDOVER, mode=0o666)

    def connected(self):
        """Return this once it waits for its address."""
        self._waiting.settimeout(_TIMEOUT_S)
        with self._waiting as waiting:
            self.leash, _ = waiting.accept()
        return self

    def ready(self, shared):
        """Hand the address over, and return this once it is healthy."""
        with self.connected()._commands as commands:
            record = self._record()
            self.gates.hand_over(record, self.leash, address=shared, calls=commands)
        assert self.server.wait_until_healthy(), self.server.log
        return self

    def tell(self, *, on):
        self.gates.tell(self._record(), self.folder, on=on)

    def _record(self):
        return Instance(self.folder.name, "gated", "")


@pytest.fixture(params=["reference", "default"], scope="module")
def pair(request, serving, tmp_path_factory):
    """Return two instances of one name, neither of which serves its address, and the address."""
    base = tmp_path_factory.mktemp("gate")
    with address.listen(None) as shared:
        pair = [_Instance(serving, request.param, base / each) for each in "ab"]
        yield [each.ready(shared) for each in pair], shared
        for each in pair:
            each.leash.close()
            each.server.stop()


@pytest.fixture
def routed(pair):
    """Return the same, and let the first one serve the address."""
    (first, second), shared = pair
    first.tell(on=True)
    second.tell(on=False)
    yield first, second, shared
    first.tell(on=False)
    second.tell(on=False)


def _ask(shared, body="{}"):
    port = shared.getsockname()[1]
    answer = requests.post(f"http://127.0.0.1:{port}/score", data=body, timeout=_TIMEOUT_S)
    assert answer.status_code == 200
    return answer.json()


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "new"])
def test_no_request_is_lost_while_instances_take_turns(routed, kept):
    """20 switches under the load of 8 clients, with each instance asked in between."""
    first, second, shared = routed
    asked = []

    def switch():
        for now, other in [(second, first), (first, second)] * 10:
            now.tell(on=True)
            other.tell(on=False)
            asked.append(_ask(shared))

    counted = asked_while(switch, port=shared.getsockname()[1], kept=kept, ends=False)
    assert counted.keys() == {"200"}
    assert asked == ["b", "a"] * 10


def test_what_waits_is_answered_by_whoever_opens(pair):
    """While all gates are closed a connection waits, and none of it is lost."""
    (_, second), shared = pair
    with socket.create_connection(shared.getsockname(), timeout=_TIMEOUT_S) as waiting:
        waiting.sendall(b"POST /score HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}")
        waiting.settimeout(0.3)
        with pytest.raises(TimeoutError):
            waiting.recv(1)
        second.tell(on=True)
        waiting.settimeout(_TIMEOUT_S)
        assert b" 200 " in waiting.recv(65536)
    second.tell(on=False)


def test_another_worker_takes_the_place_of_one_that_was_killed(routed):
    """A worker that starts later serves the address too."""
    *_, shared = routed
    worker = psutil.Process(_ask(shared, '"process"'))
    worker.send_signal(signal.SIGKILL)
    psutil.wait_procs([worker], _TIMEOUT_S)
    assert _ask(shared, '"process"') != worker.pid


def test_the_address_is_for_instances_alone(routed):
    """Neither the socket nor the variable is seen by programs that a script starts."""
    first, _, shared = routed
    with address.fetch(first.folder) as duplicate:
        assert duplicate.getsockname() == shared.getsockname()
        inode = f"socket:[{os.fstat(duplicate.fileno()).st_ino}]"
    assert inode not in _ask(shared, '"descriptors"')
    assert "MODELSHIP_GATE" not in _ask(shared, '"variables"')


@pytest.mark.parametrize("kind", ["reference", "default"])
def test_an_instance_ends_with_its_deployer_until_it_is_wanted(serving, kind, tmp_path):
    """Nothing is orphaned by a deployer that is killed; afterwards nobody takes commands."""
    with address.listen(None) as shared:
        instance = _Instance(serving, kind, tmp_path / "c").ready(shared)
        instance.leash.close()
        instance.server.process.wait(_TIMEOUT_S)
    assert address.fetch(instance.folder) is None
    with pytest.raises(TargetUnavailableError, match="does not share its address"):
        instance.tell(on=True)


def test_nobody_waits_at_the_port_of_an_instance_that_has_no_address_yet(serving, tmp_path):
    """Its deployer, which looks there before it hands the address over, is refused at once."""
    instance = _Instance(serving, "default", tmp_path / "g").connected()
    with instance._commands, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", instance.server.port), timeout=_TIMEOUT_S)
    instance.leash.close()
    instance.server.process.wait(_TIMEOUT_S)


def test_clients_that_stay_connected_move_on(serving, tmp_path):
    """Once the gate is closed, the next answer says that the connection ends."""
    with address.listen(None) as shared:
        instance = _Instance(serving, "default", tmp_path / "d").ready(shared)
        instance.tell(on=True)
        with requests.Session() as session:
            url = f"http://127.0.0.1:{shared.getsockname()[1]}/score"
            own = f"http://127.0.0.1:{instance.server.port}/score"
            said = [session.post(each, data="{}").headers.get("connection") for each in (own, url)]
            instance.tell(on=False)
            said += [session.post(each, data="{}").headers.get("connection") for each in (own, url)]
        assert said == [None, None, None, "close"]
        instance.leash.close()


def test_workers_of_any_class_are_reached(serving, tmp_path):
    """A script may bring workers that wait in a way of their own: connections are passed on."""
    instance = _Instance(serving, "reference", tmp_path / "f", settings=_OTHER_WORKERS)
    with address.listen(None) as shared:
        instance.ready(shared).tell(on=True)
        assert [_ask(shared), _ask(shared)] == ["f", "f"]
    assert "Using worker: Other" in instance.server.log
    instance.leash.close()
    instance.server.stop()


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "new"])
def test_what_came_to_the_address_is_answered_at_the_end(serving, tmp_path, kept):
    """An instance that alone has the address loses nothing: clients are answered or refused."""
    with address.listen(None) as shared:
        instance = _Instance(serving, "default", tmp_path / "e").ready(shared)
        port = shared.getsockname()[1]
    instance.tell(on=True)

    def end():
        time.sleep(0.2)
        instance.server.process.terminate()
        instance.server.process.wait(_TIMEOUT_S)

    counted = asked_while(end, port=port, kept=kept)
    assert counted.keys() == {"200", "refused"}
    instance.leash.close()


def test_a_folder_may_have_a_long_path(tmp_path):
    """The address of a Unix socket has room for 107 bytes."""
    folder = tmp_path / ("x" * 100) / ("y" * 100)
    folder.mkdir(parents=True)
    with address.calls_in(folder) as calls:
        assert (folder / "gate").stat().st_mode & 0o777 == 0o600
        assert address.fetch(tmp_path) is None
        assert calls.fileno() > 0


def test_a_lent_address_comes_back_when_its_borrower_has_ended(routed):
    """What waits meanwhile is answered then; nobody has to say anything."""
    first, _, shared = routed
    lease = first.gates.lend(first.folder)
    with socket.create_connection(shared.getsockname(), timeout=_TIMEOUT_S) as waiting:
        waiting.sendall(b"POST /score HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}")
        waiting.settimeout(0.3)
        with pytest.raises(TimeoutError):
            waiting.recv(1)
        duplicate = lease.dup()
        lease.close()
        with pytest.raises(TimeoutError):
            waiting.recv(1)
        duplicate.close()
        waiting.settimeout(_TIMEOUT_S)
        assert waiting.recv(7) == b"HTTP/1."


def test_a_lent_address_does_not_come_back_to_who_was_told_off_since(routed):
    """The end of the loan changes nothing any more."""
    first, second, shared = routed
    lease = first.gates.lend(first.folder)
    second.tell(on=True)
    first.tell(on=False)
    lease.close()
    assert [_ask(shared) for _ in range(5)] == ["b"] * 5
