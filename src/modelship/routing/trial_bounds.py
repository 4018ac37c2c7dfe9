"""Define the bounds that a new release must keep while it is tried."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelship.errors import InvalidOptionError

if TYPE_CHECKING:
    from modelship.routing.figures import Figures

__all__ = ["Bounds", "check_seconds", "check_whole"]

_ENOUGH: Final = 20
"""The number of answers of each release from which on their latencies are compared."""
_SEVERAL: Final = 3
"""The number of failures or refusals that is significant if the total is unknown."""
_NOISE_S: Final = 0.005
"""A difference of latencies that is not significant."""
_RATES: Final = ("error_rate", "refused_rate", "disagreement")
# The bounds that may be None: the least and the most value of each.
_OPTIONAL: Final = (
    *((name, 0.0, 1.0, "a share from 0 to 1, or None") for name in _RATES),
    ("p95_ratio", 1.0, math.inf, "a number of at least 1, or None"),
    ("p95_s", 0.001, math.inf, "at least 0.001 seconds, or None"),
)


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """The bounds that a new release has to keep while it is tried; None disables a bound.

    Parameters
    ----------
    error_rate : float, optional
        The maximum share of its requests, 0 to 1, that it may answer with a status of 500 or more,
        or not at all, beyond the share of the old release. Requests for which run() raises are
        errors of both, so the number that is likely by chance at the old release's share (two
        standard deviations) is allowed in addition.
    refused_rate : float, optional
        The maximum share of its requests, 0 to 1, that it may answer with a status of 400 to 499,
        beyond the share of the old release: a client may send anything, but a model with other
        columns refuses requests that the old one answered. The number that is likely by chance is
        allowed in addition.
    p95_ratio : float, optional
        The maximum ratio of the 95th percentiles of its latency and the old release's. It is
        checked once both have answered 20 requests, and a difference below 5 ms does not count.
    p95_s : float, optional
        The maximum 95th percentile of its latency, in seconds; checked once it has answered 20
        requests.
    disagreement : float, optional
        The maximum share of requests, 0 to 1, that the two releases may answer differently. A new
        model is expected to answer some differently, so there is no bound by default.
    tolerance : float
        The tolerance between two floats that count as equal, absolute or relative to the larger.

    Raises
    ------
    InvalidOptionError
        If a bound is not a number or out of its range.
    """

    error_rate: float | None = 0.01
    refused_rate: float | None = 0.1
    p95_ratio: float | None = 3.0
    p95_s: float | None = None
    disagreement: float | None = None
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        _check("tolerance", self.tolerance, expected="a number of at least 0")
        for name, least, most, expected in _OPTIONAL:
            if getattr(self, name) is not None:
                _check(name, getattr(self, name), expected=expected, least=least, most=most)

    def certainly_broken(self, new: Figures, old: Figures, *, planned: int | None) -> str:
        """Return why the new release can no longer keep the bounds, or ``""``.

        Parameters
        ----------
        new, old : Figures
            The figures of the new release in this step; those of the old one so far.
        planned : int or None
            The minimum number of requests in the step: a rate is broken only when more of them have
            failed than it allows. If None, it is unknown, and at least three have to fail.
        """
        least = 1 if planned else _SEVERAL
        of = max(new.requests, planned or 0), max(new.compared, planned or 0)
        return self._rates(new, old, of=of, least=least)

    def broken(self, new: Figures, old: Figures) -> str:
        """Return which bound the new release has broken at the end of a step, or ``""``."""
        rates = self._rates(new, old, of=(new.requests, new.compared), least=1)
        return rates or self._slow(new, old)

    def _rates(self, new: Figures, old: Figures, *, of: tuple[int, int], least: int) -> str:
        if new.unreachable:
            return "the new release has ended: nothing answers at its address"
        requests, compared = of
        allowed = _allowed(self.error_rate, old.error_rate, requests)
        if self.error_rate is not None and new.errors >= least and new.errors > allowed:
            noun = "error" if new.errors == 1 else "errors"
            beside = f" (the old release: {old.errors} in {old.requests})" if old.errors else ""
            return (
                f"{new.errors} {noun} in {new.requests} requests{beside}; "
                f"the bound is an error rate of {self.error_rate:g}"
            )
        return self._refusing(new, old, requests) or self._differing(new, compared, least=least)

    def _refusing(self, new: Figures, old: Figures, requests: int) -> str:
        allowed = _allowed(self.refused_rate, old.refused_rate, requests)
        if self.refused_rate is None or new.refused < _SEVERAL or new.refused <= allowed:
            return ""
        return (
            f"{new.refused} of {new.requests} requests were answered with a status of 400 to 499 "
            f"(the old release: {old.refused} of {old.requests}); "
            f"the bound is a refused rate of {self.refused_rate:g}"
        )

    def _differing(self, new: Figures, compared: int, *, least: int) -> str:
        bound = self.disagreement
        if bound is not None and new.differing >= least and new.differing > bound * compared:
            return (
                f"{new.differing} of {new.compared} requests were answered differently; "
                f"the bound is a disagreement of {bound:g}"
            )
        return ""

    def _slow(self, new: Figures, old: Figures) -> str:
        if new.latencies.count < _ENOUGH:
            return ""
        told = f"the 95th percentile of its latency is {new.p95_s * 1000:.3g} ms"
        if self.p95_s is not None and new.p95_s > self.p95_s:
            return f"{told}, and {self.p95_s * 1000:.3g} ms is the bound"
        if self.p95_ratio is None or old.latencies.count < _ENOUGH:
            return ""
        if new.p95_s <= max(old.p95_s * self.p95_ratio, old.p95_s + _NOISE_S):
            return ""
        return (
            f"{told}, and {old.p95_s * 1000:.3g} ms that of the old release; "
            f"{self.p95_ratio:g} times that is the bound"
        )


def _allowed(bound: float | None, rate: float, requests: int) -> float:
    """Return how many errors a release may have, including those at the old one's rate."""
    expected = rate * requests
    return (bound or 0.0) * requests + expected + 2 * math.sqrt(expected)


def _check(
    name: str, value: object, *, expected: str, least: float = 0.0, most: float = math.inf
) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidOptionError(name, value, expected)
    if not least <= value <= most or math.isinf(value):
        raise InvalidOptionError(name, value, expected)


def check_seconds(name: str, value: object, *, least: float = 0.0) -> None:
    """Raise InvalidOptionError unless `value` is a number of seconds, at least `least`."""
    _check(name, value, expected=f"at least {least:g} seconds", least=least)


def check_whole(name: str, value: object, *, least: int = 1) -> None:
    """Raise InvalidOptionError unless `value` is a whole number, at least `least`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InvalidOptionError(name, value, f"a whole number of at least {least}")
