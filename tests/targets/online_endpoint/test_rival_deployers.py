"""Two machines that deploy the same release: the second one learns who the first one is."""

import pytest

from modelship.errors import TargetUnavailableError
from modelship.targets.change import this_user

QUIETLY = {"check": "static", "show_output": False}


def in_progress(document):
    """Make a deployment that is there one that another machine has just begun."""
    document["properties"]["provisioningState"] = "Creating"
    document["tags"]["modelship.instance"] = "scale-00000000"
    document["tags"]["modelship.by"] = "anna@laptop"


def test_the_same_release_is_not_deployed_twice_at_once(target, bundle, workspace):
    """Nothing is sent about the deployment, and that of the other one is left."""
    target.deploy(bundle, name="scale", **QUIETLY)
    [made] = workspace.deployments("scale")
    assert made["tags"]["modelship.by"] == this_user()
    in_progress(made)
    sent = workspace.sent["deployment"]
    with pytest.raises(TargetUnavailableError) as caught:
        target.deploy(bundle, name="scale", **QUIETLY)
    assert "anna@laptop is deploying the same release (since 20" in str(caught.value)
    assert f"its deployment {made['name']} is Creating" in str(caught.value)
    assert "deploy again" in caught.value.hint
    assert (workspace.sent["deployment"], workspace.deployments("scale")) == (sent, [made])
