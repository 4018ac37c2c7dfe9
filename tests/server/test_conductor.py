"""Where run() runs, and with what: the conductor on a loop, with a scorer that only counts."""

from __future__ import annotations

import asyncio
import threading
import time
from types import SimpleNamespace

import pytest

from modelship.server.conductor import Conductor
from modelship.server.scoreboard import Scoreboard


class Body:
    """A request of which only the size matters."""

    body = b"[1]"


class Scorer:
    """Takes all that waits, and keeps how many that were."""

    def __init__(self, *, takes_several):
        self.takes_several = takes_several
        self.taken = []

    def __call__(self, waiting):
        count = len(waiting) if self.takes_several else 1
        self.taken.append(count)
        return [(waiting.popleft(), "an answer") for _ in range(count)]


def taken(arrivals, *, takes_several):
    """Submit so many requests in each step of the loop; return how many each call has taken."""
    loop = asyncio.new_event_loop()
    scorer = Scorer(takes_several=takes_several)
    left = [1] * 20 + arrivals  # it is known to be short by then, and called by the loop
    expected, answered = sum(left), []

    def deliver(request, answer):
        answered.append(answer)
        if len(answered) == expected:
            conductor.end()
        elif len(answered) <= 20:
            loop.call_later(0.001, step)

    conductor = Conductor(loop, scorer, deliver=deliver, slot=Scoreboard(1).slot(0))

    def step():
        count = left.pop(0)
        for _ in range(count):
            conductor.submit(Body())
        if len(left) < len(arrivals) and left:
            loop.call_soon(step)

    loop.call_soon(step)
    conductor.run()
    loop.close()
    return scorer.taken[20:]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert "modelship-io" not in {each.name for each in threading.enumerate()}


@pytest.fixture
def still(monkeypatch):
    """Let no time pass for the conductor, however busy the machine is: each run is short."""
    clock = SimpleNamespace(perf_counter=lambda: 0.0, monotonic_ns=time.monotonic_ns)
    monkeypatch.setattr("modelship.server.conductor.time", clock)


@pytest.mark.usefixtures("still")
def test_what_arrives_while_others_are_read_goes_along():
    """As long as each look finds some, they are scored in one call; the first empty one ends it."""
    assert taken([2, 3, 1, 0, 4], takes_several=True) == [6, 4]


@pytest.mark.usefixtures("still")
def test_a_lone_request_is_not_held_up():
    """Nobody looks for others where only one has arrived."""
    assert taken([1, 1, 1], takes_several=True) == [1, 1, 1]


@pytest.mark.usefixtures("still")
def test_a_script_that_takes_one_is_never_held_up():
    """Where nothing goes together, nothing is gathered."""
    assert taken([2, 3], takes_several=False) == [1] * 5


def test_an_answer_lets_the_next_requests_in():
    """Also those that the loop does not run, for which it moves to another thread."""
    loop = asyncio.new_event_loop()
    answered = []

    class Slow(Scorer):
        def __call__(self, waiting):
            time.sleep(0.02 if waiting[0].body else 0)
            return super().__call__(waiting)

    def deliver(request, _answer):
        answered.append(request)
        for _ in range(4 if len(answered) == 20 else len(answered) < 20):
            request = Body()
            request.body = bytes(2_000_000 if len(answered) == 20 else 0)
            conductor.submit(request)
        if len(answered) == 24:
            conductor.end()

    slot = Scoreboard(1).slot(0)
    conductor = Conductor(loop, Slow(takes_several=False), deliver=deliver, slot=slot)
    deadline = threading.Timer(60.0, conductor.end)
    deadline.start()
    loop.call_soon(conductor.submit, Body())
    conductor.run()
    deadline.cancel()
    loop.close()
    assert len(answered) == 24
