"""The fronts: bytes pass as they are, and only with a key."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress

import pytest

from modelship.testing.offline.accepting import in_time
from modelship.testing.offline.front import Fronts
from modelship.testing.offline.routes import Limits, Route, Target

KEY = "a-key"
ANSWER = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nanswered"
DENIED = (
    b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)


class Server:
    """Answers each connection by a function, which gets the connection, and keeps what it read."""

    def __init__(self, behave):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self.seen = []
        self.behave = behave
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                self.seen.append(self.behave(connection))


def answer_after(size):
    """Return a behavior: read so many bytes, answer, and close."""

    def behave(connection):
        read = receive(connection, size)
        connection.sendall(ANSWER)
        return read

    return behave


def receive(connection, size=1 << 30):
    """Read so many bytes, or all until the other side ends."""
    read = bytearray()
    while len(read) < size and (chunk := connection.recv(min(1 << 16, size - len(read)))):
        read += chunk
    return bytes(read)


@pytest.fixture
def fronts():
    """Return fronts that are closed afterwards."""
    found = Fronts()
    yield found
    found.close()


def to(address, *, keys=(), origins=(), **options):
    """Return a route to one server, or to none."""
    targets = (Target(address),) if address else ()
    keys = tuple(key.encode() for key in keys)
    return Route(targets, keys=keys, origins=frozenset(origins), **options)


@contextmanager
def serving(fronts, behave, *, keys=()):
    """Yield a server and a connection to the front before it."""
    server = Server(behave)
    port = fronts.open("service")
    fronts.point("service", to(server.address, keys=keys))
    with server.listener, socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        yield server, client


def request(body=b"", *, key=None, more=b"", method=b"POST"):
    """Return the bytes of a request."""
    fields = f"Authorization: Bearer {key}\r\n".encode() if key else b""
    size = f"Content-Length: {len(body)}\r\n".encode()
    return (
        method
        + b" /score HTTP/1.1\r\nHost: 127.0.0.1:80\r\n"
        + fields
        + size
        + more
        + b"\r\n"
        + body
    )


@pytest.mark.parametrize(
    "sent",
    [
        request(b'{"data": [1]}'),
        request(b"\0\xff" * (5 << 20)),
        request(more=b"Transfer-Encoding: chunked\r\n") + b"3\r\nabc\r\n0\r\n\r\n",
        request(method=b"HEAD"),
        request(method=b"OPTIONS", more=b"x-odd:\ttab \r\nX-Odd: again\r\n"),
        b"no HTTP at all",
    ],
    ids=["small", "10 MB", "chunked", "HEAD", "OPTIONS", "no HTTP"],
)
def test_bytes_pass_as_they_are(fronts, sent):
    """What the server reads is what was sent, and what the client reads is what it answered."""
    with serving(fronts, answer_after(len(sent))) as (server, client):
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        assert receive(client) == ANSWER
    assert server.seen == [sent]


def test_a_large_answer_passes(fronts):
    """An answer of 10 MB arrives whole, though the client reads it late."""
    answer = ANSWER + b"\xfe" * (10 << 20)

    def behave(connection):
        receive(connection, len(request()))
        connection.sendall(answer)

    with serving(fronts, behave) as (_, client):
        client.sendall(request())
        assert receive(client) == answer


def test_an_answer_before_the_end_of_the_request_arrives(fronts):
    """A client gets an answer that ends before its own request of 32 MB does."""

    def behave(connection):
        receive(connection, 100)
        connection.sendall(ANSWER)
        connection.shutdown(socket.SHUT_WR)
        receive(connection)

    with serving(fronts, behave) as (_, client):
        client.sendall(request(bytes(32 << 20)))
        assert receive(client) == ANSWER


def test_a_client_may_wait_to_be_told_to_go_on(fronts):
    """With Expect: 100-continue the body follows once the server has asked for it."""
    head = request(b"body", more=b"Expect: 100-continue\r\n")[:-4]
    go_on = b"HTTP/1.1 100 Continue\r\n\r\n"

    def behave(connection):
        read = receive(connection, len(head))
        connection.sendall(go_on)
        read += receive(connection, 4)
        connection.sendall(ANSWER)
        return read

    with serving(fronts, behave) as (server, client):
        client.sendall(head)
        assert receive(client, len(go_on)) == go_on
        client.sendall(b"body")
        assert receive(client) == ANSWER
    assert server.seen == [head + b"body"]


def test_the_end_of_a_request_passes_before_the_answer(fronts):
    """A client that ends its side is answered, and the server sees that end."""

    def behave(connection):
        read = receive(connection)
        connection.sendall(ANSWER)
        return read

    with serving(fronts, behave) as (server, client):
        client.sendall(request(b"x"))
        client.shutdown(socket.SHUT_WR)
        assert receive(client) == ANSWER
    assert server.seen == [request(b"x")]


def test_an_early_answer_is_heard_though_the_body_is_not_read(fronts):
    """A server that answers and closes before it has read everything is heard."""
    with serving(fronts, answer_after(10)) as (_, client):
        client.sendall(request(b"x" * 100))
        assert receive(client) == ANSWER


def test_a_connection_that_is_cut_off_is_cut_off_for_the_client(fronts):
    """A reset by the server reaches the client as one, and is no empty answer."""

    def behave(connection):
        receive(connection, 10)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with serving(fronts, behave) as (_, client):
        client.sendall(request())
        with pytest.raises(ConnectionResetError):
            receive(client)


@pytest.mark.parametrize("key", [KEY, "the-other-key"])
def test_either_key_opens(fronts, key):
    """Both keys open, whatever the case of the field's name, which passes as it is."""
    sent = request(key=key).replace(b"Authorization", b"aUTHORIZATION")
    with serving(fronts, answer_after(len(sent)), keys=(KEY, "the-other-key")) as (server, client):
        client.sendall(sent)
        assert receive(client) == ANSWER
    assert server.seen == [sent]


@pytest.mark.parametrize(
    "sent",
    [
        request(),
        request(key="another-key"),
        request(key=KEY[:-1]),
        request(key=KEY + "é"),
        request(key=KEY).replace(b"Bearer", b"Basic"),
        request(key=KEY, more=b"Authorization: Bearer another-key\r\n"),
        request(more=b"x-note: Authorization: Bearer a-key\r\n"),
        request(b"\r\nAuthorization: Bearer a-key\r\n"),
        request(b"x" * (10 << 20)),
    ],
    ids=["none", "wrong", "part", "accent", "Basic", "two", "other field", "in the body", "large"],
)
def test_without_a_key_nothing_passes(fronts, sent):
    """Any other request is answered 401 with no body, and the server never hears of it."""
    with serving(fronts, answer_after(1), keys=(KEY,)) as (server, client):
        client.sendall(sent)
        assert receive(client) == DENIED
    assert server.seen == []


def test_half_a_head_is_not_authorized(fronts):
    """A head that does not end holds no key, and one that is too large neither."""
    half = request(key=KEY)[:-2]
    with serving(fronts, answer_after(1), keys=(KEY,)) as (server, client):
        address = client.getpeername()
        client.sendall(half)
        client.shutdown(socket.SHUT_WR)
        assert receive(client) == DENIED
        with socket.create_connection(address, timeout=20) as other:
            other.sendall(request(more=b"x: " + b"y" * (1 << 21)))
            assert receive(other) == DENIED
    assert server.seen == []


def test_with_nothing_behind_a_connection_ends_unanswered(fronts):
    """No server, or one that is gone, is an end without a single byte."""
    port = fronts.open("service")
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = gone.getsockname()
    for target in (None, address):
        fronts.point("service", to(target))
        with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
            client.sendall(request())
            assert receive(client) == b""


def test_a_port_is_kept(fronts):
    """A front that is open stays; one opened again gets its old port, or another if it is taken."""
    port = fronts.open("service")
    assert fronts.open("service") == port
    fronts.shut("service")
    assert fronts.open("service", port=port) == port
    assert fronts.open("another", port=port) != port
    fronts.shut("never-opened")


def test_closing_ends_connections_and_thread(fronts):
    """After close() nothing listens, connections are over, and the thread is gone."""
    release = threading.Event()
    with serving(fronts, lambda _: release.wait(20)) as (_, client):
        address = client.getpeername()
        client.sendall(request())
        fronts.close()
        release.set()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=5)
        with suppress(ConnectionResetError):
            assert receive(client) == b""
    assert "fronts" not in {thread.name for thread in threading.enumerate()}


def test_a_key_is_in_no_repr(fronts):
    """What a debugger or a traceback shows of a front holds no key."""
    fronts.open("service")
    fronts.point("service", to(None, keys=(KEY,)))
    assert KEY not in repr(vars(fronts))


PROGRAM = b"Origin: http://localhost:3000\r\n"
PAGE = PROGRAM + b"Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: cors\r\n"
CROSS = b"Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n"
REBOUND = request().replace(b"127.0.0.1", b"evil.example")


@pytest.mark.parametrize(
    ("sent", "options"),
    [
        (REBOUND, {}),
        (REBOUND, {"origins": ["*"]}),
        (request(key=KEY).replace(b"127.0.0.1", b"evil.example"), {"keys": [KEY]}),
        (request(more=PAGE), {}),
        (request(more=PAGE), {"origins": ["http://localhost:4000"]}),
        (request(more=CROSS), {}),
    ],
)
def test_a_web_page_that_is_not_welcome_is_refused(fronts, sent, options):
    """By a name that leads here, or without a key: 403, and the server never hears of it."""
    with serving(fronts, answer_after(1)) as (server, client):
        fronts.point("service", to(server.address, **options))
        client.sendall(sent)
        assert receive(client).startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert server.seen == []


@pytest.mark.parametrize(
    ("sent", "options"),
    [
        (request(more=PAGE), {"origins": ["http://localhost:3000"]}),
        (request(more=PAGE), {"origins": ["*"]}),
        (request(key=KEY, more=PAGE), {"keys": [KEY]}),
        (request(more=PROGRAM), {}),
        (request().replace(b"127.0.0.1", b"localhost"), {}),
        (b"GET / HTTP/1.0\r\n\r\n", {}),
    ],
)
def test_a_web_page_that_is_welcome_is_served(fronts, sent, options):
    """One that the service names in AML_CORS_ORIGINS, or that has a key; and programs."""
    with serving(fronts, answer_after(len(sent))) as (server, client):
        fronts.point("service", to(server.address, **options))
        client.sendall(sent)
        assert receive(client) == ANSWER
    assert server.seen == [sent]


def test_the_server_behind_is_shown_who_asks():
    """So that it serves nobody who goes around the front; the rest of the bytes is as it was."""
    fronts = Fronts(key="front-key")
    shown = request(b"x").replace(b"\r\n", b"\r\nx-modelship-front: front-key\r\n", 1)
    with serving(fronts, answer_after(len(shown))) as (server, client):
        client.sendall(request(b"x"))
        assert receive(client) == ANSWER
    fronts.close()
    assert server.seen == [shown]


def test_a_request_beyond_the_limit_is_turned_away(fronts):
    """The router passes on one at a time; the next one waits as long as it may, and gets 503."""
    arrived, release = threading.Event(), threading.Event()
    server = Server(lambda _: arrived.set() or release.wait(20))
    target = Target(server.address, limits=Limits(at_once=1, wait_s=0.05, timeout_s=20))
    address = ("127.0.0.1", fronts.open("service"))
    fronts.point("service", Route((target,), is_router=True))
    with server.listener, socket.create_connection(address, timeout=20) as first:
        first.sendall(request())
        assert arrived.wait(20)
        with socket.create_connection(address, timeout=20) as second:
            second.sendall(request())
            assert receive(second).startswith(b"HTTP/1.1 503 ")
        release.set()


def test_a_request_ends_with_its_answer(fronts):
    """The next one has its turn then, even if the server stays connected."""
    ends, whole = threading.Event(), b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nanswered"

    def behave(connection):
        receive(connection, len(request()))
        connection.sendall(whole[:-4])
        connection.sendall(whole[-4:])
        threading.Thread(target=hold, args=(connection.dup(),)).start()

    def hold(connection):
        with connection:
            ends.wait(20)

    server = Server(behave)
    target = Target(server.address, limits=Limits(at_once=1, wait_s=0.05, timeout_s=20))
    address = ("127.0.0.1", fronts.open("service"))
    fronts.point("service", Route((target,), is_router=True))
    with server.listener:
        for _ in range(2):
            with socket.create_connection(address, timeout=20) as client:
                client.sendall(request())
                assert receive(client, len(whole)) == whole
        ends.set()


def test_an_answer_that_takes_too_long_is_not_awaited(fronts):
    """The router answers 504 in place of the server."""
    release = threading.Event()
    server = Server(lambda _: release.wait(20))
    target = Target(server.address, limits=Limits(at_once=1, wait_s=1, timeout_s=0.05))
    port = fronts.open("service")
    fronts.point("service", Route((target,), is_router=True))
    with server.listener, socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(request())
        assert receive(client).startswith(b"HTTP/1.1 504 ")
        release.set()


def test_a_server_is_drained_of_a_request_that_is_being_routed(fronts):
    """Also if the thread of the fronts is busy meanwhile, and has not passed it on yet."""
    routing, go_on = threading.Event(), threading.Event()
    arrived, release = threading.Event(), threading.Event()

    def admit(_token):
        routing.set()
        return go_on.wait(20)

    server = Server(lambda _: arrived.set() or release.wait(20))
    port = fronts.open("service")
    fronts.point("service", Route((Target(server.address),), takes_token=admit))
    connected = socket.create_connection(("127.0.0.1", port), timeout=20)
    with ThreadPoolExecutor() as pool, server.listener, connected as client:
        client.sendall(request(key="token"))
        assert routing.wait(20)
        fronts.point("service", Route())
        drained = pool.submit(fronts.drain, server.address)
        wait([drained], timeout=0.1)
        go_on.set()
        assert arrived.wait(20)
        assert not drained.done()
        release.set()
        drained.result(20)


def test_the_prefix_of_a_path_is_taken_off(fronts):
    """What stands behind is asked for /score, and what is not below the prefix stays as it is."""
    sent = b"GET /api/svc/score HTTP/1.1\r\nHost: 127.0.0.1\r\nX: /api/svc/\r\n\r\n"
    seen = sent.replace(b" /api/svc/score", b" /score")
    with serving(fronts, answer_after(len(seen))) as (server, client):
        fronts.point("service", to(server.address, prefix=b"/api/svc"))
        client.sendall(sent)
        assert receive(client) == ANSWER
        assert server.seen == [seen]


@pytest.mark.parametrize("shares", [(70, 30), (1, 99), (50, 25, 25), (100, 0), (33.3, 66.7)])
def test_among_any_hundred_requests_each_version_has_its_share(shares):
    """Also among those that begin somewhere in the middle."""
    targets = tuple(Target(("", 0), version=str(at), share=each) for at, each in enumerate(shares))
    route = Route(targets)
    head = request().partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    chosen = [route.choose(head).version for _ in range(250)]
    for start in (0, 17, 149):
        window = chosen[start : start + 100]
        for at, share in enumerate(shares):
            assert abs(window.count(str(at)) - share) < 1


def test_a_service_without_versions_answers_whichever_is_named(fronts):
    """The field is meant for endpoints, and passes like any other."""
    sent = request(more=b"azureml-model-deployment: blue\r\n")
    with serving(fronts, answer_after(len(sent))) as (server, client):
        client.sendall(sent)
        assert receive(client) == ANSWER
    assert server.seen == [sent]


def test_what_comes_after_the_timeout_is_too_late():
    """Also if the thread of the fronts was busy meanwhile, and finds it there."""

    async def late():
        time.sleep(0.05)  # noqa: ASYNC251 - it is busy

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(in_time(late(), 0.01))
