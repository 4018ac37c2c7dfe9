"""Define Scoreboard: counters of each worker, in shared memory.

It is created before the processes are forked, and does not belong to any of them: the counts of a
worker outlive it, and its successor continues them. ``/metrics`` shows them in Prometheus' text
format 0.0.4.
"""

from __future__ import annotations

import mmap
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BUCKETS_S", "Field", "Scoreboard", "Slot", "exposition"]

BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds of the histogram's buckets, in seconds."""


class Field:
    """The field offsets in a slot. Times are in microseconds, or in the unit of their names.

    Plain integers, since each request increments several: members of an enumeration take twice as
    long.
    """

    PID: Final = 0
    READY: Final = 1
    ALONE: Final = 2
    BUSY_SINCE_NS: Final = 3
    CONNECTIONS: Final = 4
    WAITING: Final = 5
    ANSWERED_2XX: Final = 6
    ANSWERED_4XX: Final = 7
    ANSWERED_5XX: Final = 8
    ANSWERED_OTHERS: Final = 9
    FAILED_RUNS: Final = 10
    TIMED_OUT_RUNS: Final = 11
    REFUSED_BUSY: Final = 12
    REFUSED_KEY: Final = 13
    RUNS: Final = 14
    RUN_US: Final = 15
    BATCHED_REQUESTS: Final = 16
    BATCHED_ROWS: Final = 17
    STARTS: Final = 18
    DURATION_US: Final = 19
    LEAVING: Final = 20  # it asks to be replaced
    AT_GATE: Final = 21  # it accepts connections to the name's address
    UNSEEN_VALUES: Final = 22
    OUTSIDE_NUMBERS: Final = 23
    BUCKETS: Final = 24  # the first of len(BUCKETS_S) + 1


_OF_THE_LIVING = (
    *(Field.PID, Field.READY, Field.ALONE, Field.BUSY_SINCE_NS),
    *(Field.CONNECTIONS, Field.WAITING, Field.LEAVING, Field.AT_GATE),
)
_FIELDS = Field.BUCKETS + len(BUCKETS_S) + 1
_ITEM_BYTES = 8
_ITEMS_TOGETHER = 16
"""Two cache lines, which processors load together, so that workers do not share one."""
_WIDTH = -(-_FIELDS // _ITEMS_TOGETHER) * _ITEMS_TOGETHER
_ENDING, _HELD, _HOSTS = range(3)
_MOST_COUNTED = 1 << 62

Slot = memoryview
"""One worker's numbers, by :class:`Field`."""


class Scoreboard:
    """The slots of all workers.

    Parameters
    ----------
    workers : int
        The number of workers that run at once. There are twice as many slots, since a worker can
        start before the one that it replaces has ended.
    """

    def __init__(self, workers: int) -> None:
        self.wanted = workers
        self._count = 2 * workers
        # The numbers that belong to no worker follow the slots.
        own = _HOSTS + self._count
        shared = mmap.mmap(-1, (self._count * _WIDTH + own) * _ITEM_BYTES)
        self._numbers = memoryview(shared).cast("q")
        self._own = self._numbers[self._count * _WIDTH :]

    # The supervisor's numbers

    @property
    def held(self) -> int:
        """The accepted connections that the supervisor still has to pass on, at shutdown."""
        return self._own[_HELD]

    @held.setter
    def held(self, count: int) -> None:
        self._own[_HELD] = count

    @property
    def ending(self) -> bool:
        """Whether the whole service is shutting down, and not just one worker."""
        return bool(self._own[_ENDING])

    def end(self) -> None:
        """Record that the service is shutting down."""
        self._own[_ENDING] = 1

    def hosts(self) -> list[int]:
        """Return the process ids of all hosts."""
        return [pid for pid in self._own[_HOSTS:] if pid > 0]

    def place_for_host(self) -> int:
        """Return a free entry for a host that is about to start."""
        hosts = self._own[_HOSTS:].tolist()
        return hosts.index(0) if 0 in hosts else 0

    def note_host(self, place: int, pid: int) -> None:
        """Record a host, so that it is known if the supervisor is killed."""
        self._own[_HOSTS + place] = pid

    def forget_host(self, pid: int) -> None:
        """Remove a host that has ended."""
        hosts = self._own[_HOSTS:]
        for place, each in enumerate(hosts):
            if each == pid:
                hosts[place] = 0

    # The workers' numbers

    def slot(self, index: int) -> Slot:
        """Return one worker's numbers; all processes see changes to them."""
        return self._numbers[index * _WIDTH : (index + 1) * _WIDTH]

    def slots(self) -> Iterator[Slot]:
        """Yield the numbers of every worker, past and present."""
        return (self.slot(index) for index in range(self._count))

    def take(self) -> int | None:
        """Reserve a free slot for a worker that is about to start; None if there is none."""
        for index, slot in enumerate(self.slots()):
            if not slot[Field.PID]:
                self.clear(slot)  # the last worker may have written after it was given up
                slot[Field.PID] = -1  # until the worker writes its own
                return index
        return None

    def of(self, pid: int) -> Slot | None:
        """Return the numbers of a running worker."""
        return next((slot for slot in self.slots() if slot[Field.PID] == pid), None)

    def says(self, pid: int, field: int) -> bool:
        """Return whether a running worker has set a field that is 1 or 0."""
        slot = self.of(pid)
        return slot is not None and bool(slot[field])

    def release(self, pid: int) -> None:
        """Free the slot of a worker that has ended; its counts are kept."""
        slot = self.of(pid)
        if slot is not None:
            self.clear(slot)

    def clear(self, slot: Slot) -> None:
        """Free a slot; its counts are kept."""
        for field in _OF_THE_LIVING:
            slot[field] = 0

    def repair(self, slot: Slot) -> bool:
        """Reset values that no worker can have written; return whether there were any.

        A script can write to any address, because of a bug in a C library.
        """
        wrong = [n for n, number in enumerate(slot) if not -1 <= number < _MOST_COUNTED]
        for n in wrong:
            slot[n] = 0
        return bool(wrong)

    def ready(self) -> int:
        """Return the number of workers that accept requests."""
        return sum(1 for slot in self.slots() if slot[Field.READY])

    def at_gate(self, *, on: bool) -> bool:
        """Return whether all workers accept connections to the name's address, or none does."""
        return all(bool(slot[Field.AT_GATE]) == on for slot in self.slots() if slot[Field.READY])

    def readiness(self) -> str:
        """Describe in words how many of the workers accept requests."""
        ready = self.ready()
        state = "Ready" if ready else "Loading"
        return f"{state}: {min(ready, self.wanted)} of {self.wanted} workers"

    @property
    def busy(self) -> bool:
        """Whether a worker is in run()."""
        return any(slot[Field.BUSY_SINCE_NS] for slot in self.slots())

    def busy_for_s(self) -> float:
        """Return the shortest time that a ready worker has been in its current run()."""
        now = time.monotonic_ns()
        since = [slot[Field.BUSY_SINCE_NS] for slot in self.slots() if slot[Field.READY]]
        return min((now - each) / 1e9 if each else 0.0 for each in since) if since else 0.0

    def total(self, field: int) -> int:
        """Return the sum of one number over all workers."""
        return sum(slot[field] for slot in self.slots())


_COUNTERS = (
    ("modelship_runs_total", "Calls of run().", Field.RUNS),
    ("modelship_run_failures_total", "Calls of run() that failed.", Field.FAILED_RUNS),
    ("modelship_run_timeouts_total", "Calls of run() that took too long.", Field.TIMED_OUT_RUNS),
    ("modelship_refused_busy_total", "Requests refused with 503.", Field.REFUSED_BUSY),
    ("modelship_refused_key_total", "Requests refused with 401.", Field.REFUSED_KEY),
    ("modelship_batched_requests_total", "Requests scored together.", Field.BATCHED_REQUESTS),
    ("modelship_batched_rows_total", "Rows scored together.", Field.BATCHED_ROWS),
    ("modelship_unseen_values_total", "Values unknown to the model.", Field.UNSEEN_VALUES),
    (
        "modelship_outside_numbers_total",
        "Numbers outside the range of the sample.",
        Field.OUTSIDE_NUMBERS,
    ),
    ("modelship_worker_starts_total", "Workers that were started.", Field.STARTS),
)
_CLASSES = (
    ("2xx", Field.ANSWERED_2XX),
    ("4xx", Field.ANSWERED_4XX),
    ("5xx", Field.ANSWERED_5XX),
    ("other", Field.ANSWERED_OTHERS),
)
_GAUGES = (
    ("modelship_connections", "Connections that are open.", Field.CONNECTIONS),
    ("modelship_waiting_requests", "Requests that wait for run().", Field.WAITING),
    ("modelship_ready_workers", "Workers that take requests.", Field.READY),
)


def exposition(board: Scoreboard) -> bytes:
    """Return all numbers, summed over the workers."""
    return "".join(f"{line}\n" for line in _lines(board)).encode()


def _lines(board: Scoreboard) -> Iterator[str]:
    yield from _head("modelship_requests_total", "Requests to /score by status.", "counter")
    for name, field in _CLASSES:
        yield f'modelship_requests_total{{status="{name}"}} {board.total(field)}'
    for name, told, field in _COUNTERS:
        yield from _head(name, told, "counter")
        yield f"{name} {board.total(field)}"
    for name, told, field in _GAUGES:
        yield from _head(name, told, "gauge")
        yield f"{name} {board.total(field)}"
    yield from _head("modelship_run_seconds_total", "Time spent in run().", "counter")
    yield f"modelship_run_seconds_total {board.total(Field.RUN_US) / 1e6}"
    yield from _histogram(board)


def _histogram(board: Scoreboard) -> Iterator[str]:
    name = "modelship_request_duration_seconds"
    yield from _head(name, "From a request's head to its answer.", "histogram")
    below = 0
    for index, bound in enumerate((*map(str, BUCKETS_S), "+Inf")):
        below += board.total(Field.BUCKETS + index)
        yield f'{name}_bucket{{le="{bound}"}} {below}'
    yield f"{name}_sum {board.total(Field.DURATION_US) / 1e6}"
    yield f"{name}_count {below}"


def _head(name: str, told: str, kind: str) -> tuple[str, str]:
    return f"# HELP {name} {told}", f"# TYPE {name} {kind}"
