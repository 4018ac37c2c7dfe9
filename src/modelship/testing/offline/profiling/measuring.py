"""Send requests to a container, one after the other, and measure its resource use."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from typing_extensions import Self  # for type checkers only: Python 3.10 lacks it

__all__ = ["Measured", "measure"]

_SHORTEST_S: Final = 3.0
_LONGEST_S: Final = 120.0
_LOOK_EVERY_S: Final = 0.1
_OVER_S: Final = 1.0  # the minimum interval for measuring CPU time
_ANSWER_S: Final = 60.0  # the timeout of Container Instances
_MARGIN: Final = 1.2
_OK: Final = 200


@dataclass(frozen=True)
class Measured:
    """The measurements.

    Parameters
    ----------
    latencies_ms : tuple[float, ...]
        The duration of each request, in milliseconds, in order.
    failures : tuple[str, ...]
        What went wrong with each response other than 200.
    seconds : float
        The total duration.
    cores : float
        The maximum number of busy cores, over a second.
    memory_bytes : int
        The maximum memory, in bytes.
    """

    latencies_ms: tuple[float, ...]
    failures: tuple[str, ...]
    seconds: float
    cores: float
    memory_bytes: int

    @property
    def document(self) -> dict[str, Any]:
        """The fields of a profile; percentiles are the nearest rank."""
        total, failed = len(self.latencies_ms), len(self.failures)
        memory_gb = self.memory_bytes / 2**30
        return {
            "totalQueries": total,
            "successQueries": total - failed,
            "successRate": 100.0 * (total - failed) / total,
            "averageLatencyInMs": sum(self.latencies_ms) / total,
            **{
                f"latencyPercentile{name}InMs": self._percentile(share)
                for name, share in (("50", 50), ("90", 90), ("95", 95), ("99", 99), ("999", 99.9))
            },
            "measuredQueriesPerSecond": total / self.seconds,
            "maxUtilizedCpu": self.cores,
            "maxUtilizedMemoryInGB": memory_gb,
            "recommendedCpu": _upwards(self.cores * _MARGIN),
            "recommendedMemoryInGB": _upwards(memory_gb * _MARGIN),
        }

    def _percentile(self, share: float) -> float:
        ordered = sorted(self.latencies_ms)
        return ordered[max(0, math.ceil(len(ordered) * share / 100) - 1)]


def measure(
    uri: str,
    rows: Sequence[str],
    *,
    headers: dict[str, str],
    usage: Callable[[], tuple[float, int]],
    has_to_end: Callable[[], bool],
) -> Measured:
    """Send each row, repeatedly for at least three seconds, and for at most two minutes.

    Parameters
    ----------
    uri : str
        The scoring URI.
    rows : Sequence[str]
        The bodies.
    headers : dict[str, str]
        Header fields to send.
    usage : Callable
        Returns the CPU time of the container so far, in seconds, and its current memory, in bytes.
    has_to_end : Callable
        Tells, before each request, whether it is the end already.
    """
    latencies: list[float] = []
    failed: list[str] = []
    with _Watch(usage) as watch, requests.Session() as session:
        session.trust_env = False
        start = time.monotonic()
        for number, row in enumerate(cycle(rows)):
            passed = time.monotonic() - start
            is_enough = number >= len(rows) and passed > _SHORTEST_S
            if is_enough or passed > _LONGEST_S or has_to_end():
                break
            before = time.perf_counter()
            problem = _sent(session, uri, row, headers)
            latencies.append((time.perf_counter() - before) * 1000)
            if problem:
                failed.append(problem)
        seconds = time.monotonic() - start
    return Measured(tuple(latencies), tuple(failed), seconds, watch.cores, watch.memory_bytes)


def _sent(session: requests.Session, uri: str, row: str, headers: dict[str, str]) -> str:
    """Return the problem with the response, or ``""``."""
    try:
        answer = session.post(uri, data=row.encode(), headers=headers, timeout=_ANSWER_S)
    except requests.RequestException as error:
        return type(error).__name__
    return "" if answer.status_code == _OK else f"{answer.status_code}: {answer.text[:200]}"


class _Watch:
    """Samples the resource use of a container within the body, and at its end."""

    def __init__(self, usage: Callable[[], tuple[float, int]]) -> None:
        self.cores = 0.0
        self.memory_bytes = 0
        self._usage = usage
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="profile", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        since, busy = time.monotonic(), self._usage()[0]
        has_ended = False
        while not has_ended:
            has_ended = self._ended.wait(_LOOK_EVERY_S)
            now = time.monotonic()
            seconds, memory_bytes = self._usage()
            self.memory_bytes = max(self.memory_bytes, memory_bytes)
            if now - since >= _OVER_S or (has_ended and not self.cores):
                self.cores = max(self.cores, (seconds - busy) / (now - since))
                since, busy = now, seconds


def _upwards(number: float) -> float:
    """Round up to the next tenth; 0.1 is the smallest possible request."""
    return max(0.1, math.ceil(round(number * 10, 6)) / 10)
