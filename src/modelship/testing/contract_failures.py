"""Test the clauses of the target contract about failures and exits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from modelship.errors import (
    DeploymentFailedError,
    DeploymentNotFoundError,
    DeploymentTimeoutError,
    InvalidNameError,
    ScoringRequestError,
    ServiceUnreachableError,
)
from modelship.targets import State
from modelship.testing import cases
from modelship.testing.contract_fixtures import ContractFixtures

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modelship.bundle import ScoringBundle
    from modelship.targets import Deployment, DeployTarget

__all__ = ["FailureClauses", "require_nothing"]

_DEPLOY_TIMEOUT_S: Final = 600.0


class FailureClauses(ContractFixtures):
    """What every target guarantees when a service fails, crashes or is deleted."""

    # --- failing --------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("script", "last_line"),
        [
            (cases.RAISING, "LookupError: no such feature: sepal length"),
            (cases.EXITING, "SystemExit: the license has expired"),
        ],
        ids=["raising", "exiting"],
    )
    def test_t16_a_failing_init_shows_its_traceback(
        self,
        target: DeployTarget,
        make_bundle: Callable[..., ScoringBundle],
        name: str,
        script: str,
        last_line: str,
    ) -> None:
        """T16: if init() fails, the error has its traceback, and nothing is left."""
        with pytest.raises(DeploymentFailedError) as caught:
            target.deploy(make_bundle(script), name=name, check="static", show_output=False)
        assert "Traceback (most recent call last)" in caught.value.log_tail
        assert caught.value.log_tail.splitlines()[-1] == last_line
        require_nothing(target, name)

    def test_t17_a_refused_sample_fails_the_deployment(
        self, target: DeployTarget, make_bundle: Callable[..., ScoringBundle], name: str
    ) -> None:
        """T17: if run() rejects the sample request, deploy() fails, and nothing is left."""
        bundle = make_bundle(cases.SCALING, sample_input={"rows": [1]})
        with pytest.raises(DeploymentFailedError, match="sample request") as caught:
            target.deploy(bundle, name=name, check="static", show_output=False)
        assert "KeyError: 'data'" in caught.value.log_tail
        require_nothing(target, name)

    def test_t18_a_deadline_leaves_nothing(
        self, target: DeployTarget, make_bundle: Callable[..., ScoringBundle], name: str
    ) -> None:
        """T18: if the deadline passes in init(), deploy() reports it, and nothing is left."""
        bundle = make_bundle(cases.SLOW)
        with pytest.raises(DeploymentTimeoutError, match="healthy"):
            target.deploy(
                bundle,
                name=name,
                check="static",
                timeout_s=self.slow_timeout_s,
                show_output=False,
            )
        require_nothing(target, name)

    @pytest.mark.parametrize("bad", ["", "ab", "Digits", "1digits", "digits-", "d" * 33, "a/b", 7])
    def test_t19_a_bad_name_is_refused_first(self, target: DeployTarget, bad: Any) -> None:
        """T19: a name that Azure ML would refuse is refused before the bundle is checked."""
        nothing: Any = None
        with pytest.raises(InvalidNameError):
            target.deploy(nothing, name=bad)

    def test_t20_a_crashed_service_is_failed(
        self, target: DeployTarget, bundle: ScoringBundle, name: str
    ) -> None:
        """T20: a crashed service is Failed and listed; deploying it again recovers it."""
        if type(self).crash is ContractFixtures.crash:
            pytest.skip(f"the test defines no crash() for {target.name}")
        options: Any = {"name": name, "check": "static", "show_output": False}
        crashed = target.deploy(bundle, **options)
        self.crash(crashed)
        assert crashed.state is State.FAILED
        assert name in [deployment.name for deployment in target.list()]
        with pytest.raises(ServiceUnreachableError):
            crashed.run(cases.ROWS)
        assert target.deploy(bundle, **options).run(cases.ROWS) == cases.SCORED
        with pytest.raises(DeploymentNotFoundError):
            _ = crashed.state

    # --- ending ---------------------------------------------------------------------------

    @pytest.fixture(scope="class")
    @classmethod
    def deleted(cls, target: DeployTarget, make_bundle: Callable[..., ScoringBundle]) -> Deployment:
        """Return a service that was deleted."""
        name = cls.new_name("deleted")
        bundle = make_bundle(cases.SCALING)
        deployment = target.deploy(bundle, name=name, check="static", show_output=False)
        deployment.delete()
        return deployment

    def test_t21_delete_removes_the_service(
        self, target: DeployTarget, deleted: Deployment
    ) -> None:
        """T21: after delete() nothing answers, nothing is listed, and there is no log."""
        require_nothing(target, deleted.name)
        assert deleted.logs() == ""
        with pytest.raises(DeploymentNotFoundError):
            _ = deleted.state
        with pytest.raises(ServiceUnreachableError):
            deleted.run(cases.ROWS)

    def test_t22_deleting_twice_is_said_unless_allowed(self, deleted: Deployment) -> None:
        """T22: a second delete() raises DeploymentNotFoundError unless missing_ok."""
        deleted.delete(missing_ok=True)
        with pytest.raises(DeploymentNotFoundError):
            deleted.delete()

    def test_t23_a_with_block_deletes(
        self, target: DeployTarget, bundle: ScoringBundle, name: str
    ) -> None:
        """T23: leaving a with block deletes the service, also on an error."""
        deployment = target.deploy(bundle, name=name, check="static", show_output=False)
        with pytest.raises(ScoringRequestError), deployment:
            deployment.run({"data": ["sepal"]})
        require_nothing(target, name)

    def test_t24_a_service_outlives_its_deployer(
        self, target: DeployTarget, bundle: ScoringBundle, name: str, tmp_path: Path
    ) -> None:
        """T24: a service keeps running when the process that deployed it exits, and is found."""
        if not self.survives_process:
            pytest.skip("services of this target end with the process that deployed them")
        with self.deployer(bundle.save(tmp_path / "bundle"), name=name) as process:
            process.communicate(timeout=_DEPLOY_TIMEOUT_S)
        assert process.returncode == 0
        found = target.get(name)
        assert (found.state, found.digest) == (State.HEALTHY, bundle.digest)
        assert found.run(cases.ROWS) == cases.SCORED
        found.delete()
        require_nothing(target, name)


def require_nothing(target: DeployTarget, name: str) -> None:
    """Assert that nothing is deployed under a name."""
    assert name not in [deployment.name for deployment in target.list()]
    with pytest.raises(DeploymentNotFoundError):
        target.get(name)
