"""The target ``online-endpoint`` next to other clients of the same endpoint, and after failures."""

import contextlib
import hashlib
import pickle
import threading
from types import SimpleNamespace

import pytest
from fake_ml_workspace import FakeMlWorkspace

from modelship import DeployTarget, Serving
from modelship.errors import DeploymentNotFoundError, InvalidOptionError, WorkspaceRequestError
from modelship.targets.online_endpoint import OnlineEndpointBackend, endpoint_services
from modelship.targets.online_endpoint.deployment_records import deployment_name
from modelship.targets.online_endpoint.endpoint_place import MADE_BY
from modelship.targets.settling import settle, switch_back
from modelship.testing import cases

QUIETLY = {"check": "static", "show_output": False}
EMPTY = {"tags": {MADE_BY: "endpoint"}, "properties": {"traffic": {}}}


@pytest.fixture
def other(make_bundle):
    """Return a bundle whose service negates what the other one answers."""
    return make_bundle(cases.SCALING.replace("factor * ", "-factor * "), sample_input={"data": [1]})


def test_an_endpoint_without_deployments_is_deleted_with_the_service(target, workspace):
    """A deployer that is killed after it has created the endpoint leaves one."""
    workspace.put_endpoint("scale", EMPTY)
    with pytest.raises(DeploymentNotFoundError):
        target.delete("scale")
    assert workspace.endpoints() == []


def test_an_endpoint_that_a_killed_deployer_left_is_deleted_next(target, bundle, workspace):
    """The change is recorded as failed, and the endpoint that was made for it is gone."""
    target.deploy(bundle, name="scale", **QUIETLY)
    journal = target._backend.journal("scale")
    [done] = journal.changes()
    target.delete("scale")
    journal.write(done.begun("deploy", done.release, number=3))
    workspace.put_endpoint("scale", EMPTY)
    settle(target._backend, "scale")
    assert (journal.changes()[-1].outcome, workspace.endpoints()) == ("failed", [])


def test_an_endpoint_of_others_without_deployments_stays(target, workspace):
    """Only what modelship has created is deleted."""
    workspace.put_endpoint("scale", {"tags": {}, "properties": {"traffic": {}}})
    target.delete("scale", missing_ok=True)
    assert [each["name"] for each in workspace.endpoints()] == ["scale"]


def test_the_last_deployment_goes_with_its_endpoint_while_its_state_changes(
    target, bundle, workspace
):
    """Two reads of one deployment differ while a change is in progress."""
    target.deploy(bundle, name="scale", **QUIETLY)
    listed = workspace.deployments

    def changing(endpoint):
        return [{**each, "systemData": {"lastModifiedAt": "now"}} for each in listed(endpoint)]

    workspace.deployments = changing
    target.delete("scale")
    assert workspace.endpoints() == []


def test_a_name_that_is_taken_is_refused_at_once(target, bundle, workspace):
    """Azure answers with the status of a change in progress, for which modelship would wait."""

    def taken(name, document):
        raise WorkspaceRequestError(
            "fake", "write", "There is already an endpoint with this name", status=409
        )

    workspace.put_endpoint = taken
    with pytest.raises(WorkspaceRequestError, match="already an endpoint"):
        target.deploy(bundle, name="scale", timeout_s=120, **QUIETLY)


def test_a_trial_ends_when_somebody_else_changes_the_traffic(workspace, bundle, other):
    """Taking the new deployment out of the traffic is not overruled by the next step."""
    target = DeployTarget(OnlineEndpointBackend.at(workspace, keep_previous=True))
    old = target.deploy(bundle, name="scale", **QUIETLY).instance
    new = target.deploy(other, name="scale", overwrite=True, **QUIETLY).instance
    place = target._backend
    place.share(new, old, percent=10)
    traffic = {workspace.deployments("scale")[0]["name"]: 100}
    workspace.endpoint("scale")["properties"]["traffic"] = traffic
    with pytest.raises(WorkspaceRequestError, match=r"set it to d-.*@.* deployed that\)"):
        place.share(new, old, percent=50)
    assert workspace.endpoint("scale")["properties"]["traffic"] == traffic


@pytest.mark.parametrize("gone", [False, True])
def test_a_failed_trial_gives_the_traffic_back(workspace, bundle, other, gone):
    """Another client had split it, with a deployment of its own."""
    target = DeployTarget(OnlineEndpointBackend.at(workspace, keep_previous=True))
    new = target.deploy(other, name="scale", **QUIETLY).instance
    old = target.deploy(bundle, name="scale", overwrite=True, **QUIETLY).instance
    place, split = target._backend, {deployment_name(old): 60, "theirs": 40}
    workspace.put_deployment("scale", "theirs", workspace.deployments("scale")[0])
    workspace.endpoint("scale")["properties"]["traffic"] = split
    place.mirror(new, old, percent=10)
    place.share(new, old, percent=10)
    if gone:
        workspace.delete_deployment("scale", "theirs")
    switch_back(place, old, off=[new])
    expected = {deployment_name(old): 100} if gone else split
    assert workspace.endpoint("scale")["properties"]["traffic"] == expected


def test_a_trial_that_another_client_has_ended_leaves_its_traffic(workspace, bundle, other):
    """It has a reason for it; only the new deployment gets no more requests."""
    target = DeployTarget(OnlineEndpointBackend.at(workspace, keep_previous=True))
    new = target.deploy(other, name="scale", **QUIETLY).instance
    old = target.deploy(bundle, name="scale", overwrite=True, **QUIETLY).instance
    target._backend.share(new, old, percent=10)
    theirs = {"theirs": 70, deployment_name(new): 30}
    workspace.endpoint("scale")["properties"]["traffic"] = theirs
    switch_back(target._backend, old, off=[new])
    assert workspace.endpoint("scale")["properties"]["traffic"] == {"theirs": 100}


def test_a_change_that_somebody_else_undoes_at_once_is_reported(workspace, target, bundle):
    """Waiting for the shares that were set would have no end."""
    made = target.deploy(bundle, name="scale", **QUIETLY).instance
    write = workspace.put_endpoint

    def undone(name, document):
        write(name, document)
        workspace.endpoint(name)["properties"]["traffic"] = {"blue": 100}

    workspace.put_endpoint = undone
    with pytest.raises(WorkspaceRequestError, match="set it to blue: 100 %"):
        target._backend._place.route(made.name, {"green": 100})


def test_a_deployment_waits_for_another_change_of_its_endpoint(target, bundle, workspace):
    """Azure refuses it while the endpoint is Updating, which may begin after a look at it."""
    write, refused = workspace.put_deployment, []

    def updating(endpoint, name, document):
        if len(refused) == 2:
            return write(endpoint, name, document)
        refused.append(name)
        cause = f"Cannot create a deployment in endpoint {endpoint}: Updating provisioning state"
        raise WorkspaceRequestError("fake", "write", cause, status=409)

    workspace.put_deployment = updating
    assert target.deploy(bundle, name="scale", **QUIETLY).run(cases.ROWS) == cases.SCORED
    assert len(refused) == 2


def test_a_target_is_pickled_without_its_connection():
    """A pool of processes can use one that has been used here: each process connects itself."""
    backend = OnlineEndpointBackend(workspace="config.json", instance_count=2)
    backend._opened = threading.Lock()  # what cannot be pickled
    copy = pickle.loads(pickle.dumps(DeployTarget(backend)))
    assert copy._backend.options == backend.options
    assert (copy._backend._opened, copy._backend._given_workspace) == (None, "config.json")


def test_the_history_keeps_no_value_of_a_variable(target, bundle, other, workspace):
    """It outlives the deployment, and another client's may hold a secret."""
    target.deploy(bundle, name="scale", serving=Serving(variables={"PLAIN": "a value"}), **QUIETLY)
    target.deploy(other, name="scale", overwrite=True, **QUIETLY)
    kept = [*(workspace.folder / "models").rglob("service-before.json")]
    assert len(kept) == 2
    assert "PLAIN" in "".join(each.read_text() for each in kept)
    assert "a value" not in "".join(each.read_text() for each in kept)


def test_a_record_that_needs_too_many_tags_is_refused(target, bundle, workspace):
    """Azure allows a resource 50; it is refused before anything is registered."""
    variables = {f"VARIABLE_{hashlib.sha256(b'%d' % each).hexdigest()}": "" for each in range(200)}
    with pytest.raises(InvalidOptionError, match="at most 50 tags"):
        target.deploy(bundle, name="scale", serving=Serving(variables=variables), **QUIETLY)
    assert workspace.endpoints() == []
    assert not {"environment", "code", "endpoint"} & {*workspace.sent}


class Watched(FakeMlWorkspace):
    """A workspace that keeps that an endpoint was changed, and that a deployment was deleted."""

    def __init__(self, folder):
        super().__init__(folder)
        self.seen = []

    def put_endpoint(self, *given, **options):
        self.seen.append("changed")
        return super().put_endpoint(*given, **options)

    def delete_deployment(self, *given, **options):
        self.seen.append("deleted")
        return super().delete_deployment(*given, **options)


@pytest.mark.parametrize(("options", "waited_s"), [({}, 0.4), ({"drain_s": 0.2}, 0.2)])
def test_a_replaced_deployment_outlives_its_requests(
    tmp_path, monkeypatch, bundle, other, options, waited_s
):
    """It is deleted after its request timeout, or after the given time."""
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path / "home"))
    with contextlib.closing(Watched(tmp_path / "watched")) as workspace:
        monkeypatch.setattr(endpoint_services, "time", SimpleNamespace(sleep=workspace.seen.append))
        options = {"request_settings": {"request_timeout_ms": 400}, **options}
        target = DeployTarget(OnlineEndpointBackend.at(workspace, **options))
        target.deploy(bundle, name="scale", **QUIETLY)
        target.deploy(other, name="scale", overwrite=True, **QUIETLY)
        assert workspace.seen[-3:] == ["changed", waited_s, "deleted"]
        assert len(workspace.deployments("scale")) == 1
