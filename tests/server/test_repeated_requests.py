"""Requests that repeat the head of the last one on their connection, which is not parsed again."""

from __future__ import annotations

import socket
import time

import hypothesis
import pytest
from differential.servers import THOROUGH
from hypothesis import strategies as st

_TIMEOUT_S = 20.0
_HEAD = b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n%b\r\n"


def _post(body, *, more=b""):
    return _HEAD % (len(body), more) + body


def _chunked(body):
    head = b"POST /score HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


ONE, TWO, LONG, BAD = b"[11]", b"[22]", b"[1, 2, 3]", b"[oo]"
HEALTH = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
# What is sent at once, and how many answers come to it.
PIECES = {
    "one": (_post(ONE), 1),
    "two": (_post(TWO), 1),
    "bad": (_post(BAD), 1),
    "long": (_post(LONG), 1),
    "empty": (_post(b""), 1),
    "like a head": (_post(_post(ONE)), 1),
    "with an id": (_post(ONE, more=b"x-request-id: one\r\n"), 1),
    "both at once": (_post(ONE) + _post(TWO), 2),
    "after a line": (b"\r\n" + _post(ONE), 1),
    "chunked": (_chunked(ONE), 1),
    "one and a half": (_post(ONE) + _post(TWO)[:30], 1),
    "health": (HEALTH, 1),
    "a line": (b"\r\n", 0),
    "two lines": (b"\r\n\r\n", 0),
    "half": (_post(ONE)[:30], 0),
    "the other half": (_post(ONE)[30:], 0),
}


def _read_answer(stream):
    """Return the status and the body of one answer; nothing if the connection has ended."""
    line = stream.readline()
    length = 0
    while (header := stream.readline()) not in {b"\r\n", b""}:
        name, _, value = header.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    return line[9:12], stream.read(length)


def _answers(port, pieces, *, at_once):
    """Send one piece after the other on one connection, and return what comes to them."""
    found = []
    with socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = connection.makefile("rb")
        for data, answers in pieces:
            for part in (data,) if at_once else (data[:1], data[1:]):
                connection.sendall(part)
                if not (at_once and answers):
                    time.sleep(0.005)
            found += [_read_answer(stream) for _ in range(answers)]
        connection.shutdown(socket.SHUT_WR)
        while (answer := _read_answer(stream)) != (b"", b""):
            found.append(answer)
    return found


@pytest.fixture(scope="module")
def port(serving):
    """Return the port of a server that answers with what it is sent, read as JSON."""
    source = "import json\ndef init(): pass\ndef run(raw_data): return json.loads(raw_data)\n"
    return serving.running("default", script="operated", files={"score.py": source}).port


@pytest.mark.parametrize("kinds", [
    ["one", "two", "one", "bad", "two", "long", "long", "one"],
    ["both at once", "both at once", "one"],
    ["empty", "two lines", "two lines", "empty", "a line", "empty"],
    ["half", "the other half", "the other half"],
    ["chunked", "chunked", "one", "chunked"],
    ["one and a half"],
], ids=" ".join)  # fmt: skip
def test_a_repeated_head_says_what_it_said_before(port, kinds):
    """What is sent in whole pieces is answered as what is sent byte by byte."""
    pieces = [PIECES[kind] for kind in kinds]
    assert _answers(port, pieces, at_once=True) == _answers(port, pieces, at_once=False)


def test_bodies_behind_the_same_head_are_read_anew(port):
    """Each answer belongs to its own body."""
    bodies = [b"[%d]" % number for number in range(10, 30)]
    found = _answers(port, [(_post(each), 1) for each in bodies], at_once=True)
    assert found == [(b"200", each) for each in bodies]


@hypothesis.settings(
    deadline=None, derandomize=not THOROUGH, max_examples=1000 if THOROUGH else 40,
    suppress_health_check=list(hypothesis.HealthCheck),
)  # fmt: skip
@hypothesis.given(kinds=st.lists(st.sampled_from(sorted(PIECES)), min_size=2, max_size=7))
def test_any_order_of_pieces(port, kinds):
    """Whatever comes after whatever, the answers are the same as byte by byte."""
    # Behind half a request it is open how many answers come: those that are there are read.
    halves = [index for index, kind in enumerate(kinds) if "half" in kind]
    kinds = kinds[: halves[0] + 1] if halves else kinds
    pieces = [PIECES[kind] for kind in kinds]
    assert _answers(port, pieces, at_once=True) == _answers(port, pieces, at_once=False)
