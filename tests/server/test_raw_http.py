"""Raw HTTP from outside: none of it gets a body to the script that is not the client's to send."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from http.client import HTTPConnection

import pytest
from kernel import wait_until_read
from raw_exchanges import EXCHANGES, NOTHING, REFERENCE

_TIMEOUT_S = 20.0
_NOTES_BODIES = """
import json
seen = []
def init():
    pass
def run(raw_data):
    if raw_data == "what was seen?":
        found, seen[:] = seen[:], []
        return found
    seen.append(raw_data)
    return len(raw_data)
"""
_PROBE = b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_MOST_PIECES = 300


@pytest.fixture(scope="module")
def server(serving):
    """Return a server whose script takes note of the bodies that it sees."""
    return serving.running("default", script="operated", files={"score.py": _NOTES_BODIES})


@pytest.fixture(scope="module")
def locked(serving, tmp_path_factory):
    """Return the same with a key."""
    file = tmp_path_factory.mktemp("keys") / "keys.json"
    file.write_text(json.dumps({"primary": "key"}))
    settings = {"MODELSHIP_KEYS_FILE": str(file)}
    files = {"score.py": _NOTES_BODIES}
    return serving.running("default", script="operated", files=files, settings=settings)


def _seen(server):
    """Return the bodies that the script has seen since this was asked last."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=_TIMEOUT_S)
    with contextlib.closing(connection):
        connection.request("POST", "/score", "what was seen?", {"Authorization": "Bearer key"})
        return tuple(each.encode() for each in json.load(connection.getresponse()))


def _statuses(server, exchange, *, parts, probes=False):
    """Send the parts, and return the statuses of all that comes back until the connection ends."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=_TIMEOUT_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number, part in enumerate(parts):
            if number and parts is exchange.parts:
                wait_until_read(connection)
            connection.sendall(part)
        if exchange.ends == "all":
            return ()
        if exchange.ends:
            connection.shutdown(socket.SHUT_WR)
        elif probes:
            connection.sendall(_PROBE)
        received = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    return tuple(map(int, re.findall(rb"HTTP/1\.1 (\d{3}) ", received)))


def _pieces(parts):
    data = b"".join(parts)
    size = len(data) // _MOST_PIECES + 1
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("in_pieces", [False, True], ids=["whole", "in pieces"])
@pytest.mark.parametrize("exchange", EXCHANGES, ids=[each.label for each in EXCHANGES])
def test_what_is_sent_raw_is_read_in_one_way(server, exchange, in_pieces):
    """The statuses, the bodies that run() sees, and whether the connection stays are as told."""
    parts = _pieces(exchange.parts) if in_pieces else exchange.parts
    found = _statuses(server, exchange, parts=parts, probes=exchange.stays)
    expected = exchange.statuses + ((200,) if exchange.stays else ())
    if in_pieces:  # nobody is asked for a body that is there already
        found, expected = (
            tuple(each for each in all_ if each != 100) for all_ in (found, expected)
        )
    assert found == expected
    assert _seen(server) == exchange.bodies


@pytest.mark.parametrize("exchange", EXCHANGES, ids=[each.label for each in EXCHANGES])
def test_nothing_gets_to_run_without_a_key(locked, exchange):
    """Whatever is sent, the script sees none of it, and no connection stays for the next try."""
    try:
        found = _statuses(locked, exchange, parts=exchange.parts, probes=exchange.stays)
    except OSError:  # closed a second after its answer, before this slow machine sent the rest
        found = _statuses(locked, exchange, parts=exchange.parts[:1])
    assert _seen(locked) == ()
    if exchange.bodies and exchange.ends != "all":
        assert found[-1] == 401


def test_the_reference_answers_the_same_but_where_it_is_told(serving):
    """Each other first status is in the list, with its reason, and nothing in it is unused."""
    reference = serving.running("reference", script="operated", files={"score.py": _NOTES_BODIES})
    told, found = {}, {}
    for each in EXCHANGES:
        if REFERENCE.get(each.label, (None,))[0] == NOTHING or not each.statuses:
            continue
        first = next(status for status in each.statuses if status != 100)
        told[each.label] = REFERENCE.get(each.label, (first,))[0]
        with contextlib.suppress(ConnectionError):  # it closes with something unread
            statuses = _statuses(reference, each, parts=each.parts)
            found[each.label] = next((status for status in statuses if status != 100), None)
    assert found == {label: told[label] for label in found}
    assert len(found) > 0.8 * len(told)
    assert REFERENCE.keys() <= {each.label for each in EXCHANGES}
