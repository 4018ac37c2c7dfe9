"""The target ``online-endpoint`` deploys releases, in a workspace in memory."""

import pytest

from modelship import Serving
from modelship.errors import DeploymentFailedError, InvalidOptionError, RolloutFailedError
from modelship.routing import Bounds, Canary, Shadow
from modelship.testing import cases

QUIETLY = {"check": "static", "show_output": False}


def test_a_release_is_deployed_scored_listed_and_deleted(target, bundle, workspace):
    """The endpoint has the name of the service, and the deployment that of the release."""
    deployment = target.deploy(bundle, name="scale", **QUIETLY)
    assert deployment.run(cases.ROWS) == cases.SCORED
    assert [each.name for each in target.list()] == ["scale"]
    [made] = workspace.deployments("scale")
    assert made["name"] == f"d-{deployment.release.digest[:10]}"
    assert workspace.endpoint("scale")["properties"]["traffic"] == {made["name"]: 100}
    assert "the factor is 3" in deployment.logs()
    deployment.delete()
    assert (workspace.endpoints(), target.list()) == ([], ())


def test_the_record_is_kept_in_tags(target, bundle, workspace):
    """Another process reads the whole record from the deployment, whose tags are short."""
    deployment = target.deploy(bundle, name="scale", **QUIETLY)
    assert target.get("scale").instance == deployment.instance
    assert dict(deployment.release.tags) == {"team": "a"}
    [made] = workspace.deployments("scale")
    assert max(map(len, made["tags"].values())) <= 256
    assert made["properties"]["description"] == "Scale"


def test_a_second_deployment_sends_nothing(target, bundle, workspace):
    """What is registered is found by its content."""
    target.deploy(bundle, name="scale", **QUIETLY)
    sent = dict(workspace.sent)
    again = target.deploy(bundle, name="scale", **QUIETLY)
    assert dict(workspace.sent) == sent
    assert again.run(cases.ROWS) == cases.SCORED


def test_an_update_and_a_rollback_change_the_traffic(target, bundle, make_bundle, workspace):
    """The old deployment is deleted once it gets no requests; its environment is not made again."""
    first = target.deploy(bundle, name="scale", **QUIETLY)
    other = make_bundle(cases.SCALING.replace("factor * ", "-factor * "), sample_input={"data": []})
    second = target.deploy(other, name="scale", overwrite=True, **QUIETLY)
    assert second.run(cases.ROWS) == [-each for each in cases.SCORED]
    assert len(workspace.deployments("scale")) == 1
    second.rollback(show_output=False)
    assert target.get("scale").release.digest == first.release.digest
    assert target.get("scale").run(cases.ROWS) == cases.SCORED
    assert (workspace.sent["environment"], workspace.sent["code"]) == (1, 2)
    kinds = [(each.kind, each.outcome) for each in target.history("scale")]
    assert kinds == [("deploy", "ended"), ("deploy", "ended"), ("rollback", "serving")]


def test_a_failed_deployment_leaves_nothing(target, make_bundle, workspace):
    """Its log explains it, and an endpoint that was made for it is deleted."""
    with pytest.raises(DeploymentFailedError) as caught:
        target.deploy(make_bundle(cases.RAISING), name="scale", **QUIETLY)
    assert "no such feature: sepal length" in caught.value.log_tail
    assert workspace.endpoints() == []


def test_a_failed_update_keeps_the_old_deployment(target, bundle, make_bundle, workspace):
    """Requests still go to it, and the new one is deleted."""
    target.deploy(bundle, name="scale", **QUIETLY)
    with pytest.raises(DeploymentFailedError):
        target.deploy(make_bundle(cases.RAISING), name="scale", overwrite=True, **QUIETLY)
    assert len(workspace.deployments("scale")) == 1
    assert target.get("scale").run(cases.ROWS) == cases.SCORED


@pytest.mark.parametrize(
    ("option", "serving"),
    [
        ("auth", Serving(auth=False)),
        ("server", Serving(server="modelship")),
        ("secrets", Serving(secrets={"TOKEN": "env:PATH"})),
        ("port", Serving(port=8080)),
    ],
)
def test_what_an_endpoint_cannot_do_is_refused_first(target, bundle, workspace, option, serving):
    """Nothing is sent, and the message names the alternative."""
    with pytest.raises(InvalidOptionError) as caught:
        target.deploy(bundle, name="scale", serving=serving, **QUIETLY)
    assert caught.value.option == option
    assert workspace.sent == {}


def other_of(make_bundle):
    """Return a bundle whose service negates what the other one answers."""
    return make_bundle(cases.SCALING.replace("factor * ", "-factor * "), sample_input={"data": [1]})


def test_a_canary_changes_the_traffic_in_steps(target, bundle, make_bundle, workspace):
    """Both deployments answer the sample request meanwhile, and the history has the figures."""
    target.deploy(bundle, name="scale", **QUIETLY)
    before = workspace.sent["endpoint"]
    canary = Canary(weights=(10, 50), requests=3, bounds=Bounds(p95_ratio=None))
    new = target.deploy(
        other_of(make_bundle), name="scale", overwrite=True, rollout=canary, **QUIETLY
    )
    assert workspace.sent["endpoint"] - before == 3  # 10, 50 and 100 percent
    assert len(workspace.deployments("scale")) == 1
    assert new.history()[-1].figures["canary.new.requests"] == 6
    assert new.run(cases.ROWS) == [-each for each in cases.SCORED]


@pytest.mark.parametrize("stage", ["rollout", "shadow"])
def test_a_release_that_differs_is_taken_back(target, bundle, make_bundle, workspace, stage):
    """All requests go to the old deployment again, and the new one is deleted."""
    old = target.deploy(bundle, name="scale", **QUIETLY)
    kind = {"rollout": Canary, "shadow": Shadow}[stage]
    stages = {stage: kind(requests=3, bounds=Bounds(p95_ratio=None, disagreement=0))}
    with pytest.raises(RolloutFailedError, match="answered differently"):
        target.deploy(other_of(make_bundle), name="scale", overwrite=True, **stages, **QUIETLY)
    [kept] = workspace.deployments("scale")
    properties = workspace.endpoint("scale")["properties"]
    assert (properties["traffic"], properties["mirrorTraffic"]) == ({kept["name"]: 100}, {})
    assert target.get("scale").instance == old.instance
