"""Call run(), always in the main thread, as Azure ML's server does.

While run() is fast, the event loop runs in the main thread too, and calls it directly: passing each
request to another thread would cost as much as all other work of the server. Once a run() is slow,
the loop moves to a thread of its own, so that health checks, and all other requests that do not
need run(), are answered meanwhile; when the runs have been fast again for a while, it moves back.
The move is cheap, since a loop is not bound to a thread: it only must not run in two at once.
"""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Protocol

from .scoreboard import Field

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from .http_contract import HttpAnswer, Request
    from .scoreboard import Slot

__all__ = ["Conductor", "Scores"]

_SHORT_S = 0.010
"""The maximum delay of health: if the average run takes longer, the loop calls none."""
_LONG_S = 0.050
"""After a run this long, the loop calls none for a while.

The scheduler of a busy machine makes other runs slightly longer than they are, which is not a
reason.
"""
_MEMORY = 0.9
_LARGEST_BODY = 1_000_000
"""The loop handles no larger body: reading a megabyte of JSON takes 10 ms and more."""
_TURN_S = 0.001
"""How long the loop runs requests before it sends their answers and reads new ones.

Sending them together wakes the waiting clients once, which costs less than once per answer.
"""
_FEWEST_SHORT = 8
_LOOK_EVERY_S = 0.2
_MOST_SHORT = 256

Scored = tuple["Request", "HttpAnswer"]


class Scores(Protocol):
    """The interface that the conductor calls.

    Attributes
    ----------
    takes_several : bool
        Whether scoring several requests at once costs less than scoring each on its own.
    """

    takes_several: bool

    def __call__(self, waiting: deque[Request]) -> Sequence[Scored]:
        """Score one request, or several together, and return their responses."""


class Conductor:
    """Calls `score` for the submitted requests, in first-come, first-served order.

    Parameters
    ----------
    loop : asyncio.AbstractEventLoop
        The worker's event loop, not running yet.
    score : Scores
        Calls run().
    deliver : callable
        Called by the loop with a request and its response.
    slot : Slot
        Where the start of the current run() is published to other processes.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        score: Scores,
        *,
        deliver: Callable[[Request, HttpAnswer], None],
        slot: Slot,
    ) -> None:
        self.waiting: deque[Request] = deque()
        self._loop = loop
        self._score = score
        self._deliver_one = deliver
        self._slot = slot
        self._called = False  # a turn of the loop is scheduled
        self._found = 0  # at the last look for requests to batch; 0 before the first one
        self._look_until = 0.0
        self._apart = True  # the duration of run() is still unknown
        self._mean_s = 0.0  # a moving average that weights the latest most
        self._short_runs = 0  # since the last slow one
        self._enough_short_runs = _FEWEST_SHORT
        self._done: deque[Scored] = deque()  # its ends are safe to use in two threads
        self._delivery_called = False
        self._bell = threading.Lock()
        self._bell.acquire()
        self._ended = False

    def submit(self, request: Request) -> None:
        """Enqueue a request for scoring. Called by the loop."""
        self.waiting.append(request)
        if not self._called:
            self._call()

    @property
    def idle(self) -> bool:
        """Whether no request is queued or running, and every response is sent."""
        return not (self.waiting or self._done or self._slot[Field.BUSY_SINCE_NS])

    def run(self) -> None:
        """Run the loop and the requests until :meth:`end`; in the main thread."""
        while not self._ended:
            if self._apart:
                self._run_apart()
            else:
                self._loop.run_forever()

    def end(self) -> None:
        """Make :meth:`run` return. Called by the loop."""
        self._ended = True
        self._loop.stop()
        self._ring()

    def _call(self) -> None:
        if self._apart:
            self._ring()
        else:
            self._called = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        """Run queued requests within the loop, for at most one turn, and send the responses."""
        if self._score.takes_several and self._finds_more():
            self._loop.call_soon(self._turn)
            return
        scored: list[Scored] = []
        end = time.perf_counter() + _TURN_S
        while self.waiting and self._is_short(self.waiting[0]):
            scored += self._timed()
            if time.perf_counter() > end:
                break
        for request, answer in scored:
            self._deliver_one(request, answer)
        self._called = False  # not earlier: a response may admit the next request of its client
        if not self.waiting:
            return
        if self._is_short(self.waiting[0]):
            self._call()
        else:
            self._apart = True
            self._loop.stop()

    def _finds_more(self) -> bool:
        """Return whether to look once more for requests to batch with these.

        Nothing is waited for: each look collects the requests that arrived while the last ones were
        read, and the first look that finds none ends the search. A single request is not delayed.
        """
        now, found = time.perf_counter(), len(self.waiting)
        if not self._found:
            self._look_until = now + _TURN_S
        if found > max(self._found, 1) and now < self._look_until:
            self._found = found
            return True
        self._found = 0
        return False

    def _run_apart(self) -> None:
        """Run queued requests, while the loop runs in a thread of its own."""
        thread = threading.Thread(target=self._run_loop_here, name="modelship-io", daemon=True)
        thread.start()
        while not self._ended and not self._may_return():
            if not self.waiting:
                # A thread of the script may handle a signal, which then does not end the wait.
                self._bell.acquire(timeout=_LOOK_EVERY_S)
                continue
            self._done.extend(self._timed())
            if not self._delivery_called:
                self._delivery_called = True
                self._loop.call_soon_threadsafe(self._deliver)
        self._loop.call_soon_threadsafe(self._loop.stop)
        thread.join()
        self._apart = self._ended
        self._loop.call_soon(self._deliver)
        if self.waiting and not self._ended:
            self._call()

    def _run_loop_here(self) -> None:
        # Signals are for the main thread: one delivered here would not interrupt a sleeping run().
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        self._loop.run_forever()

    def _deliver(self) -> None:
        self._delivery_called = False  # first, so that work submitted from now on calls again
        while self._done:
            self._deliver_one(*self._done.popleft())

    def _timed(self) -> Sequence[Scored]:
        self._slot[Field.BUSY_SINCE_NS] = time.monotonic_ns()
        began = time.perf_counter()
        scored = self._score(self.waiting)
        took_s = time.perf_counter() - began
        self._mean_s += (1 - _MEMORY) * (took_s - self._mean_s)
        if took_s < _LONG_S:
            self._short_runs += 1
        else:
            self._short_runs = 0
            self._enough_short_runs = min(2 * self._enough_short_runs, _MOST_SHORT)
        self._slot[Field.BUSY_SINCE_NS] = 0
        return scored

    def _is_short(self, request: Request) -> bool:
        is_known = self._short_runs > 0 and self._mean_s < _SHORT_S
        return is_known and len(request.body) <= _LARGEST_BODY

    def _may_return(self) -> bool:
        if self._short_runs < self._enough_short_runs or self._mean_s > _SHORT_S / 2:
            return False
        return not self.waiting or self._is_short(self.waiting[0])

    def _ring(self) -> None:
        if self._bell.locked():
            self._bell.release()
