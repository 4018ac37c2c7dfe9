"""Try a healthy new release before all requests of the name are routed to it."""

from __future__ import annotations

import math
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from modelship.errors import (
    DeploymentFailedError,
    GateError,
    RolloutFailedError,
    ScoringTimeoutError,
    TargetUnavailableError,
)
from modelship.progress import Deadline, DeadlineExceededError
from modelship.routing.router import Router, RouterLostError
from modelship.routing.trials import try_canary, try_shadow
from modelship.staging import storing
from modelship.state_paths import state_folder
from modelship.targets.backend import SupportsLend, SupportsShares
from modelship.targets.calling import Caller
from modelship.targets.health import wait_until_healthy
from modelship.targets.settling import switch, switch_back
from modelship.targets.sharing import Samples, share_canary, share_shadow
from modelship.targets.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.evaluation import Gate
    from modelship.progress import Steps
    from modelship.routing.trials import Trial
    from modelship.tables import Schema
    from modelship.targets.backend import TargetBackend
    from modelship.targets.instance import Instance
    from modelship.targets.rollout_stages import Stages

__all__ = ["Trying", "forget_differences"]

_BUSY_S: Final = 30.0
"""How long a run() may keep the old release from answering the health route."""
_OTHERS: Final = "Allow more time or fewer requests, or deploy without this stage."
_ADVICE: Final = {
    "gate": "Deploy a better model, or change the bound if it is too strict.",
    "shadow": "Read {record}: it lists requests that were answered differently.",
    "canary": "Check the figures; modelship history --json shows them too.",
}


class _Subject:
    """An instance as the subject of an evaluator, whether or not requests are routed to it."""

    def __init__(self, caller: Caller, instance: Instance, deadline: Deadline) -> None:
        self._caller = caller
        self._instance = instance
        self._deadline = deadline
        self.input_key = instance.release.input_key
        self.input_form = instance.release.input_form
        self.task = instance.release.task

    @property
    def schema(self) -> Schema:
        timeout_s = self._deadline.remaining_s
        return self._caller.description(self._instance, timeout_s=timeout_s, directly=True).schema

    def run(self, payload: Any, /) -> Any:
        timeout_s = self._deadline.remaining_s
        return self._caller.send(self._instance, payload, timeout_s=timeout_s, directly=True)


class _OldEndedError(Exception):
    """The old release has exited during the trial; it never reaches a user."""


class Trying:
    """The trial of one new release.

    Parameters
    ----------
    backend : TargetBackend
        The place.
    name : str
        The service's name.
    stages : Stages
        The stages that the release has to pass.
    steps : Steps
        Shows the progress, and holds the deadline of the gate. A shadow and a canary have their
        own.

    Attributes
    ----------
    figures : dict of str to float
        The measurements, by name.
    """

    def __init__(self, backend: TargetBackend, *, name: str, stages: Stages, steps: Steps) -> None:
        self._backend = backend
        self._name = name
        self._stages = stages
        self._steps = steps
        self.figures: dict[str, float] = {}

    def run(
        self, instance: Instance, current: Instance | None, *, sample: str | None = None
    ) -> None:
        """Return once `instance` has passed every stage; requests are then routed to it, if any.

        Parameters
        ----------
        instance : Instance
            The new instance.
        current : Instance or None
            The one to which requests are routed.
        sample : str, optional
            The sample request of the new release, as JSON.

        Raises
        ------
        RolloutFailedError
            If it does not pass; all requests are routed to `current` then.
        """
        serves = current.release.digest if current else ""
        if self._stages.gate is not None:
            with self._steps.step("Evaluate the new release"):
                self._evaluate(self._stages.gate, instance, serves)
        if not self._stages.needs_traffic:
            return
        if current is None:
            self._steps.say(
                "no release is running under this name yet: there is no traffic to try it on"
            )
        elif not self._answers(current):
            self._steps.say("the old release does not answer: there is nothing to compare with")
        elif isinstance(self._backend, SupportsShares):
            self._share(self._backend, Samples(self._backend, instance, current, sample))
        elif isinstance(self._backend, SupportsLend):
            try:
                self._try(self._backend, instance, current)
            except (_OldEndedError, TargetUnavailableError):
                if not self._outlives(instance, current):
                    raise
                self._steps.say("the old release has stopped: the new one takes over untested")

    def _answers(self, instance: Instance) -> bool:
        """Return whether an instance is healthy; one whose workers are busy gets some time.

        If it hangs, half of the time that is left is for the steps that follow.
        """
        state = self._backend.observe(instance).state
        if state in {State.HEALTHY, State.FAILED}:
            return state is State.HEALTHY
        deadline = Deadline(min(_BUSY_S, self._steps.deadline.remaining_s / 2))
        self._steps.say(f"waiting up to {deadline.timeout_s:.0f} s until the old release answers")
        try:
            wait_until_healthy(self._backend, instance, deadline)
        except (DeploymentFailedError, DeadlineExceededError):
            return False
        return True

    def _outlives(self, instance: Instance, current: Instance) -> bool:
        """Return whether the new release is healthy and the old one has exited."""
        return (
            self._backend.observe(current).state is State.FAILED
            and self._backend.observe(instance).state is State.HEALTHY
        )

    def _evaluate(self, gate: Gate, instance: Instance, serves: str) -> None:
        try:
            report = gate.check(_Subject(Caller(self._backend), instance, self._steps.deadline))
        except ScoringTimeoutError as error:
            raise DeadlineExceededError from error
        except GateError as error:
            self._note(error.report)
            raise self._failure("gate", "; ".join(error.failures), serves, error.report) from error
        self._note(report)

    def _note(self, report: Any) -> None:
        measured = {f"gate.{name}": float(value) for name, value in report.metrics.items()}
        self.figures |= {name: value for name, value in measured.items() if math.isfinite(value)}

    def _try(self, backend: SupportsLend, instance: Instance, current: Instance) -> None:
        serves = current.release.digest

        def look() -> None:
            if self._outlives(instance, current):
                raise _OldEndedError

        with self._router(backend, instance, current) as router:
            if (shadow := self._stages.shadow) is not None:
                with self._steps.step(f"Send {shadow.requests} copies to the new release"):
                    trial = try_shadow(router, shadow, record=self._record, look=look)
                    self._conclude("shadow", trial, serves)
            if (canary := self._stages.canary) is not None:
                with self._steps.step("Send a part of the requests to the new release"):
                    say = self._steps.say
                    trial = try_canary(router, canary, record=self._record, say=say, look=look)
                    self._conclude("canary", trial, serves)

    def _share(self, backend: SupportsShares, samples: Samples) -> None:
        """Try the new release where the place divides the requests; if it fails, undo that."""
        serves, say = samples.old.release.digest, self._steps.say
        if samples.sample is None:
            say("the bundle has no sample request: only the state of the new release is watched")
        try:
            if (shadow := self._stages.shadow) is not None:
                with self._steps.step("Send copies of requests to the new release"):
                    self._conclude("shadow", share_shadow(backend, samples, shadow), serves)
            if (canary := self._stages.canary) is not None:
                with self._steps.step("Send a part of the requests to the new release"):
                    self._conclude(
                        "canary", share_canary(backend, samples, canary, say=say), serves
                    )
        except BaseException:
            switch_back(backend, samples.old, off=[samples.new])
            raise

    @contextmanager
    def _router(
        self, backend: SupportsLend, instance: Instance, current: Instance
    ) -> Iterator[Router]:
        """Yield a router in front of both; afterwards `instance` has the address, or `current`."""
        winner: Literal["old", "new"] = "old"
        try:
            with backend.address(current) as address:
                router = Router.start(address, old=current.direct_uri, new=instance.direct_uri)
            try:
                with backend.lend(current) as lease:
                    router.hold(lease)
                yield router
                switch(backend, instance, off=[current])
                winner = "new"
            except BaseException:
                switch_back(backend, current, off=[instance])
                raise
            finally:
                with suppress(RouterLostError):  # it is already reported, or does not matter
                    router.end(winner=winner)
        except RouterLostError as error:
            reason = f"the router has exited ({error})"
            raise self._failure("rollout", reason, current.release.digest) from error

    def _conclude(self, stage: Literal["shadow", "canary"], trial: Trial, serves: str) -> None:
        self.figures |= trial.figures
        if trial.reason:
            raise self._failure(stage, trial.reason, serves)

    def _failure(
        self, stage: str, reason: str, serves: str, report: Any = None
    ) -> RolloutFailedError:
        # Where the place divides the requests, those of the clients are not recorded.
        of = "canary" if stage == "shadow" and isinstance(self._backend, SupportsShares) else stage
        advice = _ADVICE.get(of, "Deploy again.").format(record=self._record)
        return RolloutFailedError(
            name=self._name,
            target=self._backend.name,
            stage=stage,
            reason=reason,
            serves=serves,
            figures=self.figures,
            report=report,
            advice=_OTHERS if "too little traffic" in reason else advice,
        )

    @property
    def _record(self) -> Path:
        given = self._stages.shadow.record if self._stages.shadow else None
        return Path(given) if given else _differences_of(self._backend.name, self._name)


def forget_differences(target: str, name: str) -> None:
    """Remove the requests with different answers, unless the user named their folder."""
    path = _differences_of(target, name)
    with storing(path):
        path.unlink(missing_ok=True)


def _differences_of(target: str, name: str) -> Path:
    return state_folder() / "differences" / target / f"{name}.jsonl"
