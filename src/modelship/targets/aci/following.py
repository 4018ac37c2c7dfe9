"""Follow a deployment in Azure ML: show its steps, and raise one error if it fails."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from modelship.diagnosis import Facts, diagnose, is_known
from modelship.errors import DeploymentFailedError, WorkspaceError
from modelship.progress import DeadlineExceededError
from modelship.targets.logtail import relevant_part
from modelship.workspace import cause_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelship.progress import Steps
    from modelship.targets.aci.azure_services import Services
    from modelship.targets.aci.service_records import Operation

__all__ = ["follow"]

_TITLES = {
    "BuildEnvironment": "Build the environment on Azure ML",
    "BuildImage": "Build the image on Azure ML",
    "DeployService": "Start the container on Container Instances",
}
_BUILDING = frozenset({"BuildEnvironment", "BuildImage"})
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_LOG_TIMEOUT_S = 10.0


def follow(
    poll: Callable[[], Operation], *, name: str, services: Services, steps: Steps
) -> Operation:
    """Wait for the end of a deployment, and show each of its steps with its log.

    Parameters
    ----------
    poll : Callable
        Returns the progress of the deployment.
    name : str
        The service's name.
    services : Services
        The place of the deployment.
    steps : Steps
        The current operation and its deadline.

    Raises
    ------
    DeploymentFailedError
        If it does not succeed: with the state, the operation's id, the cause that Azure ML reports,
        and the relevant part of the log of the step that failed.
    DeadlineExceededError
        If it takes too long.
    """
    operation = poll()
    pause_s = _FIRST_PAUSE_S
    while not operation.ended:
        here = operation.step
        with steps.step(_TITLES.get(here, "Wait for Azure ML")):
            while not operation.ended and operation.step == here:
                _show(operation, steps)
                steps.deadline.check()
                time.sleep(min(pause_s, steps.deadline.remaining_s))
                pause_s = min(pause_s * 1.3, _LONGEST_PAUSE_S)
                operation = poll()
            if operation.ended and operation.state != "Succeeded":
                break
    _show(operation, steps)
    if operation.state != "Succeeded":
        raise _failure(operation, name=name, services=services.within(steps.deadline))
    return operation


def _show(operation: Operation, steps: Steps) -> None:
    for line in operation.log:
        steps.say(f"  {line}")


def _failure(operation: Operation, *, name: str, services: Services) -> DeploymentFailedError:
    state, error, log = operation.state, operation.error, ""
    # The failed deployment counts more than a failure to read its state.
    with suppress(WorkspaceError, DeadlineExceededError):
        service = services.get(name)
        if service is not None:
            state, error = service.state, error or service.error
        if operation.step in _BUILDING:
            log = _build_log(operation.log_uri, timeout_s=services.limit_s(_LOG_TIMEOUT_S))
        log = log or services.logs(name, timeout_s=_LOG_TIMEOUT_S)
    diagnosis = diagnose(log, facts=Facts(state=state, error=error))
    return DeploymentFailedError(
        name=name,
        target="aci",
        state=state,
        problem=cause_of(error)
        or f"the operation ended {operation.state}, without a reported cause",
        log_tail=relevant_part(log),
        operation_id=operation.operation_id,
        diagnosis=diagnosis if is_known(diagnosis) else None,
    )


def _build_log(uri: str, *, timeout_s: float) -> str:
    """Return the log of a build, or ``""``; the address holds a signature and is not shown."""
    import requests

    if not uri:
        return ""
    with suppress(requests.RequestException):
        answer = requests.get(uri, timeout=timeout_s)
        return answer.text if answer.ok else ""
    return ""
