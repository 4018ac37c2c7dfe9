"""Two machines deploy different releases under one name at the same time."""

import contextlib
import platform

import pytest

from modelship import DeployTarget
from modelship.errors import WorkspaceRequestError
from modelship.targets.change import this_user
from modelship.targets.online_endpoint import OnlineEndpointBackend
from modelship.testing import cases

OPTIONS = {"check": "static", "overwrite": True}


class Machine(OnlineEndpointBackend):
    """The target on a machine of its own: no lock of this one covers it."""

    def alone(self, name, *, timeout_s):
        return contextlib.nullcontext()


class Interrupted:
    """A workspace in which something else happens just before one call is made."""

    def __init__(self, workspace, call, meanwhile):
        self._workspace, self._call, self._meanwhile = workspace, call, [meanwhile]

    def within(self, _deadline):
        return self

    def __getattr__(self, name):
        if name == self._call and self._meanwhile:
            self._meanwhile.pop()()
        return getattr(self._workspace, name)


@pytest.fixture
def bundles(make_bundle):
    """Return three bundles whose scripts differ."""
    scripts = [f"{cases.SCALING}\n# {number}\n" for number in range(3)]
    return [make_bundle(each, sample_input={"data": [1]}) for each in scripts]


def test_the_release_that_was_routed_meanwhile_stays(workspace, bundles, monkeypatch, capsys):
    """The one that comes late is told who routed it; the other one knew that it was not alone."""
    target = DeployTarget(Machine.at(workspace, drain_s=0))
    target.deploy(bundles[0], name="scale", **OPTIONS)

    def meanwhile():
        with monkeypatch.context() as patch:
            patch.setattr(platform, "node", lambda: "elsewhere")
            target.deploy(bundles[1], name="scale", **OPTIONS)

    late = DeployTarget(Machine.at(Interrupted(workspace, "put_deployment", meanwhile), drain_s=0))
    with pytest.raises(WorkspaceRequestError) as caught:
        late.deploy(bundles[2], name="scale", **OPTIONS)
    [left] = workspace.deployments("scale")
    assert workspace.endpoint("scale")["properties"]["traffic"] == {left["name"]: 100}
    assert left["tags"]["modelship.by"].endswith("@elsewhere")
    assert f"another client has set it to {left['name']}: 100 %" in caught.value.message
    assert "@elsewhere deployed that" in caught.value.message
    assert f"{this_user()} has been deploying 'scale' (since 20" in capsys.readouterr().err
    outcomes = [each.outcome for each in target.history("scale")]
    assert outcomes == ["ended", "failed", "serving"]


def test_the_same_release_at_the_same_moment_serves_on(workspace, bundles):
    """Both pass the check for a rival, and write one deployment with the same content."""
    target = DeployTarget(Machine.at(workspace, drain_s=0))
    target.deploy(bundles[1], name="scale", **OPTIONS)

    def meanwhile():
        target.deploy(bundles[0], name="scale", **OPTIONS)

    late = DeployTarget(Machine.at(Interrupted(workspace, "put_deployment", meanwhile), drain_s=0))
    deployment = late.deploy(bundles[0], name="scale", **OPTIONS)
    [left] = workspace.deployments("scale")
    assert workspace.endpoint("scale")["properties"]["traffic"] == {left["name"]: 100}
    assert deployment.run(cases.ROWS) == cases.SCORED


def test_a_first_deployment_that_fails_leaves_the_endpoint_to_the_other(
    workspace, bundles, monkeypatch
):
    """The other one has created it, and has no deployment in it yet."""

    def refused():
        raise WorkspaceRequestError("ws", "create a deployment", "it is refused", 400)

    def meanwhile():
        place = Machine.at(Interrupted(workspace, "put_deployment", refused), drain_s=0)
        with monkeypatch.context() as patch:
            patch.setattr(platform, "node", lambda: "elsewhere")
            with pytest.raises(WorkspaceRequestError, match="it is refused"):
                DeployTarget(place).deploy(bundles[1], name="scale", **OPTIONS)

    first = DeployTarget(Machine.at(Interrupted(workspace, "put_deployment", meanwhile), drain_s=0))
    deployment = first.deploy(bundles[0], name="scale", **OPTIONS)
    assert deployment.run(cases.ROWS) == cases.SCORED
    assert [each.outcome for each in first.history("scale")] == ["serving", "failed"]
    deployment.delete()
    assert workspace.endpoint("scale") is None
