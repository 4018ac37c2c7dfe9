"""How a service ends: nothing that was accepted is lost, and nothing is left."""

from __future__ import annotations

import http.client
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import pytest
import requests
from steady_load import asked_while

import modelship
from waiting import wait_until

_TIMEOUT_S = 30.0
_WITH_A_THREAD = """
import threading, time
def init():
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
def run(raw_data):
    return 1
"""
_WITH_A_PROGRAM = """
import os, subprocess, time
time.sleep(0.1)
def init():
    subprocess.Popen(["sleep", "600"])
    time.sleep(0.2)
def run(raw_data):
    return 1
"""
# SIGTERM comes to the supervisor in the moment before it forks its first host.
_TOLD_TO_END_EARLY = """
import os, signal, sys
from modelship.server.command import main
from modelship.server.processes import Watchman
look = Watchman.look
def told_to_end(self):
    look(self)
    os.kill(os.getpid(), signal.SIGTERM)
Watchman.look = told_to_end
code = main(sys.argv[1:])
assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
sys.exit(code)
"""
# The supervisor does not look at the board before its first host has ended.
_LOOKS_LATE = """
import sys
from modelship.server.command import main
from modelship.server.supervisor import _Supervisor
look, first = _Supervisor._look_at_board, []
def look_late(self):
    first.append(self._hosts.pids[:1])
    if self._hosts.pids[:1] != first[0]:
        look(self)
_Supervisor._look_at_board = look_late
sys.exit(main(sys.argv[1:]))
"""
_KILLS_ITS_HOST = """
import os, signal
def init():
    global host
    host = os.getpid()
def run(raw_data):
    return os.kill(host, signal.SIGKILL) if raw_data == '"end"' else host
"""
_SLOW_INIT = "import time\ndef init():\n    time.sleep(60)\ndef run(raw_data):\n    return 1\n"


@pytest.fixture
def started(serving):
    """Return a function that starts a server of its own for one test, and ends it afterwards."""
    servers = []

    def start(source=None, **settings):
        files = {"score.py": source} if source else {}
        servers.append(serving.start("default", script="operated", files=files, settings=settings))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def _ready(server, workers=1):
    def ready():
        try:
            answer = requests.get(f"http://127.0.0.1:{server.port}/metrics", timeout=_TIMEOUT_S)
        except requests.ConnectionError:
            return False
        return f"modelship_ready_workers {workers}\n" in answer.text

    wait_until(ready)
    return server


def _sent(stack, server, body):
    """Return a connection on which a request is on its way: the kernel has all of it."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_TIMEOUT_S)
    stack.callback(connection.close)
    connection.request("POST", "/score", body)
    return connection


def _listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _marked(mark):
    """Return the processes that live and have MARK in their environment."""
    processes = psutil.process_iter(["environ", "status"])
    return [
        each
        for each in processes
        if (each.info["environ"] or {}).get("MARK") == mark and each.info["status"] != "zombie"
    ]


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "new"])
@pytest.mark.parametrize(
    ("source", "workers"), [(None, 1), (None, 2), (_WITH_A_THREAD, 2)], ids=["1", "2", "alone"]
)
def test_no_connection_is_reset_at_the_end(started, source, workers, kept):
    """SIGTERM under load: each client that was connected is answered, and then refused."""
    server = _ready(started(source, WORKER_COUNT=str(workers)), workers)

    def end():
        time.sleep(0.2)
        server.process.terminate()
        server.process.wait(_TIMEOUT_S)

    counted = asked_while(end, port=server.port, kept=kept)
    assert counted.keys() == {"200", "refused"}
    assert (counted["refused"], server.process.returncode) == (8, 0)


def test_no_connection_is_reset_at_the_end_with_tls(started, tmp_path):
    """A client in the middle of its handshake is waited for too."""
    trustme = pytest.importorskip("trustme")
    authority, pem = trustme.CA(), str(tmp_path / "server.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(pem)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    server = started(MODELSHIP_TLS_CERTIFICATE=pem, MODELSHIP_TLS_KEY=pem)
    wait_until(lambda: "ready for serving traffic" in server.log)

    def end():
        time.sleep(0.2)
        server.process.terminate()
        server.process.wait(_TIMEOUT_S)

    counted = asked_while(end, port=server.port, kept=False, tls=trusting)
    assert counted.keys() == {"200", "refused"}


def test_what_nobody_can_answer_any_more_is_told_so(started):
    """SIGTERM while init() runs: those who wait get 503, and the server ends with 0 at once."""
    server = started(_SLOW_INIT)
    uri = f"http://127.0.0.1:{server.port}"

    def loading():
        try:
            return (
                requests.get(f"{uri}/ready", timeout=_TIMEOUT_S).text == "Loading: 0 of 1 workers"
            )
        except requests.ConnectionError:
            return False

    wait_until(loading)
    with ExitStack() as stack:
        waiting = [_sent(stack, server, b"{}") for _ in range(4)]
        server.process.terminate()
        assert [each.getresponse().status for each in waiting] == [503] * 4
    assert server.process.wait(_TIMEOUT_S) == 0


@contextmanager
def _changed(code, script, *, folder, port, **variables):
    """Run a server of which code has changed a part, and yield its process."""
    (folder / "score.py").write_text(script)
    command = [sys.executable, "-c", code, "--entry_script", "score.py", "--port", str(port)]
    source = str(Path(modelship.__file__).parents[1])
    environ = {**os.environ, "PYTHONPATH": source, **variables}
    with subprocess.Popen(command, cwd=folder, env=environ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_host_that_is_forked_at_the_end_is_told_too(tmp_path, reserved_port):
    """The service does not wait for it until its time is up, and leaves no timer behind."""
    options = {"folder": tmp_path, "port": reserved_port, "MODELSHIP_DRAIN_S": "600"}
    with _changed(_TOLD_TO_END_EARLY, _SLOW_INIT, **options) as process:
        assert process.wait(_TIMEOUT_S) == 0


def test_a_host_that_ends_as_soon_as_it_serves_is_started_again(tmp_path, reserved_port):
    """It has served, also if nobody has looked since."""
    uri = f"http://127.0.0.1:{reserved_port}/score"

    def asked(body="{}"):
        with suppress(requests.ConnectionError):
            return requests.post(uri, body, timeout=_TIMEOUT_S).json()

    options = {"folder": tmp_path, "port": reserved_port}
    with _changed(_LOOKS_LATE, _KILLS_ITS_HOST, **options) as process:
        first = wait_until(asked)
        asked('"end"')
        wait_until(lambda: asked() not in {None, first})
        process.terminate()
        assert process.wait(_TIMEOUT_S) == 0


@pytest.mark.parametrize("name", ["SIGHUP", "SIGUSR1", "SIGUSR2"])
def test_a_signal_that_asks_for_nothing_changes_nothing(started, name):
    """Neither the supervisor nor a worker ends for it."""
    server = _ready(started())
    family = psutil.Process(server.process.pid).children(recursive=True)
    for each in (server.process, *family):
        each.send_signal(getattr(signal, name))
    answer = requests.post(f"http://127.0.0.1:{server.port}/score", json={}, timeout=_TIMEOUT_S)
    assert (answer.status_code, answer.json()["pid"] in {each.pid for each in family}) == (
        200,
        True,
    )


def test_a_second_interrupt_waits_for_nothing(started):
    """Ctrl-C ends the service once all is answered, and Ctrl-C again ends it at once."""
    server = _ready(started())
    with ExitStack() as stack:
        lost = _sent(stack, server, b'{"sleep_s": 25}')
        server.process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            server.process.wait(0.5)
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(10) == 128 + signal.SIGINT
        with pytest.raises(ConnectionError):
            lost.getresponse()


@pytest.mark.parametrize("after_s", [0.15, 0.35, 0.5, 0.7, 1.5])
def test_nothing_outlives_a_killed_supervisor(started, after_s):
    """SIGKILL at any moment: host, workers and what the script has started end as well."""
    mark = f"{os.getpid()}-{random.random()}"
    server = started(_WITH_A_PROGRAM, MARK=mark, WORKER_COUNT="2")
    time.sleep(after_s)
    server.process.kill()
    server.process.wait()
    wait_until(lambda: not _marked(mark))
    wait_until(lambda: not _listens(server.port))


def test_the_watchman_is_watched_too(started):
    """Killed itself, it is started again, and then ends what is left of a killed supervisor."""
    mark = f"{os.getpid()}-{random.random()}"
    server = _ready(started(_WITH_A_PROGRAM, MARK=mark))
    supervisor = psutil.Process(server.process.pid)
    [first] = _childless(supervisor.children())
    first.kill()
    wait_until(lambda: any(each != first for each in _childless(supervisor.children())))
    server.process.kill()
    wait_until(lambda: not _marked(mark))


def _childless(processes):
    """Return those that live and have no children; one may end while it is looked at."""
    found = []
    for each in processes:
        with suppress(psutil.NoSuchProcess):
            found += [] if each.children() else [each]
    return found
