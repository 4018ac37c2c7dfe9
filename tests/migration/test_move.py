"""A service is moved by a plan, and its answers are compared with those of the old one."""

from __future__ import annotations

import pytest
from aci_documents import record_of

from modelship import DeployTarget
from modelship.bundle import Environment
from modelship.errors import ParityError, ScoringError
from modelship.migration import AciService, EndpointPlan, move
from modelship.migration.moving import require_equal
from modelship.testing import cases, offline_bundle, script_bundle

REFUSING = "def init(): ...\n\ndef run(raw_data):\n    raise ValueError('no such column')\n"
ENVIRONMENT = Environment("3.11", ("numpy==2.0.0",))


@pytest.fixture
def target(tmp_path, monkeypatch):
    """Return the target that deploys nowhere; its services are removed afterwards."""
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path / "home"))
    target = DeployTarget.open("memory")
    yield target
    for deployment in target.list():
        deployment.delete(missing_ok=True)


def bundle_of(folder, *, factor, sample_input, script=cases.SCALING):
    """Return a bundle whose service multiplies by `factor`."""
    folder.mkdir()
    made = script_bundle(
        script,
        folder=folder,
        environment=ENVIRONMENT,
        model={"factor": factor},
        sample_input=sample_input,
    )
    return offline_bundle(made)


def plan_of(name):
    """Return the plan for a service with one worker."""
    image = record_of()["environmentImageRequest"]
    del image["environment"]["environmentVariables"]["WORKER_COUNT"]
    service = AciService.from_document(record_of(environmentImageRequest=image))
    return EndpointPlan.of(service, endpoint_name=name)


@pytest.mark.parametrize(("sample", "is_compared"), [({"data": [1]}, True), (None, False)])
def test_a_moved_service_answers_as_before(target, tmp_path, sample, is_compared):
    """It has the variables of the old one; without a sample request nothing is compared."""
    bundle = bundle_of(tmp_path / "bundle", factor=3, sample_input=sample)
    old = target.deploy(bundle, name="old-svc", show_output=False)
    moved = move(plan_of("new-svc"), bundle, old=old, target=target, show_output=False)
    assert moved.is_compared == is_compared
    assert moved.deployment.run({"data": [2]}) == old.run({"data": [2]}) == [6]
    assert dict(moved.deployment.serving().variables) == {"GREETING": "s3cret-ahoy"}


def test_both_services_keep_running_if_they_answer_differently(target, tmp_path):
    """The error shows both answers."""
    old_bundle = bundle_of(tmp_path / "old", factor=3, sample_input={"data": [1]})
    new_bundle = bundle_of(tmp_path / "new", factor=4, sample_input={"data": [1]})
    old = target.deploy(old_bundle, name="old-svc", show_output=False)
    with pytest.raises(ParityError) as caught:
        move(plan_of("new-svc"), new_bundle, old=old, target=target, show_output=False)
    assert "[4.0]" in caught.value.evidence
    assert {each.name for each in target.list()} == {"old-svc", "new-svc"}


def test_nothing_is_deployed_if_the_old_service_refuses_the_sample(target, tmp_path):
    """The comparison could not succeed."""
    broken = bundle_of(tmp_path / "old", factor=3, sample_input=None, script=REFUSING)
    bundle = bundle_of(tmp_path / "new", factor=3, sample_input={"data": [1]})
    old = target.deploy(broken, name="old-svc", check="off", show_output=False)
    with pytest.raises(ScoringError):
        move(plan_of("new-svc"), bundle, old=old, target=target, show_output=False)
    assert [each.name for each in target.list()] == ["old-svc"]


def test_a_difference_in_the_last_digits_is_none():
    """Sums of floating-point numbers may differ in their order."""
    require_equal({"data": [1]}, {"aci": [0.1 + 0.2], "online-endpoint": [0.3]})


def test_a_service_returns_the_bundle_that_it_serves(target, tmp_path):
    """So that it can be deployed elsewhere."""
    bundle = bundle_of(tmp_path / "bundle", factor=3, sample_input=None)
    deployed = target.deploy(bundle, name="old-svc", show_output=False)
    assert deployed.bundle().digest == bundle.digest
