"""Explain the answers of the scoring front of an online endpoint, which are not the container's.

The front of a managed online endpoint answers 404 if no deployment gets traffic, 408 if the
container is late, 424 if its status is not a success, and 429 beyond its limit ("Troubleshoot
online endpoint deployment and scoring" of Azure Machine Learning's documentation).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from modelship.errors import ScoringRequestError
from modelship.findings import RULES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.errors import ScoringError
    from modelship.findings import Diagnosis
    from modelship.targets.instance import Instance

__all__ = [
    "SupportsRequestTimeout",
    "container_status",
    "diagnosis_of_answer",
    "explained_answer",
    "name_timeout",
]

_MODEL_ERROR: Final = 424
_MODEL_STATUS: Final = "ms-azureml-model-error-statuscode"
_MODEL_REASON: Final = "ms-azureml-model-error-reason"
_NO_ROUTE: Final = "No valid deployments to route to"
_LATE: Final = "upstream request timeout"
_LATE_STATUS: Final = 408
_SERVER_ERROR: Final = 500
_CODES: Final = {404: "MS612", 408: "MS405", 429: "MS611"}
_REASON_CHARS: Final = 100

_READ_LOG: Final = "Read the traceback in its log: deployment.logs() (modelship logs NAME)."
_CORRECT: Final = "Correct the request as the response describes."
_ADD_TRAFFIC: Final = (
    "Send traffic to one of its deployments: az ml online-endpoint update --name NAME --traffic "
    "DEPLOYMENT=100."
)
_MOST_MS: Final = 180_000
_STILL_WORKS: Final = "the container still works on this one."
_ADD_TIME: Final = (
    "Raise request_timeout_ms ({now}, at most 180000), or send fewer rows per request: "
    f"{_STILL_WORKS}"
)
_SEND_LESS: Final = (
    f"Send fewer rows per request: request_timeout_ms is at its maximum, 180000, and {_STILL_WORKS}"
)
_SEND_FEWER: Final = (
    "Send fewer requests at once. An online endpoint admits 2 x max_concurrent_requests_per_"
    "instance x instance_count; raise the first together with the workers of the server."
)


@runtime_checkable
class SupportsRequestTimeout(Protocol):
    """A backend whose place has a front with a time limit of its own for each request."""

    def request_timeout_ms(self, instance: Instance) -> int | None:
        """Return the time limit of requests to an instance in milliseconds; None if unknown."""


def container_status(status: int, headers: Mapping[str, str]) -> int | None:
    """Return the status of the container, if the front has answered 424 in its place."""
    told = headers.get(_MODEL_STATUS, "")
    return int(told) if status == _MODEL_ERROR and told.isdecimal() else None


def explained_answer(status: int, headers: Mapping[str, str], body: str) -> dict[str, str]:
    """Return the ``problem`` and the ``advice`` for an answer of a front; empty for another one.

    Parameters
    ----------
    status : int
        Its status.
    headers : Mapping[str, str]
        Its headers, whose names are compared without case.
    body : str
        Its body.
    """
    if (model := container_status(status, headers)) is not None:
        return _of_container(model, headers.get(_MODEL_REASON, "")[:_REASON_CHARS])
    for known, phrase, problem, advice in _FRONT:
        if status == known and phrase in body:
            return {"problem": problem, "advice": advice}
    return {}


def diagnosis_of_answer(error: ScoringError) -> Diagnosis | None:
    """Return the diagnosis of what a front itself answered; None for another answer.

    What a container answered is explained by its log.
    """
    if not isinstance(error, ScoringRequestError) or error.status not in _CODES:
        return None
    said = explained_answer(error.status, {}, error.body)
    if not said:
        return None
    cause = f"{said['problem'][0].upper()}{said['problem'][1:]}."
    evidence = tuple(line for line in error.body.splitlines()[:1] if line)
    advice = error.advice or said["advice"]  # that of the error may name the deployment's timeout
    return RULES[_CODES[error.status]].diagnosis(cause, advice=advice, evidence=evidence)


def name_timeout(error: ScoringRequestError, instance: Instance, backend: object) -> None:
    """Name the timeout of the instance in the advice, if a front has not waited any longer."""
    is_late = error.status == _LATE_STATUS and _LATE in error.body
    if not is_late or not isinstance(backend, SupportsRequestTimeout):
        return
    found = backend.request_timeout_ms(instance)
    if found is not None:
        now = f"{found} for this deployment"
        error.advice = _SEND_LESS if found >= _MOST_MS else _ADD_TIME.format(now=now)


def _of_container(status: int, reason: str) -> dict[str, str]:
    told = f" ({reason})" if reason else ""
    advice = _READ_LOG if status >= _SERVER_ERROR else _CORRECT
    return {"problem": f"its container answered {status}{told}", "advice": advice}


_FRONT: Final = (
    (404, _NO_ROUTE, "no deployment of the endpoint gets traffic", _ADD_TRAFFIC),
    (
        _LATE_STATUS,
        _LATE,
        "the script's run() took longer than the endpoint waits",
        _ADD_TIME.format(now="5000 by default"),
    ),
    (429, "", "the service has more requests at once than it admits", _SEND_FEWER),
)
