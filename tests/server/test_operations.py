"""What operators of a service rely on: health, restarts, limits, keys, metrics, shutdown."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import select
import socket
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import psutil
import pytest
import requests

from modelship.server.scoreboard import Field, Scoreboard
from waiting import wait_until

_TIMEOUT_S = 30.0
_STARTS_A_THREAD = """
import threading, time
def init():
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
"""


@pytest.fixture
def started(serving):
    """Return a function that starts a server of its own for one test, and ends it afterwards."""
    servers = []

    def start(script="operated", **settings):
        server = serving.start("default", script=script, settings=settings)
        servers.append(server)
        assert server.wait_until_healthy()
        return server

    yield start
    for server in servers:
        server.stop()


def _post(server, payload, **options):
    uri = f"http://127.0.0.1:{server.port}/score"
    return requests.post(uri, json=payload, timeout=_TIMEOUT_S, **options)


def _get(server, path, **options):
    return requests.get(f"http://127.0.0.1:{server.port}{path}", timeout=_TIMEOUT_S, **options)


def _numbers(server):
    lines = re.findall(r"^(\w+) ([\d.]+)$", _get(server, "/metrics").text, re.MULTILINE)
    return {name: float(value) for name, value in lines}


def _workers(server):
    """Return the processes below a host; another child of the supervisor only watches it."""
    children = psutil.Process(server.process.pid).children()
    return [worker for each in children for worker in each.children()]


def test_health_is_answered_while_nothing_else_can_run(started):
    """A run() that holds the interpreter's lock for ever keeps health from nobody."""
    server = started(MODELSHIP_DRAIN_S="0")
    for _ in range(20):  # it is known to be short, and the event loop calls it
        _post(server, {})
    with pytest.raises(requests.Timeout):
        requests.post(
            f"http://127.0.0.1:{server.port}/score", json={"block": True}, timeout=(5, 0.5)
        )
    assert _get(server, "/").text == "Healthy"
    assert _get(server, "/ready").status_code == 200


def test_what_comes_too_early_is_answered_when_it_can_be(serving):
    """While init() runs the service says that it is not ready, and loses no request."""
    source = (
        "import os, time\n"
        "def init():\n    while not os.path.exists('may-end'):\n        time.sleep(0.01)\n"
        "def run(raw_data):\n    return 1\n"
    )
    server = serving.start("default", script="operated", files={"score.py": source})

    def ready():
        try:
            return _get(server, "/ready").status_code
        except requests.ConnectionError:
            return None

    wait_until(lambda: ready() == 503)
    address = ("127.0.0.1", server.port)
    with contextlib.ExitStack() as stack:
        sent = [http.client.HTTPConnection(*address, timeout=_TIMEOUT_S) for _ in range(61)]
        for each in sent:
            stack.callback(each.close)
            each.request(*(("POST", "/score", b"{}") if each is not sent[-1] else ("GET", "/")))
        assert ready() == 503
        (server.folder / "may-end").touch()
        answers = [each.getresponse() for each in sent]
        assert [each.status for each in answers] == [200] * 61
        assert answers[-1].read() == b"Healthy"
    assert ready() == 200
    server.stop()


def test_a_worker_that_says_nothing_is_ended(started):
    """After WORKER_TIMEOUT the worker is killed, and another one answers."""
    server = started(WORKER_TIMEOUT="1")
    with pytest.raises(requests.ConnectionError):
        _post(server, {"block": True})
    assert _post(server, {}).status_code == 200
    assert "WORKER TIMEOUT" in server.log


@pytest.mark.parametrize("how", ["die", "crash"])
def test_a_worker_that_dies_is_started_again(started, how):
    """Its own request is lost, and the next one is answered by a worker of the same host."""
    server = started()
    before = _post(server, {}).json()
    with pytest.raises(requests.ConnectionError):
        _post(server, {how: True})
    after = _post(server, {}).json()
    assert (after["parent"], after["pid"] == before["pid"]) == (before["parent"], False)
    assert _numbers(server)["modelship_worker_starts_total"] == 2


def test_workers_share_what_init_made(started):
    """Four workers have the memory of init() once."""
    server = started(WORKER_COUNT="4", TABLE_BYTES="50_000_000")
    wait_until(lambda: _numbers(server)["modelship_ready_workers"] == 4)
    workers = _workers(server)
    own = [each.memory_full_info().uss for each in workers]
    assert len(workers) == 4
    assert sum(own) < 4 * 50_000_000


def test_a_script_that_starts_threads_is_loaded_by_each_worker(serving):
    """No thread survives a fork, so such a script is not forked, and the log says so."""
    source = (
        f"import os\n{_STARTS_A_THREAD}"
        "def run(raw_data):\n    return [threading.active_count() > 1, os.getpid()]\n"
    )
    server = serving.start(
        "default", script="operated", files={"score.py": source}, settings={"WORKER_COUNT": "2"}
    )
    assert server.wait_until_healthy()
    wait_until(lambda: _numbers(server)["modelship_ready_workers"] == 2)
    assert _post(server, {}).json()[0] is True
    assert "no worker shares its memory" in server.log
    server.stop()


def test_a_worker_that_is_alone_is_replaced_too(serving):
    """A script that ends its process is loaded again beside it, and then served by that."""
    source = (
        f"import os, sys\n{_STARTS_A_THREAD}"
        "def run(raw_data):\n    return sys.exit(1) if 'exit' in raw_data else os.getpid()\n"
    )
    server = serving.start("default", script="operated", files={"score.py": source})
    assert server.wait_until_healthy()
    first = _post(server, {}).json()
    assert _post(server, {"exit": True}).status_code == 500
    wait_until(lambda: not psutil.pid_exists(first))
    second = _post(server, {}).json()
    psutil.Process(second).kill()
    wait_until(lambda: not psutil.pid_exists(second))
    assert _post(server, {}).json() not in {first, second}
    assert server.stop().exit_code == 0


def test_more_workers_than_there_is_room_for_ask_to_be_replaced(started):
    """While replaced workers still answer, others that ask have to wait; no request is lost."""
    server = started()
    uri = f"http://127.0.0.1:{server.port}/score"
    slow = []
    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            session = requests.Session()  # stays with the worker that took it
            pid = session.post(uri, json={}, timeout=_TIMEOUT_S).json()["pid"]
            session.post(uri, json={"exit": True}, timeout=_TIMEOUT_S)
            slow.append(pool.submit(session.post, uri, json={"sleep_s": 2}, timeout=_TIMEOUT_S))
            wait_until(lambda pid=pid: _post(server, {}).json()["pid"] != pid)
        assert [each.result().status_code for each in slow] == [200] * 3
    assert "has ended with" not in server.log


def test_a_service_that_serves_goes_on_when_init_fails(serving, tmp_path):
    """A host that is started later and fails is tried again, while another one serves."""
    broken = tmp_path / "broken"
    source = (
        f"import os, pathlib{_STARTS_A_THREAD}"
        f"    if pathlib.Path({str(broken)!r}).exists():\n        raise RuntimeError\n"
        "def run(raw_data):\n    return os.getpid()\n"
    )
    server = serving.start(
        "default", script="operated", files={"score.py": source}, settings={"WORKER_COUNT": "2"}
    )
    wait_until(lambda: "2 of 2 workers are ready." in server.log)
    broken.touch()
    killed = _post(server, {}).json()
    psutil.Process(killed).kill()
    wait_until(lambda: server.log.count("has ended with 3; another one starts in") >= 2)
    assert _post(server, {}).json() != killed
    assert _get(server, "/ready").text == "Ready: 1 of 2 workers"
    broken.unlink()
    wait_until(lambda: _numbers(server)["modelship_ready_workers"] == 2)
    assert server.stop().exit_code == 0


def test_a_system_without_room_for_a_process_is_asked_again(serving):
    """A fork that fails costs nothing but time, and the log says so."""
    source = (
        "import errno, os\nfork, failures = os.fork, [1, 1]\n"
        "def once_there_is_room():\n"
        "    if failures:\n"
        "        failures.pop()\n        raise BlockingIOError(errno.EAGAIN, 'no room')\n"
        "    return fork()\n"
        "os.fork = once_there_is_room\ndef init():\n    pass\ndef run(raw_data):\n    return 1\n"
    )
    server = serving.start("default", script="operated", files={"score.py": source})
    assert server.wait_until_healthy()
    assert _post(server, {}).json() == 1
    assert server.log.count("Cannot start a worker (no room)") == 2
    server.stop()


def test_connections_wait_while_there_are_no_descriptors(serving):
    """A process that may open no more files drops no connection, and takes it later."""
    source = (
        "import resource\ndef init():\n    resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))\n"
        "def run(raw_data):\n    return 1\n"
    )
    server = serving.start("default", script="operated", files={"score.py": source})
    assert server.wait_until_healthy()
    request = b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
    with contextlib.ExitStack() as stack:
        idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(80)]
        last = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), _TIMEOUT_S))
        last.sendall(request)
        wait_until(lambda: "No more connections for a moment" in server.log)
        for each in idle:
            each.close()
        assert last.recv(1000).startswith(b"HTTP/1.1 200 ")
    server.stop()


def test_numbers_that_no_worker_counted_are_reset():
    """What a script has written over the shared numbers is not believed for long."""
    board = Scoreboard(1)
    slot = board.slot(0)
    slot[Field.PID], slot[Field.RUNS], slot[Field.STARTS] = -7, 2**63 - 1, 3
    assert board.repair(slot)
    assert (slot[Field.PID], slot[Field.RUNS], slot[Field.STARTS]) == (0, 0, 3)
    assert not board.repair(slot)


def test_a_slot_is_taken_as_if_it_were_new():
    """A worker that was killed with its host may have written a little longer."""
    board = Scoreboard(1)
    board.slot(0)[Field.READY], board.slot(0)[Field.RUNS] = 1, 3
    assert board.take() == 0
    assert (board.ready(), board.slot(0)[Field.RUNS]) == (0, 3)


def test_a_program_that_init_starts_is_no_worker(serving):
    """When it ends, no other worker is started in its place."""
    source = (
        "import subprocess\nhelpers = []\n"
        "def init():\n    helpers.append(subprocess.Popen(['sleep', '0.2']))\n"
        "def run(raw_data):\n    return helpers[0].pid\n"
    )
    server = serving.start("default", script="operated", files={"score.py": source})
    assert server.wait_until_healthy()
    helper = _post(server, {}).json()
    wait_until(lambda: not psutil.pid_exists(helper))
    time.sleep(1)
    assert _numbers(server)["modelship_worker_starts_total"] == 1
    assert "another one starts" not in server.log
    server.stop()


def test_a_full_queue_refuses(started):
    """What does not fit into the queue is told to come again, and what fits is answered."""
    server = started("plain", MODELSHIP_QUEUE="2")
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(_post, server, {"do": "wait"}) for _ in range(8)]
        try:
            refused = [each.result() for each in wait(asked, return_when=FIRST_COMPLETED).done]
        finally:
            (server.folder / "may-end").touch()
        assert {(each.status_code, each.headers["retry-after"]) for each in refused} == {(503, "1")}
        assert {each.result().status_code for each in asked} == {200, 503}


def test_a_worker_that_grows_is_replaced(started):
    """A run() that leaks costs no request."""
    server = started(MODELSHIP_MEMORY_MB="400")
    first = _post(server, {}).json()["pid"]
    for _ in range(4):
        assert _post(server, {"leak_mb": 100}).status_code == 200
    wait_until(lambda: _post(server, {}).json()["pid"] != first)
    assert "it is replaced" in server.log


def test_keys_are_asked_for_and_can_change(started, tmp_path):
    """Either key lets a request in; a new one does so without a restart."""
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"primary": "one", "secondary": "two"}))
    server = started(MODELSHIP_KEYS_FILE=str(file))
    assert _get(server, "/").status_code == 200
    assert {_get(server, path).status_code for path in ("/swagger.json", "/metrics")} == {401}
    refused = _post(server, {}, headers={"Authorization": "Bearer three"})
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    for key in ("one", "two"):
        assert _post(server, {}, headers={"Authorization": f"Bearer {key}"}).status_code == 200
    file.write_text(json.dumps({"primary": "three", "secondary": "two"}))
    wait_until(lambda: _post(server, {}, headers={"Authorization": "Bearer three"}).ok)
    assert _post(server, {}, headers={"Authorization": "Bearer one"}).status_code == 401
    assert not re.search(r"\b(one|two|three)\b", server.log)


def test_a_slow_client_is_sent_away(started):
    """A head that does not come to its end holds a connection for so long, and nobody else."""
    server = started(MODELSHIP_HEAD_S="1")
    with socket.create_connection(("127.0.0.1", server.port), timeout=_TIMEOUT_S) as slow:
        slow.sendall(b"POST /score HTTP/1.1\r\nHost: loc")
        assert _post(server, {}).status_code == 200
        assert slow.recv(1000).startswith(b"HTTP/1.1 408 ")


def test_a_body_beyond_the_limit_is_refused(started):
    """It is refused before it is read to its end."""
    server = started(MODELSHIP_BODY_MB="1")
    uri = f"http://127.0.0.1:{server.port}/score"
    answer = requests.post(uri, data=b"1" * (2 << 20), timeout=_TIMEOUT_S)
    assert (answer.status_code, answer.json()) == (
        413,
        {"message": "The body is larger than 1 MiB."},
    )


def test_a_body_to_a_route_beside_the_queue_is_bounded_too(started):
    """A GET may have a body for a script that takes raw requests; other routes keep none."""
    server = started(MODELSHIP_BODY_MB="1")
    large = b"1" * (2 << 20)
    assert _get(server, "/score", data=large).status_code == 413
    assert _get(server, "/nowhere", data=large).status_code == 404


def test_bodies_that_are_too_large_together_are_refused(started):
    """Of uploads for which there is no room one has to come again later, and no small request."""
    server = started(MODELSHIP_BODY_MB="2", MODELSHIP_BODIES_MB="3")
    head = b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (2 << 20)
    with contextlib.ExitStack() as stack:
        uploads = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(3)]
        for each in uploads:
            stack.enter_context(each).sendall(head + b" " * (3 << 19))
        [refused], _, _ = select.select(uploads, [], [], _TIMEOUT_S)
        answer = refused.recv(65536)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1" in answer
        assert _post(server, {}).status_code == 200
    wait_until(lambda: _post(server, {"pad": "x" * (1 << 20)}).status_code == 200)


def test_a_connection_that_stays_keeps_no_body(started):
    """What a large request took is free again once it is answered."""
    server = started()
    worker = psutil.Process(_post(server, {}).json()["pid"])
    before = worker.memory_info().rss
    with requests.Session() as session:
        uri = f"http://127.0.0.1:{server.port}/score"
        answer = session.post(uri, data=b"{}" + b" " * (200 << 20), timeout=_TIMEOUT_S)
        assert answer.status_code == 200
        wait_until(lambda: worker.memory_info().rss - before < 100 << 20)


def test_no_accepted_request_is_lost_at_the_end(started):
    """SIGTERM under load: each request that was sent before is answered, then the server ends."""
    server = started(WORKER_COUNT="2")
    address = ("127.0.0.1", server.port)
    with contextlib.ExitStack() as stack:
        sent = [http.client.HTTPConnection(*address, timeout=_TIMEOUT_S) for _ in range(8)]
        for each in sent:
            stack.callback(each.close)
            each.request("POST", "/score", b'{"sleep_s": 0.1}')
        server.process.terminate()
        assert [each.getresponse().status for each in sent] == [200] * 8
    assert server.stop().exit_code == 0


def test_signals_that_come_after_the_first_change_nothing(started):
    """SIGTERM again and again, until the process is gone: it ends with 0."""
    server = started()
    end_s = time.monotonic() + _TIMEOUT_S
    while server.process.poll() is None and time.monotonic() < end_s:
        server.process.terminate()
        time.sleep(0.001)
    assert server.stop().exit_code == 0


def test_requests_that_wait_are_scored_together(started):
    """One call answers several requests; a bad one among them fails alone."""
    server = started("batched")
    for _ in range(20):
        _post(server, {"data": [[1, 2]]})
    bodies = [{"data": [[n, 1]]} for n in range(24)]
    bodies[7] = {"data": [[-1, 1]]}
    bodies[9] = {"data": [[1, 2, 3]]}
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda body: _post(server, body), bodies))
    assert [n for n, each in enumerate(answers) if each.status_code != 200] == [7]
    good = [n for n in range(24) if n not in {7, 9}]
    assert [answers[n].json()[0][0] for n in good] == [n + 1 for n in good]
    assert answers[9].json() == [[6.0, 1]]


def test_no_more_rows_than_allowed_are_scored_together(started):
    """What does not fit into a call goes by itself, also where it is too large for any."""
    server = started("batched", MODELSHIP_BATCH_ROWS="10")
    for _ in range(20):
        _post(server, {"data": [[1, 2]]})
    with ThreadPoolExecutor(16) as pool:
        bodies = [{"data": [[1, 2]] * (12 if n == 5 else 4)} for n in range(64)]
        answers = list(pool.map(lambda body: _post(server, body).json(), bodies))
    together = [each[0][1] for n, each in enumerate(answers) if n != 5]
    assert answers[5][0][1] == 12
    assert set(together) <= {4, 8}


def test_the_metrics_are_what_prometheus_reads(started):
    """Each request is counted by its status, in the histogram and in the time of run()."""
    server = started()
    for payload in ({}, {}, {"sleep_s": "no number"}):
        _post(server, payload)
    text = _get(server, "/metrics").text
    assert 'modelship_requests_total{status="2xx"} 2' in text
    assert 'modelship_requests_total{status="5xx"} 1' in text
    numbers = _numbers(server)
    assert numbers["modelship_request_duration_seconds_count"] == 3
    assert (numbers["modelship_runs_total"], numbers["modelship_run_failures_total"]) == (3, 1)


def test_the_log_can_be_json(started):
    """Each line of the log is an object, and that of a request has its id."""
    server = started(MODELSHIP_LOG_FORMAT="json")
    _post(server, {}, headers={"x-request-id": "abc"})

    def told():
        lines = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("request_id") == "abc"]

    wait_until(told)
    assert told()[0]["status"] == 200


@pytest.fixture
def over_tls(serving, tmp_path):
    """Return a server that speaks TLS, and the options of a client that trusts it."""
    authority = pytest.importorskip("trustme").CA()
    pem, ca = tmp_path / "server.pem", tmp_path / "ca.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(pem)
    authority.cert_pem.write_to_path(ca)
    files = dict.fromkeys(("MODELSHIP_TLS_CERTIFICATE", "MODELSHIP_TLS_KEY"), str(pem))
    settings = files | {"MODELSHIP_DRAIN_S": "0"}
    server = serving.start("default", script="operated", settings=settings)
    wait_until(lambda: "ready for serving traffic" in server.log)
    yield server, {"verify": str(ca), "timeout": _TIMEOUT_S}
    server.stop()


def test_it_speaks_tls(over_tls):
    """With a certificate the same routes are there over TLS, and nothing without."""
    server, options = over_tls
    uri = f"https://127.0.0.1:{server.port}"
    assert requests.get(uri, **options).text == "Healthy"
    assert requests.post(f"{uri}/score", json={}, **options).status_code == 200
    with pytest.raises(requests.ConnectionError):
        _get(server, "/")


def test_a_busy_server_with_tls_answers_nothing_in_plain_text(over_tls):
    """While no worker can answer, the supervisor answers health, but not without TLS."""
    server, options = over_tls
    uri = f"https://127.0.0.1:{server.port}/score"
    with pytest.raises(requests.Timeout):
        requests.post(uri, json={"block": True}, **options | {"timeout": (5, 0.5)})
    with pytest.raises(requests.Timeout):
        requests.get(f"http://127.0.0.1:{server.port}/", timeout=(5, 0.5))
