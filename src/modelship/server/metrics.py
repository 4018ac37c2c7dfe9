"""``/metrics``: the board's numbers as Prometheus reads them (text format 0.0.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .board import BUCKETS_S, Field

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .board import Board

__all__ = ["exposition"]

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


def exposition(board: Board) -> bytes:
    """Return all numbers, of all workers together."""
    return "".join(f"{line}\n" for line in _lines(board)).encode()


def _lines(board: Board) -> Iterator[str]:
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


def _histogram(board: Board) -> Iterator[str]:
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
