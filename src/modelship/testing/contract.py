"""Test the target contract. Its clauses are in ``docs/reference/target-contract.md``.

Subclass :class:`TargetContract` in your own test module and name the target::

    from modelship.testing import TargetContract


    class TestMyTarget(TargetContract):
        target_name = "my-target"
        options = {"region": "westeurope"}
"""

from __future__ import annotations

import inspect
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from modelship.errors import (
    DeploymentNotFoundError,
    NameTakenError,
    ScoringRequestError,
)
from modelship.targets import DeployTarget, Serving, State
from modelship.testing import cases
from modelship.testing.contract_changes import ChangeClauses
from modelship.testing.contract_failures import FailureClauses, require_nothing

if TYPE_CHECKING:
    from modelship.bundle import ScoringBundle
    from modelship.targets import Deployment
    from modelship.testing.watching import Told

__all__ = ["TargetContract"]

_LOG_DELAY_S = 10.0


class TargetContract(ChangeClauses, FailureClauses):
    """The clauses that every target has to meet, with one test for each numbered clause.

    A subclass names the target in ``target_name``. The other attributes that it can set are
    described in :class:`~modelship.testing.contract_fixtures.ContractFixtures`.
    """

    # --- scoring --------------------------------------------------------------------------

    def test_t01_deploy_returns_a_healthy_service(self, running: Deployment) -> None:
        """T01: deploy() returns when the service is Healthy and has a scoring URI."""
        assert running.state is State.HEALTHY
        assert urlsplit(running.scoring_uri).path == "/score"

    def test_t02_run_answers_what_the_script_answers(self, running: Deployment) -> None:
        """T02: run() returns what the script's run() returns."""
        assert running.run(cases.ROWS) == cases.SCORED

    def test_t03_a_failing_run_is_a_500_with_its_request_id(self, running: Deployment) -> None:
        """T03: an exception in run() is status 500, with the request id and without details."""
        import requests

        with pytest.raises(ScoringRequestError) as caught:
            running.run({"data": ["sepal"]})
        assert (caught.value.status, len(caught.value.request_id)) == (500, 36)
        assert "sepal" not in str(caught.value)
        if self.front:
            return
        fields = {"x-request-id": "contract-t03"}
        with requests.Session() as session:
            session.trust_env = not self.on_loopback
            answer = session.post(running.scoring_uri, data="{", headers=fields, timeout=30)
        assert answer.status_code == 500
        assert answer.headers["x-request-id"] == "contract-t03"
        assert answer.headers["x-ms-run-function-failed"] == "True"

    def test_t04_a_body_that_is_not_utf8_is_a_400(self, running: Deployment) -> None:
        """T04: a body that is not UTF-8 is status 400, and the service keeps running."""
        with pytest.raises(ScoringRequestError) as caught:
            running.run(b"\xff\xfe")
        assert caught.value.status == 400
        assert running.run(cases.ROWS) == cases.SCORED

    def test_t05_the_service_describes_itself(self, running: Deployment) -> None:
        """T05: the swagger URI returns a JSON document about /score."""
        import requests

        with requests.Session() as session:
            session.trust_env = not self.on_loopback
            if self.front:
                session.headers["Authorization"] = f"Bearer {running.keys().primary}"
            document = session.get(running.swagger_uri, timeout=30).json()
        assert "/score" in document["paths"]

    def test_t06_logs_hold_what_the_script_printed(self, running: Deployment) -> None:
        """T06: logs() has the output of init() and run() and why run() failed; tail ends it."""
        running.run(cases.ROWS)
        with pytest.raises(ScoringRequestError):
            running.run({"data": ["petal"]})
        log = _log_with("could not convert string to float: 'petal'", running)
        assert "the factor is 3" in log
        assert "scoring 3 rows" in log
        _assert_tail_ends_the_log(running)

    def test_t07_a_local_service_is_on_loopback(self, running: Deployment) -> None:
        """T07: the scoring URI of a target on this machine is on 127.0.0.1."""
        if not self.on_loopback:
            pytest.skip("this target is on other machines")
        assert urlsplit(running.scoring_uri).hostname == "127.0.0.1"

    # --- finding --------------------------------------------------------------------------

    def test_t08_get_finds_it_from_a_new_object(self, running: Deployment) -> None:
        """T08: get() on a new object of the target finds the same instance."""
        found = self.open_target().get(running.name)
        assert found.instance == running.instance
        assert found.run(cases.ROWS) == cases.SCORED

    def test_t09_the_record_is_kept_whole(self, running: Deployment, bundle: ScoringBundle) -> None:
        """T09: digest, parts, model, input key, tags and description are returned unchanged."""
        record = self.open_target().get(running.name).release
        assert (record.bundle, record.parts) == (bundle.digest, bundle.parts)
        assert (record.model, record.input_key) == ("contract-model:2", "data")
        assert (record.tags, record.description) == (bundle.tags, bundle.description)

    def test_t10_list_is_sorted_by_name(
        self, target: DeployTarget, running: Deployment, bundle: ScoringBundle, name: str
    ) -> None:
        """T10: list() has each service once, sorted by name; services do not affect each other."""
        early = f"a{name}"
        with target.deploy(bundle, name=early, check="static", show_output=False) as other:
            names = [deployment.name for deployment in target.list()]
            assert names == sorted(set(names))
            assert {early, running.name} <= set(names)
            assert other.scoring_uri != running.scoring_uri
        assert running.run(cases.ROWS) == cases.SCORED

    def test_t11_an_unknown_name_is_not_found(self, target: DeployTarget, name: str) -> None:
        """T11: get() and delete() of an unknown name raise DeploymentNotFoundError."""
        for ask in (target.get, target.delete):
            with pytest.raises(DeploymentNotFoundError, match=name):
                ask(name)

    # --- deploying again ------------------------------------------------------------------

    def test_t12_the_same_digest_again_does_nothing(
        self, target: DeployTarget, running: Deployment, bundle: ScoringBundle
    ) -> None:
        """T12: deploying the same digest again under its name keeps the instance."""
        again = target.deploy(bundle, name=running.name, show_output=False)
        assert again.instance.instance_id == running.instance.instance_id

    def test_t13_another_digest_needs_overwrite(
        self, target: DeployTarget, running: Deployment, other_bundle: ScoringBundle
    ) -> None:
        """T13: another digest without overwrite is refused, says what differs, changes nothing."""
        with pytest.raises(NameTakenError) as caught:
            target.deploy(other_bundle, name=running.name, show_output=False)
        assert set(caught.value.differences) == {"script", "tags", "description"}
        assert target.get(running.name).instance == running.instance
        assert running.run(cases.ROWS) == cases.SCORED

    def test_t14_overwrite_replaces(
        self, target: DeployTarget, bundle: ScoringBundle, other_bundle: ScoringBundle, name: str
    ) -> None:
        """T14: after overwrite, only the new instance is left under the name."""
        options: Any = {"name": name, "check": "static", "show_output": False}
        old = target.deploy(bundle, **options)
        new = target.deploy(other_bundle, overwrite=True, **options)
        assert new.run(cases.ROWS) == [-row for row in cases.SCORED]
        assert target.get(name).instance == new.instance
        with pytest.raises(DeploymentNotFoundError):
            _ = old.state

    def test_t15_a_failing_overwrite_keeps_the_old_one(self, told: Told) -> None:
        """T15: if the new bundle does not start, the old instance keeps serving, alone."""
        before, after = told.around_failure
        assert after == before
        assert told.after_failure == told.answers[1]

    def test_t35_a_plan_says_what_a_deployment_would_do(
        self,
        target: DeployTarget,
        running: Deployment,
        bundle: ScoringBundle,
        other_bundle: ScoringBundle,
        name: str,
    ) -> None:
        """T35: plan() returns what deploy() with overwrite would change, and changes nothing."""
        before = running.instance
        assert target.plan(bundle, name=running.name).action == "nothing"
        assert target.plan(bundle, name=name).action == "create"
        plan = target.plan(other_bundle, name=running.name)
        assert plan.action == "replace"
        assert {each.name for each in plan.differences} == {"script", "tags", "description"}
        assert target.get(running.name).instance == before
        require_nothing(target, name)

    # --- options --------------------------------------------------------------------------

    def test_t25_each_option_is_recorded_or_says_where(self, target: DeployTarget) -> None:
        """T25: each constructor option is in `options`, or says where the place is."""
        backend = target._backend  # noqa: SLF001 - the check is about the backend itself
        parameters = inspect.signature(type(backend)).parameters.values()
        named = {each.name for each in parameters if each.kind is each.KEYWORD_ONLY}
        assert named == {*backend.options, *self.where_options}

    def test_t26_another_serving_is_another_release(
        self, target: DeployTarget, running: Deployment, bundle: ScoringBundle, name: str
    ) -> None:
        """T26: the same digest with another serving is refused; overwrite replaces it."""
        if not self.other_serving:
            pytest.skip("the test sets no other_serving")
        other = Serving(**self.other_serving)
        options: Any = {"name": name, "check": "static", "show_output": False}
        before = target.deploy(bundle, **options)
        with pytest.raises(NameTakenError) as caught:
            target.deploy(bundle, serving=other, **options)
        assert {each.partition(".")[0] for each in caught.value.differences} <= {
            *self.other_serving
        }
        assert target.get(name).instance == before.instance
        after = target.deploy(bundle, serving=other, overwrite=True, **options)
        assert after.instance.instance_id != before.instance.instance_id
        assert after.run(cases.ROWS) == running.run(cases.ROWS)
        again = target.deploy(bundle, serving=other, **options)
        assert again.instance == target.get(name).instance == after.instance


def _assert_tail_ends_the_log(deployment: Deployment) -> None:
    """Assert that the tail ends the log, which may grow meanwhile: compare it with both reads."""
    end_s = time.monotonic() + _LOG_DELAY_S
    before, tail, after = (deployment.logs(), deployment.logs(tail=2), deployment.logs())
    while before != after and time.monotonic() < end_s:
        before, tail, after = (after, deployment.logs(tail=2), deployment.logs())
    assert before != after or tail.splitlines() == after.splitlines()[-2:]


def _log_with(text: str, deployment: Deployment) -> str:
    """Return the log once it contains `text`, or the last one read: logs may be delayed."""
    end_s = time.monotonic() + _LOG_DELAY_S
    while text not in (log := deployment.logs()) and time.monotonic() < end_s:
        time.sleep(0.05)
    return log
