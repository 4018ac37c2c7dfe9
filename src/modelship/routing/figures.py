"""Collect request counts and latencies of a release."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Figures", "Latencies", "of_document"]

_STEP: Final = math.log(1.02)  # so a percentile is accurate to 1 %
_LEAST_S: Final = 1e-5


@dataclass(frozen=True)
class Latencies:
    """The latencies of responses, as a histogram of logarithmic buckets.

    Parameters
    ----------
    buckets : Mapping[int, int]
        The number of responses in each; bucket ``n`` is around 10 µs times 1.02 to the power of
        ``n``.
    """

    buckets: Mapping[int, int] = field(default_factory=dict)

    @staticmethod
    def bucket(seconds: float) -> int:
        """Return the bucket of one latency."""
        return round(math.log(max(seconds, _LEAST_S) / _LEAST_S) / _STEP)

    @property
    def count(self) -> int:
        """The number of responses."""
        return sum(self.buckets.values())

    def percentile_s(self, share: float) -> float:
        """Return the latency in seconds that `share` of the responses keep; NaN without any."""
        wanted = math.ceil(share * self.count)
        if not wanted:
            return math.nan
        for bucket in sorted(self.buckets):
            wanted -= self.buckets[bucket]
            if wanted <= 0:
                break
        return _LEAST_S * math.exp(bucket * _STEP)

    def since(self, earlier: Latencies) -> Latencies:
        """Return the difference from `earlier`."""
        return Latencies(dict(Counter(self.buckets) - Counter(earlier.buckets)))


@dataclass(frozen=True)
class Figures:
    """The request counts and latencies of one release so far.

    Parameters
    ----------
    requests : int
        The completed requests that were sent to it.
    errors : int
        Of these, those that it answered with a status of 500 or more, or not at all. A status of
        400 to 499 is an error of the client.
    refused : int
        Those that it answered with a status of 400 to 499.
    unreachable : int
        Of the errors, those after which it got no more requests: no connection was possible, or it
        has aborted three requests in a row.
    compared : int
        Requests that both releases have answered.
    differing : int
        Of these, those that they answered differently.
    dropped : int
        Requests that were not copied, since the queue of copies was full.
    latencies : Latencies
        The latencies of the answered requests.
    """

    requests: int = 0
    errors: int = 0
    refused: int = 0
    unreachable: int = 0
    compared: int = 0
    differing: int = 0
    dropped: int = 0
    latencies: Latencies = field(default_factory=Latencies)

    @property
    def error_rate(self) -> float:
        """The share of requests that are errors; 0 if there are no requests."""
        return self.errors / self.requests if self.requests else 0.0

    @property
    def refused_rate(self) -> float:
        """The share of requests that were refused; 0 if there are no requests."""
        return self.refused / self.requests if self.requests else 0.0

    @property
    def disagreement(self) -> float:
        """The share of compared requests with different responses; 0 if there are none."""
        return self.differing / self.compared if self.compared else 0.0

    @property
    def p95_s(self) -> float:
        """The 95th percentile of the latency, in seconds; NaN if nothing was answered."""
        return self.latencies.percentile_s(0.95)

    def since(self, earlier: Figures) -> Figures:
        """Return the difference from `earlier`."""
        counts = {name: getattr(self, name) - getattr(earlier, name) for name in _COUNTS}
        return Figures(**counts, latencies=self.latencies.since(earlier.latencies))

    def named(self, release: str) -> dict[str, float]:
        """Return the values for a history, by names that begin with `release`."""
        told: dict[str, float] = {
            name: count
            for name in _COUNTS
            if (count := getattr(self, name)) or name in _ALWAYS_KEPT
        }
        told |= {f"p{share}_ms": self.latencies.percentile_s(share / 100) * 1000 for share in _KEPT}
        return {
            f"{release}.{name}": round(value, 3)
            for name, value in told.items()
            if not math.isnan(value)
        }


_COUNTS: Final = (
    *("requests", "errors", "refused", "unreachable"),
    *("compared", "differing", "dropped"),
)
_ALWAYS_KEPT: Final = ("requests", "errors")
_KEPT: Final = (50, 95, 99)


def of_document(document: Mapping[str, Any]) -> Figures:
    """Read the figures that a :class:`Tally` wrote."""
    buckets = {int(bucket): count for bucket, count in document["latencies"].items()}
    counts = {name: document[name] for name in _COUNTS}
    return Figures(**counts, latencies=Latencies(buckets))


class Tally:
    """Figures that are being counted."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter(dict.fromkeys(_COUNTS, 0))
        self._buckets: Counter[int] = Counter()

    def answered(self, *, status: int, latency_s: float) -> None:
        """Count a response."""
        self.counts["requests"] += 1
        self.counts["errors"] += status >= _SERVER_ERROR
        self.counts["refused"] += _CALLERS_ERROR <= status < _SERVER_ERROR
        self._buckets[Latencies.bucket(latency_s)] += 1

    def failed(self, *, unreachable: bool = False) -> None:
        """Count a request without a response."""
        self.counts.update(requests=1, errors=1, unreachable=int(unreachable))

    def to_document(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {**self.counts, "latencies": dict(self._buckets)}


_CALLERS_ERROR: Final = 400
_SERVER_ERROR: Final = 500
