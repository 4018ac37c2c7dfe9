"""What was measured, and what follows from it: medians, ranges, ratios within one repetition."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass

__all__ = ["Figures", "Launch", "Point", "Spread"]


@dataclass(frozen=True)
class Point:
    """One server under one load, once.

    Parameters
    ----------
    server : str
        The server's name.
    repetition : int
        Counted from 0.
    rows, clients : int
        The rows of each body, and the connections that send at a time.
    requests : int
        Requests that were answered.
    duration_s : float
        How long requests were sent.
    cpu_ms : float
        The server's cpu per request, its whole process tree, in milliseconds.
    p50_ms, p99_ms : float
        Percentiles of the time to an answer.
    errors : int
        Answers other than 2xx and 3xx, and failures of sockets.
    """

    server: str
    repetition: int
    rows: int
    clients: int
    requests: int
    duration_s: float
    cpu_ms: float
    p50_ms: float
    p99_ms: float
    errors: int

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.duration_s

    @property
    def tail(self) -> float:
        """How many times the median the 99th percentile is."""
        return self.p99_ms / self.p50_ms if self.p50_ms else float("inf")


@dataclass(frozen=True)
class Launch:
    """One start of a server.

    Parameters
    ----------
    server : str
        The server's name.
    repetition : int
        Counted from 0.
    start_s : float
        From its start to its first right answer.
    pss_mib : float
        The memory of its process tree after the load, shared pages counted once.
    """

    server: str
    repetition: int
    start_s: float
    pss_mib: float


@dataclass(frozen=True)
class Spread:
    """The median of some values, and their range."""

    median: float
    low: float
    high: float

    @staticmethod
    def of(values: list[float]) -> Spread | None:
        """Return the spread of `values`; None where there are none."""
        return Spread(statistics.median(values), min(values), max(values)) if values else None

    def text(self, digits: int = 3) -> str:
        """Return the median and the range, with `digits` significant digits."""
        low, high = significant(self.low, digits), significant(self.high, digits)
        middle = significant(self.median, digits)
        return middle if low == high else f"{middle} ({low}–{high})"  # noqa: RUF001 - a range


def significant(value: float, digits: int) -> str:
    """Return `value` with so many significant digits, and without an exponent."""
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    if whole:
        return f"{value:.{max(0, digits - whole)}f}"
    return f"{float(f'{value:.{digits - 1}g}'):.{digits}f}"


class Figures:
    """Everything that was measured in one run."""

    def __init__(self, points: list[Point], launches: list[Launch], failures: list[str]):
        self.points = points
        self.failures = failures
        self.launches = launches

    def spread(self, name: str, *, server: str, rows: int, clients: int) -> Spread | None:
        """Return the spread of a figure of :class:`Point` over the repetitions."""
        found = self._at(server, rows, clients).values()
        return Spread.of([getattr(each, name) for each in found])

    def ratio(self, *, server: str, baseline: str, rows: int, clients: int) -> Spread | None:
        """Return how many times more cpu per request `baseline` takes than `server`.

        Each repetition gives one ratio: what slows the machine slows both alike.
        """
        ours, theirs = self._at(server, rows, clients), self._at(baseline, rows, clients)
        return Spread.of(
            [theirs[each].cpu_ms / ours[each].cpu_ms for each in ours if each in theirs]
        )

    def launch(self, name: str, *, server: str) -> Spread | None:
        """Return the spread of a figure of :class:`Launch` over the repetitions."""
        return Spread.of(list(self._launches(name, server).values()))

    def launch_ratio(self, name: str, *, server: str, baseline: str) -> Spread | None:
        """Return how many times `baseline`'s figure `server`'s is, in each repetition."""
        ours, theirs = self._launches(name, server), self._launches(name, baseline)
        return Spread.of([ours[each] / theirs[each] for each in ours if each in theirs])

    def errors(self, *, server: str) -> int:
        """Return how many requests of a server failed."""
        return sum(each.errors for each in self.points if each.server == server)

    def as_json(self) -> dict[str, list[dict[str, object]]]:
        """Return all of it, ready for JSON."""
        return {
            "failures": self.failures,
            "points": [asdict(each) for each in self.points],
            "launches": [asdict(each) for each in self.launches],
        }

    def _at(self, server: str, rows: int, clients: int) -> dict[int, Point]:
        where = (server, rows, clients)
        return {
            each.repetition: each
            for each in self.points
            if (each.server, each.rows, each.clients) == where
        }

    def _launches(self, name: str, server: str) -> dict[int, float]:
        return {
            each.repetition: getattr(each, name) for each in self.launches if each.server == server
        }
