"""Try a new release where the place itself divides the requests to a name: a canary and a shadow.

What clients get is not visible here. So the sample request of the new release is sent to both
releases directly, while the place routes a share of the clients' requests, or copies of them, to
the new one. That measures errors, latencies and differences under the load of these requests.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from modelship.comparison import PlaceAnswer, ScoringRequest
from modelship.comparison.differences import differences
from modelship.errors import ScoringError, ScoringRequestError
from modelship.progress import Deadline
from modelship.routing.figures import Figures, Tally, of_document
from modelship.routing.trials import Trial
from modelship.targets.calling import Caller
from modelship.targets.state import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelship.routing import Canary, Shadow
    from modelship.routing.trial_bounds import Bounds
    from modelship.targets.backend import SupportsShares, TargetBackend
    from modelship.targets.instance import Instance

__all__ = ["Samples", "share_canary", "share_shadow"]

_MOST_MIRRORED: Final = 50  # percent; Azure ML allows no more
_STATE_EVERY_S: Final = 5.0
_REQUEST_TIMEOUT_S: Final = 200.0
_PAUSE_S: Final = 0.2


@dataclass
class Samples:
    """The sample request, sent to two instances in turn, and what was measured.

    Parameters
    ----------
    backend : TargetBackend
        The place.
    new, old : Instance
        The two instances.
    sample : str or None
        The body of the request, as JSON; without one, only the state is watched.
    """

    backend: TargetBackend
    new: Instance
    old: Instance
    sample: str | None
    _tallies: tuple[Tally, Tally] = field(default_factory=lambda: (Tally(), Tally()))

    def __post_init__(self) -> None:
        self._caller = Caller(self.backend)
        self._state_again = Deadline(0)

    def figures(self) -> tuple[Figures, Figures]:
        """Return the figures of the new release and of the old one so far."""
        new, old = (of_document(each.to_document()) for each in self._tallies)
        return new, old

    def send(self, *, tolerance: float) -> None:
        """Send the request to both, the old one first, and count whether they answer the same."""
        if self.sample is None:
            time.sleep(_PAUSE_S)
            return
        of_new, of_old = self._tallies
        old, new = self._ask(self.old, of_old), self._ask(self.new, of_new)
        if old is None or new is None:
            return
        of_new.counts["compared"] += 1
        answers = {"old": old, "new": new}
        request = ScoringRequest("the sample request")
        of_new.counts["differing"] += any(differences(request, answers, tolerance=tolerance))

    def broken_state(self) -> str:
        """Return why the new instance no longer runs, or ``""``; it is asked every few seconds."""
        if self._state_again.remaining_s:
            return ""
        self._state_again = Deadline(_STATE_EVERY_S)
        state = self.backend.observe(self.new).state
        return "" if state is State.HEALTHY else f"the new release is {state}"

    def _ask(self, instance: Instance, tally: Tally) -> PlaceAnswer | None:
        began = time.perf_counter()
        try:
            answer = self._caller.send(
                instance, self.sample, timeout_s=_REQUEST_TIMEOUT_S, directly=True
            )
        except ScoringRequestError as error:
            tally.answered(status=error.status, latency_s=time.perf_counter() - began)
            return PlaceAnswer(error.status)
        except ScoringError:
            tally.failed()
            return None
        tally.answered(status=200, latency_s=time.perf_counter() - began)
        return PlaceAnswer.of(200, [("content-type", "application/json")], _body(answer))


def _body(answer: Any) -> bytes:
    return answer if isinstance(answer, bytes) else json.dumps(answer).encode()


def share_canary(
    backend: SupportsShares, samples: Samples, canary: Canary, *, say: Callable[[str], None]
) -> Trial:
    """Route a growing share of the requests to the new release, and check it at each step."""
    deadline = Deadline(canary.timeout_s)
    reason = ""
    for weight in canary.weights:
        say(f"{weight} % of the requests go to the new release")
        backend.share(samples.new, samples.old, percent=weight)
        reason = _watch(samples, canary, deadline=deadline)
        if reason:
            reason = f"at {weight} % of the requests, {reason}"
            break
    return Trial(reason, _figures(samples, prefix="canary"))


def share_shadow(backend: SupportsShares, samples: Samples, shadow: Shadow) -> Trial:
    """Send copies of requests to the new release for a while, and check it meanwhile."""
    backend.mirror(samples.new, samples.old, percent=_MOST_MIRRORED)
    try:
        reason = _watch(samples, shadow, deadline=Deadline(shadow.timeout_s))
    finally:
        backend.mirror(samples.new, samples.old, percent=0)
    return Trial(reason, _figures(samples, prefix="shadow"))


def _watch(samples: Samples, stage: Canary | Shadow, *, deadline: Deadline) -> str:
    """Return why the new release fails a step, or ``""`` at the end of the step."""
    ends = Deadline(stage.seconds)
    start = samples.figures()
    bounds: Bounds = stage.bounds
    while True:
        samples.send(tolerance=bounds.tolerance)
        new, old = (now.since(then) for now, then in zip(samples.figures(), start, strict=True))
        if reason := samples.broken_state():
            return reason
        planned = None if stage.seconds else stage.requests
        if reason := bounds.certainly_broken(new, old, planned=planned):
            return reason
        if not ends.remaining_s and (samples.sample is None or new.requests >= stage.requests):
            return bounds.broken(new, old)
        if not deadline.remaining_s:
            return f"only {new.requests} of {stage.requests} requests in {stage.timeout_s:g} s"


def _figures(samples: Samples, *, prefix: str) -> dict[str, float]:
    new, old = samples.figures()
    named = new.named("new") | old.named("old")
    return {f"{prefix}.{name}": value for name, value in named.items()}
