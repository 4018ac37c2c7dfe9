"""The pool of forked processes, which the supervisor and its hosts share."""

import os
import signal
import time
from types import SimpleNamespace

import pytest

from modelship.server.listening import Listeners
from modelship.server.pool import Pool
from modelship.server.processes import readable_on_signals
from waiting import wait_until

DEADLINE_S = 20.0


@pytest.fixture
def pool():
    """Return a pool, whose processes are killed after the test."""
    made = Pool(longest_pause_s=0.3, blocked=[signal.SIGUSR2])
    yield made
    made.signal(signal.SIGKILL)
    _ended(made, len(made.pids))


@pytest.fixture
def still(monkeypatch):
    """Let no time pass in the pool, however busy the machine is."""
    monkeypatch.setattr("modelship.server.pool.time", SimpleNamespace(monotonic=lambda: 0.0))


def _ended(pool, count):
    """Return the next processes to end."""
    found = []
    wait_until(lambda: found.extend(pool.reap()) or len(found) >= count)
    return found


def _waits():
    signal.pause()
    return 0


def _keep(pool, wanted, *, asking=(), ready=lambda _: True, most_loading=9):
    return pool.keep(
        wanted,
        start=lambda: bool(pool.fork(_waits)),
        asks=lambda pid: pid in asking,
        is_ready=ready,
        most_loading=most_loading,
    )


def test_as_many_as_are_wanted_are_kept(pool):
    """What is missing is started, and so is another one when one ends."""
    assert not _keep(pool, 2, ready=lambda _: False)
    first, second = pool.pids
    assert _keep(pool, 2)
    os.kill(first, signal.SIGKILL)
    [ended] = _ended(pool, 1)
    assert (ended.pid, ended.code, ended.was_retired) == (first, -signal.SIGKILL, False)
    _keep(pool, 2)
    assert second in pool.pids
    assert len(pool.pids) == 2


def test_one_that_asks_is_retired_once_the_other_is_ready(pool):
    """Meanwhile it keeps running, so that one worker serves."""
    _keep(pool, 1)
    [old] = pool.pids
    _keep(pool, 1, asking=[old])
    [_, new] = pool.pids
    _keep(pool, 1, asking=[old], ready=lambda pid: pid == old)
    assert pool.pids == [old, new]
    _keep(pool, 1, asking=[old])
    [ended] = _ended(pool, 1)
    assert (ended.pid, ended.was_retired) == (old, True)
    assert _keep(pool, 1)
    assert pool.pids == [new]


def test_no_more_load_at_once_than_may(pool):
    """The others are started when these are ready."""
    _keep(pool, 5, ready=lambda _: False, most_loading=2)
    _keep(pool, 5, ready=lambda _: False, most_loading=2)
    assert len(pool.pids) == 2
    _keep(pool, 5, most_loading=2)
    assert len(pool.pids) == 4


@pytest.mark.usefixtures("still")
def test_pauses_grow_up_to_the_longest_and_start_anew(pool):
    """The first one is none; during one nothing is started."""
    assert [pool.pause() for _ in range(5)] == [0.0, 0.1, 0.2, 0.3, 0.3]
    _keep(pool, 1)
    assert pool.pids == []
    pool.recover()
    assert pool.pause() == 0.0
    _keep(pool, 1)
    assert len(pool.pids) == 1


@pytest.mark.parametrize(("become", "code"), [(lambda: 3, 3), (lambda: 1 / 0, 1)])
def test_a_process_ends_with_what_it_returns(pool, become, code):
    """One that raises ends with 1, and never runs what its parent would do next."""
    pid = pool.fork(become)
    [ended] = _ended(pool, 1)
    assert (ended.pid, ended.code) == (pid, code)


@pytest.mark.usefixtures("still")
def test_where_nothing_can_be_forked_there_is_a_pause(pool, monkeypatch):
    """The error is the system's, and the next try comes later."""
    monkeypatch.setattr(os, "fork", lambda: (_ for _ in ()).throw(BlockingIOError(11, "full")))
    pool.pause()
    with pytest.raises(BlockingIOError):
        pool.fork(_waits)
    assert pool.pause_left_s > 0
    assert signal.SIGUSR2 not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_a_wait_is_over_when_a_process_has_ended(pool):
    """The supervisor looks seldom while nothing is under way, and starts another one at once."""
    handler = signal.getsignal(signal.SIGCHLD)
    listeners = Listeners([], are_owned=True, gate=None)
    began_s = time.monotonic()
    with readable_on_signals() as signalled:
        pool.fork(lambda: time.sleep(0.2) or 0)
        listeners.wait(2 * DEADLINE_S, signalled=signalled)
        os.close(signal.set_wakeup_fd(-1))
    signal.signal(signal.SIGCHLD, handler)
    assert time.monotonic() - began_s < DEADLINE_S
    _ended(pool, 1)
