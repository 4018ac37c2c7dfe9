"""Define Canary and Shadow: how a new release is tried before it gets all requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from modelship.errors import InvalidOptionError
from modelship.routing.trial_bounds import Bounds, check_seconds, check_whole

__all__ = ["Canary", "Shadow"]

_ALL = 100


@dataclass(frozen=True, kw_only=True)
class Canary:
    """Send a growing part of the requests to a new release.

    A step ends when the new release has answered `requests` requests and `seconds` have passed. If
    it does not keep the bounds, or there was too little traffic within `timeout_s`, all requests go
    to the old release again and the new one is removed.

    Parameters
    ----------
    weights : Sequence[int]
        The percentage of the requests in each step, 1 to 100, increasing; with 10, exactly every
        tenth request goes to the new release.
    requests : int
        The number of requests that the new release has to answer in each step, 1 or more.
    seconds : float
        The minimum duration of each step.
    timeout_s : float
        The timeout of all steps together, in seconds.
    bounds : Bounds
        The bounds of the new release. With a bound for disagreement each request is sent to both
        releases, and the client gets the response of the one whose turn it is.

    Raises
    ------
    InvalidOptionError
        If an option has an invalid value.
    """

    weights: tuple[int, ...] = (10, 50, 100)
    requests: int = 50
    seconds: float = 0.0
    timeout_s: float = 600.0
    bounds: Bounds = field(default_factory=Bounds)

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", _checked_weights(self.weights))
        _check_length(self, steps=len(self.weights))
        _check_bounds(self.bounds)

    @property
    def copies(self) -> bool:
        """Whether requests have to be sent to both releases."""
        return self.bounds.disagreement is not None


@dataclass(frozen=True, kw_only=True)
class Shadow:
    """Send a copy of each request to a new release, and discard its responses.

    The client gets the old release's response and never waits for the copy. If the queue of copies
    is full, requests are not copied, and these are counted. The stage ends when `requests`
    responses have been compared and `seconds` have passed. If the new release does not keep the
    bounds, or there was too little traffic within `timeout_s`, it is removed.

    Parameters
    ----------
    requests : int
        The number of requests that both releases have to answer, 1 or more.
    seconds : float
        The minimum duration.
    timeout_s : float
        The timeout of the whole stage, in seconds.
    bounds : Bounds
        The bounds of the new release.
    record : str or Path, optional
        A file for the requests with different responses, and their differences; it is replaced.
        ``modelship parity --requests`` and ``modelship replay`` can send them again. By default it
        is in the state folder of modelship. Only its owner may read it, and it omits what may be a
        secret by its name (a header such as Authorization, a query parameter).
    most_recorded : int
        The maximum number of differing requests that are recorded.
    concurrency : int
        The number of copies that are sent at once, 1 to 64.

    Raises
    ------
    InvalidOptionError
        If an option has an invalid value.
    """

    requests: int = 100
    seconds: float = 0.0
    timeout_s: float = 600.0
    bounds: Bounds = field(default_factory=Bounds)
    record: str | Path | None = None
    most_recorded: int = 100
    concurrency: int = 4

    def __post_init__(self) -> None:
        _check_length(self, steps=1)
        _check_bounds(self.bounds)
        check_whole("most_recorded", self.most_recorded, least=0)
        check_whole("concurrency", self.concurrency)
        if self.concurrency > _MOST_COPIES:
            raise InvalidOptionError("concurrency", self.concurrency, f"1 to {_MOST_COPIES}")
        if self.record is not None:
            object.__setattr__(self, "record", Path(self.record).expanduser().absolute())


_MOST_COPIES = 64


def _checked_weights(given: object) -> tuple[int, ...]:
    weights = tuple(given) if isinstance(given, (tuple, list)) else ()
    are_whole = all(isinstance(each, int) and not isinstance(each, bool) for each in weights)
    are_percents = are_whole and all(1 <= each <= _ALL for each in weights)
    if not weights or not are_percents or list(weights) != sorted(set(weights)):
        expected = "whole percentages from 1 to 100, rising, such as (10, 50, 100)"
        raise InvalidOptionError("weights", given, expected)
    return weights


def _check_length(stage: Canary | Shadow, *, steps: int) -> None:
    check_whole("requests", stage.requests)
    check_seconds("seconds", stage.seconds)
    check_seconds("timeout_s", stage.timeout_s, least=1.0)
    if stage.seconds * steps >= stage.timeout_s:
        expected = f"more than the {stage.seconds * steps:g} s that its steps take"
        raise InvalidOptionError("timeout_s", stage.timeout_s, expected)


def _check_bounds(bounds: object) -> None:
    if not isinstance(bounds, Bounds):
        raise InvalidOptionError("bounds", bounds, "Bounds(...)")
