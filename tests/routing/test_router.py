"""The router passes requests on as they are, by weight, and loses none at its end."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import psutil
import pytest
import requests

from modelship.errors import MissingExtraError
from modelship.routing.router import Router, RouterLostError
from waiting import wait_until

pytestmark = pytest.mark.usefixtures("forked_routers")


def test_exactly_the_weight_of_the_requests_goes_to_the_new_release(router, old, new, call):
    """Of 20 requests a tenth is 2."""
    assert all(call().ok for _ in range(20))
    for weight, expected in ((10, 2), (50, 10), (100, 20), (0, 0)):
        new.got.clear()
        before = router.weigh(weight)
        assert all(call().ok for _ in range(20))
        found = router.traffic().since(before)
        assert len(new.got) == found.new.requests == expected
        assert found.old.requests == 20 - expected


def test_a_request_goes_on_as_it_came(router, old, call):
    """Its path, query, headers and body are the caller's; the router adds none."""
    headers = {"Authorization": "Bearer k", "x-ms-request-id": "7", "X-Odd": "a  b"}
    call(b"\x00\xff" * 3, headers=headers, params={"a": "é", "b": "1 2"})
    path, got, body = old.got[0]
    assert path == "/score?a=%C3%A9&b=1+2"
    assert body == b"\x00\xff" * 3
    assert {name: got[name] for name in headers} == headers
    sent = {"host", "user-agent", "accept", "accept-encoding", "content-length", "connection"}
    assert {name.lower() for name in got} == {*sent, *(name.lower() for name in headers)}


def test_an_answer_comes_back_as_it_is(router, make_release, old, call):
    """Its status and body are the release's, and an error of the caller is none of the release."""
    old.status, old.answer = 422, b"[not json"
    answer = call()
    assert (answer.status_code, answer.content) == (422, b"[not json")
    assert router.traffic().old.errors == 0
    old.status = 503
    assert call().status_code == 503
    assert router.traffic().old.errors == 1


def test_a_request_that_a_release_refuses_is_counted_apart_from_its_errors(router, new, call):
    """Its caller sees the answer as it is."""
    router.weigh(100)
    new.status = 422
    assert call().status_code == 422
    found = router.traffic().new
    assert (found.requests, found.refused, found.errors) == (1, 1, 0)


def test_a_request_that_could_not_be_sent_goes_to_the_other_release(router, new, call):
    """Callers see nothing of a release that is gone, and it gets no more."""
    router.weigh(100)
    new.die()
    assert [call().status_code for _ in range(5)] == [200] * 5
    assert router.traffic().new.unreachable == 1


def test_a_request_that_a_release_dies_with_is_not_sent_again(router, old, new, call):
    """It may have been run, so its caller gets a 502 and not a second run."""
    router.weigh(100)
    new.answer = lambda _: None
    answer = call()
    assert answer.status_code == 502
    assert "may have been run" in answer.json()["message"]
    assert not old.got
    assert router.traffic().new.errors == 1


def test_a_release_that_breaks_off_several_requests_in_a_row_is_left_out(router, old, new, call):
    """What publishes its port may accept connections still, when it is gone itself."""
    router.weigh(100)
    new.answer = lambda _: None
    assert [call().status_code for _ in range(6)] == [502, 502, 502, 200, 200, 200]
    assert router.traffic().new.unreachable == 1


def test_a_cut_answer_is_not_taken_for_a_whole_one(address, make_release, call):
    """If a release dies in the middle of its answer, so does the caller's connection."""
    with socket.create_server(("127.0.0.1", 0)) as half:
        origin = f"http://127.0.0.1:{half.getsockname()[1]}"
        router = Router.start(address, old=origin, new=origin)

        def answer():
            connection, _ = half.accept()
            _read_request(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            connection.close()

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(requests.RequestException):
            call()
        assert router.traffic().old.errors == 1
        router.kill()


def _read_request(connection):
    """Read all of a request with the body ``{}``: what is left would reset the connection."""
    read = b""
    while not read.endswith(b"{}"):
        read += connection.recv(65536)


def test_no_request_is_lost_when_it_ends_under_load(address, router, calling):
    """Kept connections get their last answer with ``Connection: close``, and new ones the other."""
    ended = threading.Event()
    winner = threading.Thread(target=_serve_plainly, args=(address, ended))
    many = {"callers": 4, "pause_s": 0.01}
    with calling(**many) as kept, calling(**many, kept=False) as new:
        wait_until(lambda: router.traffic() and min(len(kept), len(new)) >= 20)
        winner.start()
        router.end(winner="new")
        before = len(kept), len(new)
        wait_until(lambda: len(kept) >= before[0] + 10 and len(new) >= before[1] + 10)
    ended.set()
    winner.join(20)
    assert {*kept, *new} == {200}


def _serve_plainly(listener, ended):
    """Take what comes to the address, as the winner does."""
    listener.settimeout(0.05)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    while not ended.is_set():
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        with connection:
            connection.settimeout(20)
            _read_request(connection)
            connection.sendall(answer)


def test_a_kept_connection_is_answered_while_it_drains(router, old, call):
    """The next request on it is answered, and told that it was the last."""
    blocked = threading.Event()
    ours, lent = socket.socketpair()
    with ours, requests.Session() as session, ThreadPoolExecutor(2) as pool:
        assert call(session=session).ok
        old.before = blocked.wait  # so that it drains until this request is answered
        slow = pool.submit(call)
        try:
            wait_until(lambda: len(old.got) == 2)
            router.hold(lent)
            lent.close()
            ending = pool.submit(router.end, winner="new")
            assert ours.recv(1) == b""  # it has begun to end
            answer = call(session=session)
        finally:
            blocked.set()
        assert (answer.ok, answer.headers["Connection"]) == (True, "close")
        assert slow.result(30).ok
        ending.result(30)


def test_the_end_waits_for_requests_after_an_interrupted_command(router, old, call, monkeypatch):
    """The reply that was not read when Ctrl-C came is not taken for that to the end."""

    def interrupted():
        raise KeyboardInterrupt

    blocked = threading.Event()
    old.before = blocked.wait
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(call)
        wait_until(lambda: old.got)
        with monkeypatch.context() as patch:
            patch.setattr(router, "_answers", SimpleNamespace(readline=interrupted))
            with pytest.raises(KeyboardInterrupt):
                router.traffic()
        threading.Timer(1.2, blocked.set).start()  # later than a router is killed that has ended
        router.end(winner="old")
        assert slow.result(30).ok


@pytest.mark.parametrize("sent", [b"", b'{"number": 9}\n', b'{"weight": 5'])
def test_what_it_holds_is_closed_with_the_controlling_process(address, old, new, call, sent):
    """The lender of the address learns that it is free again, and open requests are answered."""
    ours, lent = socket.socketpair()
    with ours, lent:
        router = Router.start(address, old=old.origin, new=new.origin)
        router.hold(lent)
        lent.close()
        router.weigh(100)
        process = psutil.Process(router.pid)
        router._control.sendall(sent)
        if sent.endswith(b"\n"):  # an answer that nobody has read
            assert router._control.recv(1, socket.MSG_PEEK)
        os.close(router._control.detach())  # as when the process is killed
        ours.settimeout(20)
        assert ours.recv(1) == b""
        assert router._process.wait(20) == 0
        assert not process.is_running()
        router.kill()


def test_what_it_holds_is_closed_with_a_killed_router(address, old, new):
    """Nothing depends on the killed process."""
    ours, lent = socket.socketpair()
    with ours, lent:
        router = Router.start(address, old=old.origin, new=new.origin)
        router.hold(lent)
        lent.close()
        os.kill(router.pid, signal.SIGKILL)
        ours.settimeout(20)
        assert ours.recv(1) == b""
        with pytest.raises(RouterLostError):
            router.traffic()
        router.kill()


def test_without_its_packages_the_extra_is_named(address, monkeypatch):
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(MissingExtraError, match="rollout"):
        Router.start(address, old="http://127.0.0.1:1", new="http://127.0.0.1:2")
