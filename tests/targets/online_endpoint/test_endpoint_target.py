"""The target ``online-endpoint`` deploys releases, in a workspace in memory."""

import pytest

from modelship import DeployTarget, Serving
from modelship.errors import (
    CheckFailedError,
    DeploymentFailedError,
    InvalidOptionError,
    RolloutFailedError,
)
from modelship.progress import Steps
from modelship.routing import Bounds, Canary, Shadow
from modelship.targets import Change, Instance, Release
from modelship.targets.online_endpoint import OnlineEndpointBackend
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


@pytest.mark.parametrize(
    "tags",
    [{f"tag-{number}": "" for number in range(31)}, {"long": "x" * 257}, {"modelship.made": "me"}],
    ids=["many", "long", "reserved"],
)
def test_tags_that_azure_refuses_are_refused_first(target, make_bundle, workspace, tags):
    """Nothing is sent: neither a release nor an entry in the history remains."""
    with pytest.raises(InvalidOptionError) as caught:
        target.deploy(make_bundle(cases.SCALING, tags=tags), name="scale", **QUIETLY)
    assert caught.value.option == "tags"
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


def test_existing_deployments_of_others_are_left_alone(target, bundle, workspace):
    """One without traffic is not listed, and its endpoint stays when ours is deleted."""
    workspace.put_endpoint("scale", {"tags": {}, "properties": {"traffic": {}}})
    target.deploy(bundle, name="scale", **QUIETLY)
    ours = workspace.deployments("scale")[0]
    theirs = {"name": "blue", "tags": {}, "properties": {"provisioningState": "Succeeded"}}
    workspace._deployments["scale", "blue"] = theirs
    assert [each.release.digest for each in target._backend.instances("scale")] == [
        ours["tags"]["modelship.release"]
    ]
    target.delete("scale")
    assert workspace.deployments("scale") == [theirs]


def test_a_deployment_with_traffic_is_listed_whoever_made_it(target, workspace):
    """Its record is what Azure knows of it."""
    workspace.put_endpoint("scale", {"tags": {}, "properties": {"traffic": {"blue": 100}}})
    said = {"provisioningState": "Succeeded", "model": "/models/digits/versions/3"}
    theirs = {"name": "blue", "tags": {"team": "b"}, "properties": said}
    workspace._deployments["scale", "blue"] = theirs
    found = target.get("scale")
    assert (found.release.model, dict(found.release.tags)) == ("digits:3", {"team": "b"})
    assert str(found.state) == "Healthy"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"instance_count": 51}, "instance_count"),
        ({"request_settings": {"request_timeout_ms": 180_001}}, "request_timeout_ms"),
        ({"request_settings": {"timeout": 1}}, "a setting of request_settings"),
        ({"liveness_probe": {"period": 0}}, "period"),
        ({"auth_mode": "password"}, "auth_mode"),
        ({"identity": {"type": "user_assigned"}}, "user_assigned_identities"),
        ({"base_image": " "}, "base_image"),
        ({"data_collector": {"collections": {"inputs": {}}}}, "enabled"),
        ({"drain_s": 181}, "drain_s"),
        ({"drain_s": "5"}, "drain_s"),
    ],
)
def test_an_invalid_option_is_refused_when_the_target_is_opened(options, named):
    """The message names the setting as the YAML of az ml does."""
    with pytest.raises(InvalidOptionError) as caught:
        DeployTarget.open("online-endpoint", **options)
    assert caught.value.option == named


def test_a_bundle_that_needs_more_than_an_instance_is_refused_first(workspace, make_bundle):
    """The message names a larger size as the remedy."""
    target = DeployTarget(OnlineEndpointBackend.at(workspace, instance_type="Standard_DS3_v2"))
    large = make_bundle(cases.SCALING, memory_gb=15)
    with pytest.raises((InvalidOptionError, CheckFailedError)):
        target.deploy(large, name="scale", **QUIETLY)
    assert workspace.sent == {}


def test_workers_and_concurrency_have_to_match(workspace, bundle):
    """A number of requests that the workers cannot take at once is refused."""
    settings = {"max_concurrent_requests_per_instance": 4}
    target = DeployTarget(OnlineEndpointBackend.at(workspace, request_settings=settings))
    with pytest.raises(InvalidOptionError, match="WORKER_COUNT"):
        target.deploy(bundle, name="scale", **QUIETLY)
    made = target.deploy(bundle, name="scale", serving=Serving(workers=4), **QUIETLY)
    [document] = workspace.deployments("scale")
    assert document["properties"]["environmentVariables"]["WORKER_COUNT"] == "4"
    assert made.release.options["workers"] == 4


def test_the_keys_are_those_of_the_endpoint(target, bundle):
    """Azure makes them, so another value is refused."""
    deployment = target.deploy(bundle, name="scale", **QUIETLY)
    assert deployment.keys().primary == "key-of-scale"
    with pytest.raises(InvalidOptionError) as caught:
        deployment.regenerate_key("primary", value="hunter2hunter2")
    assert "hunter2" not in str(caught.value)


def test_the_failure_that_azure_reports_is_explained(target, bundle, workspace):
    """The error of the operation is part of the facts of the diagnosis."""
    workspace.failure = (
        "OutOfQuota: Not enough quota available for standardDSv2Family. Current usage/limit: 6/8. "
        "Additional needed: 8."
    )
    with pytest.raises(DeploymentFailedError) as caught:
        target.deploy(bundle, name="scale", **QUIETLY)
    assert caught.value.diagnosis is not None
    assert "quota" in str(caught.value).lower()
    assert workspace.endpoints() == []


def test_a_rollback_to_a_kept_deployment_only_changes_the_traffic(workspace, bundle, make_bundle):
    """Nothing is registered and nothing started, and the other deployment is kept in turn."""
    target = DeployTarget(OnlineEndpointBackend.at(workspace, keep_previous=True))
    first = target.deploy(bundle, name="scale", **QUIETLY)
    second = target.deploy(other_of(make_bundle), name="scale", overwrite=True, **QUIETLY)
    assert [each.name for each in target.list()] == ["scale"]
    before = workspace.sent["deployment"], workspace.sent["endpoint"]
    second.rollback(show_output=False)
    assert (workspace.sent["deployment"], workspace.sent["endpoint"] - 1) == before
    assert target.get("scale").instance == first.instance
    assert target.get("scale").run(cases.ROWS) == cases.SCORED
    assert len(workspace.deployments("scale")) == 2
    target.deploy(make_bundle(cases.SCALING + "# 3"), name="scale", overwrite=True, **QUIETLY)
    assert len(workspace.deployments("scale")) == 2
    target.delete("scale")
    assert workspace.endpoints() == []


def test_a_kept_deployment_that_fails_is_deleted(workspace, bundle, make_bundle):
    """The next attempt starts a new one."""
    target = DeployTarget(OnlineEndpointBackend.at(workspace, keep_previous=True))
    first = target.deploy(bundle, name="scale", **QUIETLY)
    second = target.deploy(other_of(make_bundle), name="scale", overwrite=True, **QUIETLY)
    kept = f"d-{first.release.digest[:10]}"
    workspace.running["scale", kept].script.run = lambda raw_data: 1 / 0
    with pytest.raises(DeploymentFailedError):
        second.rollback(show_output=False)
    assert kept not in [each["name"] for each in workspace.deployments("scale")]
    second.rollback(show_output=False)
    assert target.get("scale").run(cases.ROWS) == cases.SCORED


def test_an_existing_endpoint_is_adjusted_where_azure_can(target, bundle, workspace):
    """Its traffic and its other tags stay, and what cannot be changed is refused."""
    target.deploy(bundle, name="scale", **QUIETLY)
    traffic = workspace.endpoint("scale")["properties"]["traffic"]
    options = {"endpoint_tags": {"team": "a"}, "public_network_access": "disabled"}
    changed = DeployTarget(OnlineEndpointBackend.at(workspace, **options))
    changed._backend._endpoint("scale", Steps("scale", timeout_s=9, show_output=False))
    found = workspace.endpoint("scale")
    assert found["tags"] == {"team": "a", "modelship.made": "endpoint"}
    assert found["properties"]["publicNetworkAccess"] == "Disabled"
    assert found["properties"]["traffic"] == traffic
    other = DeployTarget(OnlineEndpointBackend.at(workspace, auth_mode="aml_token"))
    with pytest.raises(InvalidOptionError, match="'key' or no value"):
        other.deploy(bundle, name="scale", overwrite=True, **QUIETLY)
    assert target.get("scale").run(cases.ROWS) == cases.SCORED


def test_a_deployer_that_was_killed_in_a_canary_leaves_the_old_release(
    target, bundle, make_bundle, workspace
):
    """Of two deployments with the same share, the older one serves, and the other is removed."""
    old = target.deploy(bundle, name="scale", **QUIETLY)
    backend, new = target._backend, Release(other_of(make_bundle), Serving(auth=True))
    steps = Steps("scale", timeout_s=9, show_output=False)
    draft = Instance.draft(new, name="scale")
    change = Change.begun("deploy", new.record(), previous=old.release.digest, differed=())
    backend.journal("scale").write(change.after(backend.journal("scale").changes()))
    started = backend.start(draft, backend.prepare(new, steps), steps)
    backend.share(started, old.instance, percent=50)
    assert target.get("scale").instance == old.instance
    assert [each.outcome for each in target.history("scale")] == ["serving", "failed"]
    [left] = workspace.deployments("scale")
    assert workspace.endpoint("scale")["properties"]["traffic"] == {left["name"]: 100}
