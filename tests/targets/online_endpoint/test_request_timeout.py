"""A request that took too long names the timeout of its deployment."""

import pytest

from modelship import DeployTarget
from modelship.errors import DeploymentFailedError, ScoringRequestError
from modelship.targets.online_endpoint import OnlineEndpointBackend
from modelship.testing import cases

QUIETLY = {"check": "static", "show_output": False}


def opened(workspace, timeout_ms):
    settings = {"request_timeout_ms": timeout_ms}
    return DeployTarget(OnlineEndpointBackend.at(workspace, request_settings=settings))


@pytest.mark.parametrize(
    ("timeout_ms", "advice"),
    [
        (7_500, "Raise request_timeout_ms (7500 for this deployment, at most 180000)"),
        (180_000, "Send fewer rows per request: request_timeout_ms is at its maximum"),
    ],
)
def test_the_advice_names_the_timeout_of_the_deployment(workspace, bundle, timeout_ms, advice):
    """A target that was opened without it reads it from the deployment."""
    opened(workspace, timeout_ms).deploy(bundle, name="scale", **QUIETLY)
    workspace.is_late = True
    found = DeployTarget(OnlineEndpointBackend.at(workspace)).get("scale")
    with pytest.raises(ScoringRequestError) as caught:
        found.run(cases.ROWS)
    assert caught.value.hint.startswith(advice)


def test_a_sample_request_that_is_late_names_it_too(workspace, bundle):
    """The diagnosis of the failed deployment has the same advice."""
    workspace.is_late = True
    with pytest.raises(DeploymentFailedError) as caught:
        opened(workspace, 7_500).deploy(bundle, name="scale", **QUIETLY)
    assert "(7500 for this deployment" in caught.value.diagnosis.advice
