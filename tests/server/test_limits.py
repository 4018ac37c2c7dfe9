"""What one client can take from others: nothing, with a key or without."""

from __future__ import annotations

import json
import re
import select
import socket
import time

import psutil
import pytest
import requests
from kernel import peak_bytes, wait_until_read

from waiting import wait_until

_TIMEOUT_S = 20.0
_HEAD = b"POST /score HTTP/1.1\r\nHost: localhost\r\n%bContent-Length: %d\r\n\r\n"
_HEALTH = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
_KEY = "open-sesame"
_MIB = 1 << 20
# In C, and holding the interpreter's lock: the thread of the event loop waits for it.
_HOLDS_THE_LOCK = """
import ctypes, pathlib, sys
def init():
    sys.setswitchinterval(600)
def run(raw_data):
    if raw_data == "hold":
        pathlib.Path("works").touch()
        library = ctypes.PyDLL(None)
        while library.access(b"may-end", 0):
            library.usleep(10_000)
    return 1
"""


@pytest.fixture
def started(serving):
    """Return a function that starts a server of its own for one test, and ends it afterwards."""
    servers = []

    def start(files=None, **settings):
        server = serving.start("default", script="operated", settings=settings, files=files)
        servers.append(server)
        assert server.wait_until_healthy()
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def opened():
    """Return a function that opens a connection, which is closed after the test."""
    connections = []

    def open_one(server, sent=b""):
        connections.append(socket.create_connection(("127.0.0.1", server.port), _TIMEOUT_S))
        connections[-1].sendall(sent)
        return connections[-1]

    yield open_one
    for each in connections:
        each.close()


@pytest.fixture
def key(tmp_path):
    """Return the settings of a service that needs a key."""
    (tmp_path / "keys.json").write_text(json.dumps({"primary": _KEY}))
    return {"MODELSHIP_KEYS_FILE": str(tmp_path / "keys.json")}


def _statuses(connection):
    """Return the statuses of all answers until the server ends the connection."""
    received = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    return [int(each) for each in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


def _numbers(server):
    text = requests.get(f"http://127.0.0.1:{server.port}/metrics", timeout=_TIMEOUT_S).text
    return {n: float(v) for n, v in re.findall(r"^(\w+) ([\d.]+)$", text, re.MULTILINE)}


def _post(server, body, **headers):
    uri = f"http://127.0.0.1:{server.port}/score"
    return requests.post(uri, data=body, headers=headers, timeout=_TIMEOUT_S)


def test_bodies_without_a_key_take_nothing(started, opened, key):
    """They are refused by their heads, and who has a key finds all the room there is."""
    server = started(MODELSHIP_BODY_MB="2", MODELSHIP_BODIES_MB="3", **key)
    unkeyed = [opened(server, _HEAD % (b"", 2 * _MIB) + b" " * _MIB) for _ in range(10)]
    keyed = _post(server, b"{}" + b" " * (2 * _MIB - 2), Authorization=f"Bearer {_KEY}")
    assert keyed.status_code == 200
    assert [_statuses(each) for each in unkeyed] == [[401]] * 10


def test_a_client_without_a_key_reads_why(started, key):
    """Also one that sends all of a large body before it reads, and it is answered before."""
    server = started(**key)
    assert _post(server, bytes(40 * _MIB)).status_code == 401
    assert _post(server, b"{}", Authorization=f"Bearer {_KEY}").status_code == 200
    assert _KEY not in server.log


@pytest.mark.parametrize("path", ["/", "/docs", "/ready"])
def test_what_needs_no_key_reads_no_body(started, opened, key, path):
    """Health is answered from its head, and the connection ends there."""
    server = started(**key)
    head = _HEAD.replace(b"POST /score", b"GET " + path.encode()) % (b"", 100 * _MIB)
    assert _statuses(opened(server, head)) == [200]


def test_a_body_that_stops_is_sent_away(started, opened):
    """However fast it began: each second it has to bring something."""
    server = started(MODELSHIP_BODY_S="1")
    assert _statuses(opened(server, _HEAD % (b"", 2 * _MIB) + b" " * _MIB)) == [408]


def test_a_head_that_comes_while_the_service_is_held_up_is_read(started, opened):
    """No client is sent away for what it has sent, and nobody has read in time."""
    server = started(files={"score.py": _HOLDS_THE_LOCK}, MODELSHIP_HEAD_S="2")
    head = _HEAD % (b"Connection: close\r\n", 4)
    late = opened(server, head[:9])
    wait_until_read(late)
    holding = opened(server, head + b"hold")
    wait_until((server.folder / "works").exists)
    time.sleep(2.2)  # more than a head may take
    late.sendall(head[9:] + b"next")
    (server.folder / "may-end").touch()
    assert [_statuses(each) for each in (holding, late)] == [[200], [200]]


def test_a_body_that_is_slow_is_read(started, opened):
    """Of one that brings a few kilobytes each second nothing is lost."""
    server = started(MODELSHIP_BODY_S="2")
    slow = opened(server, _HEAD % (b"Connection: close\r\n", 20_002) + b"{}")
    for _ in range(10):
        slow.sendall(b" " * 2000)
        time.sleep(0.3)  # what this client is like
    assert _statuses(slow) == [200]


def test_a_body_that_stalls_makes_room(started, opened):
    """What lies there and does not grow goes when there is no room for one that does."""
    server = started(MODELSHIP_BODY_MB="2", MODELSHIP_BODIES_MB="2", MODELSHIP_BODY_S="60")
    stalled = opened(server, _HEAD % (b"", 2 * _MIB) + b" " * (_MIB + _MIB // 2))
    wait_until(lambda: _post(server, b"{}" + b" " * _MIB).status_code == 200, pause_s=0.5)
    assert _statuses(stalled) == [503]


def test_many_small_bodies_count_as_large_ones_do(started, opened):
    """None of them is large enough to be looked at, and together they are too large."""
    server = started(MODELSHIP_BODIES_MB="2", MODELSHIP_BODY_S="60")
    size = 200_000
    halves = [opened(server, _HEAD % (b"", size) + b" " * (size - 1)) for _ in range(30)]
    refused, _, _ = select.select(halves, [], [], _TIMEOUT_S)
    assert {tuple(_statuses(each)) for each in refused} == {(503,)}
    assert _post(server, b"{}").status_code == 200


def test_a_body_of_tiny_chunks_is_refused(started, opened):
    """Each of them costs as much as a large one."""
    server = started()
    head = b"POST /score HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert _statuses(opened(server, head + b"1\r\nx\r\n" * 600_000)) == [400]
    few = head + b"2\r\n{}\r\n" + b"1\r\n \r\n" * 1000 + b"0\r\n\r\n"
    assert _statuses(opened(server, few + b"no HTTP\r\n\r\n")) == [200, 400]


def test_idle_connections_make_way(started, opened):
    """Beyond the bound idle ones end, and no request is refused."""
    server = started(MODELSHIP_CONNECTIONS="5")
    idle = []
    for _ in range(6):  # each is answered before another one may take its place
        idle.append(opened(server, _HEALTH))
        assert idle[-1].recv(12) == b"HTTP/1.1 200"
    assert [_post(server, b"{}").status_code for _ in range(20)] == [200] * 20
    idle[-1].recv(1 << 16)
    idle[-1].sendall(_HEALTH.replace(b"Host", b"Connection: close\r\nHost"))
    assert _statuses(idle[-1]) == [200]
    assert _numbers(server)["modelship_connections"] <= 5


def test_connections_without_a_key_make_way_first(started, opened, key):
    """Who has shown a key keeps a connection, however many others come."""
    server = started(MODELSHIP_CONNECTIONS="5", **key)
    request = _HEAD % (b"Authorization: Bearer %b\r\n" % _KEY.encode(), 2) + b"{}"
    keyed = opened(server, request)
    assert keyed.recv(12) == b"HTTP/1.1 200"
    flood = [opened(server, _HEALTH if each % 2 else b"POST /sc") for each in range(30)]
    keyed.sendall(request.replace(b"Host", b"Connection: close\r\nHost"))
    assert _statuses(keyed) == [200]
    assert len(flood) == 30


def test_a_request_in_work_is_answered_whatever_follows(started, opened):
    """What comes behind it is refused after it, and not in its place."""
    server = started()
    slow = b'{"sleep_s": 1}'
    connection = opened(server, _HEAD % (b"", len(slow)) + slow + b"garbage\r\n\r\n")
    assert _statuses(connection) == [200, 400]


def test_who_does_not_read_is_not_served_on(started, opened):
    """Answers that nobody reads do not pile up; once they are read, the rest comes."""
    source = "def init(): pass\ndef run(raw_data): return 'x' * (1 << 20)\n"
    server = started(files={"score.py": source})
    request = _HEAD % (b"", 2) + b"{}"
    connection = opened(server, request * 59 + request.replace(b"Host", b"Connection: close\r\nA"))
    assert _post(server, b"{}").status_code == 200
    workers = psutil.Process(server.process.pid).children(recursive=True)
    assert max(each.memory_info().rss for each in workers) < 100 * _MIB
    assert _statuses(connection) == [200] * 60


def test_all_that_waits_behind_a_request_is_answered(started, opened):
    """However many they are: no answer calls the next one."""
    server = started()
    slow = b'{"sleep_s": 1}'
    many = _HEALTH * 500 + _HEALTH.replace(b"Host", b"Connection: close\r\nHost")
    connection = opened(server, _HEAD % (b"", len(slow)) + slow + many)
    assert _statuses(connection) == [200] * 502


def test_pages_that_nobody_reads_do_not_pile_up(started, opened):
    """What needs no run is answered no further than it is read, either."""
    server = started()
    page = b"GET /docs HTTP/1.1\r\n%bHost: localhost\r\n\r\n"
    last = page % b"Connection: close\r\n"
    connection = opened(server, page % b"" * 2000 + last)
    assert _post(server, b"{}").status_code == 200
    workers = psutil.Process(server.process.pid).children(recursive=True)
    assert max(each.memory_info().rss for each in workers) < 150 * _MIB
    assert _statuses(connection) == [200] * 2001


def test_who_does_not_read_makes_way(started, opened, key):
    """Connections without a key that leave their pages unread do not keep one with a key out."""
    server = started(MODELSHIP_CONNECTIONS="5", **key)
    flood = [opened(server, b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n" * 500) for _ in range(5)]
    assert all(each.recv(1) for each in flood)
    answer = _post(server, b"{}", Authorization=f"Bearer {_KEY}")
    assert answer.status_code == 200


def test_a_body_is_held_once(started, opened):
    """While it arrives it takes its size, and as much again only while its text is made."""
    source = "import os\ndef init(): pass\ndef run(raw_data): return os.getpid()\n"
    limits = {"MODELSHIP_BODY_MB": "200", "MODELSHIP_BODIES_MB": "200"}
    server = started(files={"score.py": source}, **limits)
    pid = _post(server, b"").json()
    size = 160 * _MIB
    before = peak_bytes(pid)
    connection = opened(server, _HEAD % (b"Connection: close\r\n", size) + b" " * (size - 1))
    wait_until_read(connection)
    arrived = peak_bytes(pid) - before
    connection.sendall(b" ")
    assert _statuses(connection) == [200]
    scored = peak_bytes(pid) - before
    # Beside it there is what the C library keeps of freed memory: 64 MiB.
    assert arrived < size + 96 * _MIB
    assert scored < 2 * size + 96 * _MIB


def test_no_more_than_the_memory_allows_is_taken(started, opened):
    """Two bodies of 250 MB do not end a service that has 600 MB; a small one is answered."""
    server = started(MODELSHIP_MEMORY_MB="600")
    worker = psutil.Process(_post(server, b"{}").json()["pid"])
    head = _HEAD % (b"", 250 * _MIB)
    in_chunks = head.replace(b"Content-Length: %d" % (250 * _MIB), b"Transfer-Encoding: chunked")
    both = [opened(server, head), opened(server, in_chunks)]
    for _ in range(250):
        both[1].sendall(b"%x\r\n%b\r\n" % (_MIB, bytes(_MIB)))
    assert [_statuses(each) for each in both] == [[413]] * 2
    assert worker.memory_info().rss < 400 * _MIB
    assert _post(server, b"{}").json()["pid"] == worker.pid


def test_a_route_that_fails_is_answered(started, opened):
    """An unreadable sample is answered with an error, and the connection stays open."""
    server = started(MODELSHIP_SAMPLE_FILE="/proc/self/mem")
    head = b"GET /docs/sample.json HTTP/1.1\r\nHost: localhost\r\n"
    both = head + b"\r\n" + head + b"Connection: close\r\n\r\n"
    assert _statuses(opened(server, both)) == [500, 500]
    assert "/docs/sample.json cannot be answered." in server.log
