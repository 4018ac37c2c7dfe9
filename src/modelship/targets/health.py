"""Wait until an instance is healthy, and explain why it is not."""

from __future__ import annotations

import time
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from modelship.diagnosis.redaction import hiding
from modelship.errors import (
    DeploymentFailedError,
    DeploymentNotFoundError,
    DeploymentTimeoutError,
    ModelshipError,
    ScoringRequestError,
)
from modelship.targets.endpoint_answers import diagnosis_of_answer
from modelship.targets.instance import serving_first
from modelship.targets.logtail import relevant_part
from modelship.targets.state import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.errors import ScoringError
    from modelship.findings import Diagnosis
    from modelship.progress import Deadline, Steps
    from modelship.targets.backend import TargetBackend
    from modelship.targets.instance import Instance

__all__ = [
    "explain",
    "failure",
    "sample_refused",
    "serving_one",
    "serving_ones",
    "state_of",
    "timed_out",
    "wait_until_healthy",
]

_LINES_FOR_DIAGNOSIS = 5000
_RUN_FAILED = HTTPStatus.INTERNAL_SERVER_ERROR
_TRACEBACK = "Traceback (most recent call last)"
_LOG_LATE_S = 2.0  # an engine stores what a container prints a moment after its answer
_LOG_PAUSE_S = 0.1
_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.5


def state_of(backend: TargetBackend, instance: Instance) -> State:
    """Return the current state of an instance.

    Raises
    ------
    DeploymentNotFoundError
        If it was deleted.
    """
    there = backend.instances(instance.name)
    if all(each.instance_id != instance.instance_id for each in there):
        raise DeploymentNotFoundError(name=instance.name, target=backend.name)
    return backend.observe(instance).state


def serving_one(backend: TargetBackend, instances: Sequence[Instance]) -> Instance | None:
    """Return the instance of a name to which requests are routed.

    It is the newest healthy one to which the name's address leads; else the newest to which it
    leads; else the newest.
    """
    in_order = serving_first(instances)
    if len(in_order) > 1:
        for instance in in_order:
            if instance.routed and backend.observe(instance).state is State.HEALTHY:
                return instance
    return in_order[0] if in_order else None


def serving_ones(backend: TargetBackend) -> list[Instance]:
    """Return the one of each name to which requests come, and each broken one, by name."""
    found = backend.instances()
    broken = [each for each in found if each.broken]
    instances = [each for each in found if not each.broken]
    by_name = (
        serving_one(backend, [each for each in instances if each.name == name])
        for name in {each.name for each in instances}
    )
    shown = (each for each in (*by_name, *broken) if each)
    return sorted(shown, key=lambda each: (each.name, each.instance_id))


def wait_until_healthy(backend: TargetBackend, instance: Instance, deadline: Deadline) -> None:
    """Wait until an instance is healthy.

    Raises
    ------
    DeploymentFailedError
        If it exits instead.
    DeadlineExceededError
        If the deadline has passed.
    """
    pause_s = _FIRST_PAUSE_S
    while (state := backend.observe(instance).state) is not State.HEALTHY:
        if state is State.FAILED:
            raise failure(backend, instance, state, "the service stopped before it answered")
        deadline.check()
        time.sleep(min(pause_s, deadline.remaining_s))
        pause_s = min(pause_s * 1.2, _LONGEST_PAUSE_S)


def explain(backend: TargetBackend, instance: Instance) -> Diagnosis | None:
    """Return why an instance is not healthy.

    None if it is healthy, or is starting without a problem so far.

    Raises
    ------
    DeploymentNotFoundError
        If it was deleted.
    """
    state = state_of(backend, instance)
    if state is State.HEALTHY:
        return None
    log = backend.log_end(instance, lines=_LINES_FOR_DIAGNOSIS)
    diagnosis = _diagnosis(backend, instance, log, state=state)
    starts = state in {State.TRANSITIONING, State.DELETING}
    return _known(diagnosis) if starts else diagnosis


def failure(
    backend: TargetBackend, instance: Instance, state: State, problem: str
) -> DeploymentFailedError:
    """Return the error of an instance that does not serve, with the end of its log."""
    # One that is not Failed has refused the sample request: explain that.
    told = _told(backend, instance, state=state if state is State.FAILED else None)
    return DeploymentFailedError(state=str(state), problem=problem, **told)


def sample_refused(
    backend: TargetBackend, instance: Instance, error: ScoringError
) -> DeploymentFailedError:
    """Return the error of an instance that does not answer the sample request."""
    problem = f"it fails on the bundle's sample request; {error.message.rstrip('.')}"
    if isinstance(error, ScoringRequestError) and error.status == _RUN_FAILED:
        _wait_for_traceback(backend, instance)
    found = failure(backend, instance, State.UNHEALTHY, problem)
    # The log of the container does not have what a front in front of it answers.
    found.diagnosis = diagnosis_of_answer(error) or found.diagnosis
    return found


def _wait_for_traceback(backend: TargetBackend, instance: Instance) -> None:
    """Wait until the log has the traceback of run(), but not long: not each failure has one."""
    end_s = time.monotonic() + _LOG_LATE_S
    while _TRACEBACK not in backend.log_end(instance, lines=_LINES_FOR_DIAGNOSIS):
        if time.monotonic() >= end_s:
            return
        time.sleep(_LOG_PAUSE_S)


def timed_out(backend: TargetBackend, instance: Instance, steps: Steps) -> DeploymentTimeoutError:
    """Return the error of an instance that was not healthy in time."""
    told = _told(backend, instance, state=State.TRANSITIONING, timed_out=True)
    timeout_s = steps.deadline.timeout_s
    return DeploymentTimeoutError(doing=steps.current, timeout_s=timeout_s, **told)


def _told(
    backend: TargetBackend, instance: Instance, *, state: State | None, timed_out: bool = False
) -> dict[str, Any]:
    """Return the instance, the relevant part of its log and its diagnosis, for an error."""
    log = backend.log_end(instance, lines=_LINES_FOR_DIAGNOSIS)
    diagnosis = _diagnosis(backend, instance, log, state=state, timed_out=timed_out)
    with hiding(_secrets(backend, instance)):
        log_tail = relevant_part(log)
    return {
        "name": instance.name,
        "target": backend.name,
        "log_tail": log_tail,
        "diagnosis": _known(diagnosis),
    }


def _secrets(backend: TargetBackend, instance: Instance) -> Sequence[str]:
    return backend.releases(instance.name).known_secrets(instance.release.digest)


def _diagnosis(
    backend: TargetBackend,
    instance: Instance,
    log: str,
    *,
    state: State | None,
    timed_out: bool = False,
) -> Diagnosis:
    from modelship.diagnosis import Facts, diagnose

    try:
        facts = backend.observe(instance).facts()
    except ModelshipError:  # the log is available; other facts may not be
        facts = Facts()
    facts = replace(facts, state=str(state or ""), timed_out=timed_out)
    around = backend.releases(instance.name).surroundings(instance.release.digest)
    with hiding(_secrets(backend, instance)):
        return diagnose(log, facts=facts, around=around)


def _known(diagnosis: Diagnosis) -> Diagnosis | None:
    from modelship.diagnosis import is_known

    return diagnosis if is_known(diagnosis) else None
