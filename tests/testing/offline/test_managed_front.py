"""The front of a managed online endpoint: what it answers itself, and what it forwards."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from test_front import Server, answer_after, receive, request

from modelship.testing.offline.faults import Faults, FrontFault
from modelship.testing.offline.front import Fronts
from modelship.testing.offline.routes import Limits, Route, Target
from modelship.testing.offline.v2.managed_front import ManagedFront
from waiting import wait_until

SENT = request(b"[1]")
ANSWERED = b"HTTP/1.1 200 OK\r\nazureml-model-deployment: blue\r\nConnection: close\r\n\r\nanswered"
PATIENT = Limits(at_once=1, wait_s=20, timeout_s=20)


class Place:
    """A front with deployments behind it."""

    def __init__(self):
        self.faults = Faults()
        self.fronts = Fronts()
        self.port = self.fronts.open("endpoint")

    def point(self, *targets, **options):
        """Route to these targets."""
        policy = ManagedFront("endpoint", self.faults, **options)
        self.fronts.point("endpoint", Route(targets, policy=policy))

    def ask(self, sent=SENT):
        """Send a request, and return all of the answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as client:
            client.sendall(sent)
            return receive(client)


@pytest.fixture
def place():
    """Return a front that is closed afterwards."""
    found = Place()
    yield found
    found.fronts.close()


def blue(behave, *, limits=PATIENT, share=100.0):
    """Return a server that behaves so, and the target of it."""
    server = Server(behave)
    return server, Target(server.address, version="blue", share=share, limits=limits)


def responding(answer, *, after=None):
    """Return a behavior: read the request, wait for an event if there is one, and answer."""

    def behave(connection):
        read = receive(connection, len(SENT))
        if after is not None:
            after.wait(20)
        connection.sendall(answer)
        return read

    return behave


def test_an_answer_is_forwarded_with_the_name_of_the_deployment(place):
    """The request arrives as it was sent."""
    server, target = blue(answer_after(len(SENT)))
    place.point(target)
    assert place.ask() == ANSWERED
    assert server.seen == [SENT]


def test_a_large_request_and_a_large_answer_pass(place):
    """Ten megabytes in each direction, in order."""
    sent, content = request(b"\0\xff" * (5 << 20)), b"\xff\0" * (5 << 20)

    def behave(connection):
        read = receive(connection, len(sent))
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + content)
        return read

    server, target = blue(behave)
    place.point(target)
    assert place.ask(sent).endswith(b"\r\n\r\n" + content)
    assert server.seen == [sent]


def test_an_interim_answer_is_forwarded_first(place):
    """A client that waits for "100 Continue" gets it, and then the answer."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    _, target = blue(responding(interim + b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nanswered"))
    place.point(target)
    assert place.ask() == interim + ANSWERED


@pytest.mark.parametrize("status", [b"400 Bad Request", b"500 Internal Server Error", b"302 Found"])
def test_an_error_of_the_container_is_424(place, status):
    """Its own status is in a header, and its body stays."""
    _, target = blue(responding(b"HTTP/1.1 " + status + b"\r\nConnection: close\r\n\r\nwhy"))
    place.point(target)
    head, _, body = place.ask().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 424 Failed Dependency\r\n")
    assert b"ms-azureml-model-error-statuscode: " + status[:3] in head
    assert b"ms-azureml-model-error-reason: model_error" in head
    assert body == b"why"


def test_a_container_that_hangs_up_is_424_with_502(place):
    """So is one that nothing listens for."""
    server, target = blue(lambda connection: receive(connection, 1))
    place.point(target)
    assert b"ms-azureml-model-error-statuscode: 502" in place.ask()
    server.listener.close()
    place.point(Target(("127.0.0.1", 9), version="blue", limits=PATIENT))
    assert b"ms-azureml-model-error-statuscode: 502" in place.ask()


def test_the_container_keeps_working_after_a_timeout(place):
    """The client gets 408, and the container can still send its whole answer."""
    go, written = threading.Event(), []

    def behave(connection):
        read = receive(connection, len(SENT))
        go.wait(20)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (4 << 20))
        written.append(True)
        return read

    server, target = blue(behave, limits=Limits(at_once=1, wait_s=0.2, timeout_s=0.2))
    place.point(target)
    assert place.ask().startswith(b"HTTP/1.1 408 ")
    go.set()
    wait_until(lambda: server.seen)
    assert written == [True]


def test_a_replaced_container_answers_what_it_has_begun(place):
    """Its requests are waited for once it is no longer routed to."""
    go = threading.Event()
    server, target = blue(responding(b"HTTP/1.1 200 OK\r\n\r\nanswered", after=go))
    place.point(target)
    with ThreadPoolExecutor(2) as pool:
        asked = pool.submit(place.ask)
        wait_until(lambda: place.fronts._busy[server.address])
        place.point()
        drained = pool.submit(place.fronts.drain, server.address)
        assert not drained.done()
        go.set()
        drained.result(timeout=20)
        assert asked.result(timeout=20).endswith(b"answered")
    assert place.fronts._busy[server.address] == 0


def test_time_in_the_queue_counts_for_the_timeout(place):
    """With one at a time, the second request times out without having begun."""
    go = threading.Event()
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nanswered"
    server, target = blue(
        responding(answer, after=go), limits=Limits(at_once=1, wait_s=0.3, timeout_s=0.3)
    )
    place.point(target)
    with ThreadPoolExecutor() as pool:
        answers = [each.result() for each in [pool.submit(place.ask) for _ in range(2)]]
    go.set()
    assert all(each.startswith(b"HTTP/1.1 408 ") for each in answers)
    wait_until(lambda: server.seen)
    assert len(server.seen) <= 2


def test_more_than_twice_the_concurrency_is_429(place):
    """Of four at once with one at a time, one runs, one waits, and two are refused."""
    go = threading.Event()
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nanswered"
    _, target = blue(responding(answer, after=go))
    place.point(target)
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(place.ask) for _ in range(4)]
        wait_until(lambda: sum(each.done() for each in waiting) == 2)
        go.set()
        answers = [each.result() for each in waiting]
    assert sorted(each[9:12] for each in answers) == [b"200", b"200", b"429", b"429"]


def test_a_request_ends_with_its_answer(place):
    """It counts no more once its client has all of it, even if the server stays connected."""
    ends = threading.Event()

    def behave(connection):
        read = receive(connection, len(SENT))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nansw")
        connection.sendall(b"ered")
        ends.wait(20)
        return read

    _, target = blue(behave)
    place.point(target)
    whole = (
        b"HTTP/1.1 200 OK\r\nazureml-model-deployment: blue\r\nContent-Length: 8\r\n\r\nanswered"
    )
    with socket.create_connection(("127.0.0.1", place.port), timeout=20) as client:
        client.sendall(SENT)
        assert receive(client, len(whole)) == whole
        with ThreadPoolExecutor() as pool:
            waiting = [pool.submit(place.ask) for _ in range(3)]
            wait_until(lambda: any(each.done() for each in waiting))
            ends.set()
            answers = [each.result() for each in waiting]
    assert sorted(each[9:12] for each in answers) == [b"200", b"200", b"429"]


def test_copies_of_some_requests_are_mirrored(place):
    """Of four requests, half are copied; nobody gets the answer of a copy."""
    _, target = blue(answer_after(len(SENT)))
    green = Server(responding(b"HTTP/1.1 500 Broken\r\n\r\n"))
    mirror = Target(green.address, version="green", share=0.0, limits=PATIENT)
    place.point(target, mirror, mirror=mirror, percent=50)
    assert [place.ask() for _ in range(4)] == [ANSWERED] * 4
    wait_until(lambda: len(green.seen) == 2)
    assert green.seen == [SENT, SENT]
    named = request(b"[1]", more=b"azureml-model-deployment: blue\r\n")
    assert [place.ask(named)[:15] for _ in range(4)] == [b"HTTP/1.1 200 OK"] * 4
    assert len(green.seen) == 2


def test_without_traffic_the_answer_is_404(place):
    """A request that names the deployment gets through all the same."""
    named = request(b"[1]", more=b"azureml-model-deployment: blue\r\n")
    _, target = blue(answer_after(len(named)), share=0.0)
    place.point(target)
    answer = place.ask()
    assert answer.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert b"No valid deployments to route to" in answer
    assert place.ask(named) == ANSWERED
    assert place.ask(named.replace(b"blue", b"teal")).startswith(b"HTTP/1.1 404 ")


def test_a_deployment_without_a_container_is_unavailable(place):
    """Whether it has all the traffic or is named; another name is unknown."""
    place.point(down=frozenset({"blue"}), has_traffic=True)
    named = request(b"[1]", more=b"azureml-model-deployment: blue\r\n")
    assert place.ask().startswith(b"HTTP/1.1 503 ")
    assert place.ask(named).startswith(b"HTTP/1.1 503 ")
    assert place.ask(named.replace(b"blue", b"teal")).startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize("status", [404, 408, 424, 429])
def test_a_fault_is_answered_once(place, status):
    """The next request is forwarded again."""
    _, target = blue(answer_after(len(SENT)))
    place.point(target)
    place.faults.plant(FrontFault(status))
    assert place.ask().startswith(b"HTTP/1.1 %d " % status)
    assert place.ask() == ANSWERED
