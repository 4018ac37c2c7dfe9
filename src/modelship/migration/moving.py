"""Deploy the plan, and compare the answers of the old and the new service."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelship.comparison import Difference, ScoringRequest
from modelship.comparison.values import are_equal
from modelship.errors import ParityError

if TYPE_CHECKING:
    from modelship.bundle import ScoringBundle
    from modelship.migration.endpoint_plan import EndpointPlan
    from modelship.targets import Deployment, DeployTarget

__all__ = ["Moved", "move"]

_TOLERANCE: Final = 1e-9
_MOST_SHOWN: Final = 200


@dataclass(frozen=True)
class Moved:
    """The outcome of a move.

    Parameters
    ----------
    deployment : Deployment
        The new service.
    is_compared : bool
        Whether both services gave the same answer to the sample request; False if there is none,
        or the old service is not healthy.
    """

    deployment: Deployment
    is_compared: bool


def move(
    plan: EndpointPlan,
    bundle: ScoringBundle,
    *,
    old: Deployment,
    target: DeployTarget,
    timeout_s: float = 1800.0,
    show_output: bool = True,
) -> Moved:
    """Deploy a service on an endpoint; the old one keeps running.

    Parameters
    ----------
    plan : EndpointPlan
        The plan.
    bundle : ScoringBundle
        What runs.
    old : Deployment
        The service on Container Instances.
    target : DeployTarget
        The target ``online-endpoint``, opened with the plan's options.
    timeout_s : float
        The timeout of the deployment, in seconds.
    show_output : bool
        Show each step with its duration on stderr.

    Raises
    ------
    ScoringError
        If the old service refuses the sample request; nothing is deployed then.
    ParityError
        If the two services answer the sample request differently; both keep running.
    ModelshipError
        As :meth:`DeployTarget.deploy`.
    """
    from modelship.targets import Serving
    from modelship.targets.state import State

    sample = json.loads(bundle.sample_json) if bundle.sample_json is not None else None
    can_compare = sample is not None and old.state is State.HEALTHY
    # Asked first: if the old service refuses the request, nothing is deployed.
    before = old.run(sample) if can_compare else None
    variables = {k: v for k, v in plan.service.variables.items() if k != "WORKER_COUNT"}
    serving = Serving(workers=plan.service.workers, variables=variables)
    new = target.deploy(
        bundle,
        name=plan.endpoint_name,
        serving=serving,
        timeout_s=timeout_s,
        show_output=show_output,
    )
    if can_compare:
        places = (f"{old.name} on {old.target}", f"{new.name} on {target.name}")
        require_equal(sample, dict(zip(places, (before, new.run(sample)), strict=True)))
    return Moved(new, is_compared=can_compare)


def require_equal(sample: object, answers: dict[str, Any]) -> None:
    """Raise ParityError if two answers to the same request differ."""
    one, other = answers.values()
    if are_equal(one, other, tolerance=_TOLERANCE):
        return
    shown = {place: json.dumps(value)[:_MOST_SHOWN] for place, value in answers.items()}
    request = ScoringRequest.of(sample, label="the sample request")
    raise ParityError([*answers], 1, [Difference(request, "body", shown)])
