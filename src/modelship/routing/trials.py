"""Evaluate a new release on live requests: the results of a shadow and a canary."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from modelship.progress import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from modelship.routing.figures import Figures
    from modelship.routing.router import Router, Traffic
    from modelship.routing.stages import Canary, Shadow
    from modelship.routing.trial_bounds import Bounds

__all__ = ["Trial", "try_canary", "try_shadow"]

_LOOK_S: Final = 0.05
_LOOK_AT_OLD_S: Final = 1.0
_COPYING_LOST: Final = "the process that sends the copies has ended"


@dataclass(frozen=True)
class Trial:
    """The result of a shadow or a canary.

    Parameters
    ----------
    reason : str
        Why the new release must not take over; ``""`` if it may.
    figures : Mapping[str, float]
        The measurements, by name.
    """

    reason: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)


def _nothing() -> None: ...


def try_shadow(
    router: Router,
    shadow: Shadow,
    *,
    record: Path,
    look: Callable[[], None] = _nothing,
) -> Trial:
    """Send a copy of each request to the new release, and check its responses.

    `look` is called each second; an exception that it raises ends the trial.
    """
    limits = {"most_recorded": shadow.most_recorded, "concurrency": shadow.concurrency}
    start = router.copy(_copying(router, shadow.bounds, record) | limits)
    reason, found = _watch(
        router,
        shadow,
        start=start,
        deadline=Deadline(shadow.timeout_s),
        of_new=lambda traffic: traffic.copies,
        count=lambda new: new.compared,
        look=look,
    )
    router.copy(None)
    return Trial(reason, _figures(found.copies, found.old, prefix="shadow"))


def try_canary(
    router: Router,
    canary: Canary,
    *,
    record: Path,
    say: Callable[[str], None] = lambda _: None,
    look: Callable[[], None] = _nothing,
) -> Trial:
    """Send a growing part of the requests to the new release, and check its responses.

    `look` is called each second; an exception that it raises ends the trial.
    """
    start = router.traffic()
    if canary.copies:
        router.copy(_copying(router, canary.bounds, record))
    deadline = Deadline(canary.timeout_s)
    reason = ""
    for weight in canary.weights:
        say(f"{weight} % of the requests go to the new release")
        reason, _ = _watch(
            router,
            canary,
            start=router.weigh(weight),
            deadline=deadline,
            of_new=lambda traffic: traffic.compared,
            count=lambda new: min(new.requests, new.compared) if canary.copies else new.requests,
            look=look,
        )
        if reason:
            reason = f"at {weight} % of the requests, {reason}"
            break
    found = (router.weigh(0) if reason else router.traffic()).since(start)
    router.copy(None)
    return Trial(reason, _figures(found.compared, found.old, prefix="canary"))


def _copying(router: Router, bounds: Bounds, record: Path) -> dict[str, Any]:
    return {
        "origins": dict(router.origins),
        "tolerance": bounds.tolerance,
        "record": str(record),
        "most_recorded": 100,
        "concurrency": 4,
    }


def _watch(
    router: Router,
    stage: Canary | Shadow,
    *,
    start: Traffic,
    deadline: Deadline,
    of_new: Callable[[Traffic], Figures],
    count: Callable[[Figures], int],
    look: Callable[[], None],
) -> tuple[str, Traffic]:
    """Return why the new release fails a step, or ``""`` at its end; and the step's traffic."""
    ends = Deadline(stage.seconds)
    planned = None if stage.seconds else stage.requests
    looks_again = Deadline(_LOOK_AT_OLD_S)
    while True:
        if not looks_again.remaining_s:
            look()
            looks_again = Deadline(_LOOK_AT_OLD_S)
        total = router.traffic()
        found = total.since(start)
        new = of_new(found)
        if reason := stage.bounds.certainly_broken(new, total.old, planned=planned):
            return reason, found
        if total.is_copying_lost:
            return _COPYING_LOST, found
        if count(new) >= stage.requests and not ends.remaining_s:
            return stage.bounds.broken(new, total.old), found
        if not deadline.remaining_s:
            told = f"only {count(new)} of {stage.requests} requests in {stage.timeout_s:g} s"
            return f"there was too little traffic: {told}", found
        time.sleep(_LOOK_S)


def _figures(new: Figures, old: Figures, *, prefix: str) -> dict[str, float]:
    return {
        f"{prefix}.{name}": value for name, value in (new.named("new") | old.named("old")).items()
    }
