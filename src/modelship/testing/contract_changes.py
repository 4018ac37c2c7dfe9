"""Test the clauses of the target contract about releases and rollouts."""

from __future__ import annotations

import json
import signal
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

import pytest

from modelship.errors import DeploymentFailedError, InvalidOptionError, RolloutFailedError
from modelship.evaluation import Evaluator, Gate
from modelship.routing import Bounds, Canary
from modelship.targets import Serving
from modelship.targets.backend import SupportsLend, SupportsReplace, SupportsRoute, SupportsShares
from modelship.testing import cases
from modelship.testing.contract_fixtures import ContractFixtures
from modelship.testing.watching import Callers, Told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from modelship.bundle import ScoringBundle
    from modelship.targets import Change, Deployment, DeployTarget, ReleaseRecord, TargetBackend

__all__ = ["ChangeClauses"]

_OTHER: Final = [-each for each in cases.SCORED]
_MOST_LOOKED_AT_BYTES: Final = 2**20
_SECRET: Final = "pa55-that-nobody-reads"  # noqa: S105 - it opens nothing
# Some need modelship's own server.
_SET: Final[Mapping[str, Mapping[str, Any]]] = {
    "server": {"server": "modelship"},
    "workers": {"workers": 2},
    "port": {"port": 40404},
    "auth": {"auth": True, "server": "modelship"},
    "traces": {"traces": True, "server": "modelship"},
    "capture": {"capture": "capture", "server": "modelship"},
    "limits": {"limits": "aci"},
    "variables": {"variables": {"CONTRACT_PLAIN": "1"}},
    "secrets": {"secrets": {"CONTRACT_SECRET": "env:PATH"}},
    "server_options": {"server_options": {"scoring_timeout_ms": 60_000}},
}

# Latencies mean nothing on a machine that is busy with other work.
_BOUNDS = Bounds(disagreement=0, p95_ratio=None)


class ChangeClauses(ContractFixtures):
    """What every target guarantees when a name changes from one release to another."""

    @pytest.fixture(scope="class")
    @classmethod
    def told(
        cls,
        target: DeployTarget,
        bundle: ScoringBundle,
        other_bundle: ScoringBundle,
        make_bundle: Callable[..., ScoringBundle],
    ) -> Iterator[Told]:
        """Return what was observed while one name went through four changes."""
        name = cls.new_name("changes")
        serving = Serving(**cls.other_serving)
        try:
            told = Told(
                target.deploy(bundle, name=name, serving=serving, check="static", show_output=False)
            )
            callers = Callers(target.get(name), count=2 if _routes(target) else 0)
            with callers:
                told.deployment.update(other_bundle, check="static", show_output=False)
            told.lost, told.answered_meanwhile = callers.failures, callers.answers
            told.look()
            before = target.get(name).instance
            with pytest.raises(DeploymentFailedError):
                target.deploy(
                    make_bundle(cases.RAISING),
                    name=name,
                    serving=serving,
                    overwrite=True,
                    check="static",
                    show_output=False,
                )
            after = target.get(name)
            told.around_failure = before, after.instance
            told.after_failure = after.run(cases.ROWS)
            told.deployment.rollback(show_output=False)
            told.look()
            yield told
        finally:
            target.delete(name, missing_ok=True)

    # --- changing -------------------------------------------------------------------------

    def test_t27_update_keeps_how_it_is_served(
        self, told: Told, other_bundle: ScoringBundle
    ) -> None:
        """T27: update() with a bundle keeps the serving, and updates the handle's release."""
        first, second, _ = told.releases
        assert (second.bundle, told.answers[1]) == (other_bundle.digest, _OTHER)
        assert second.options == first.options

    def test_t28_rollback_serves_the_release_before(self, told: Told) -> None:
        """T28: rollback() serves the previous release, of the same digest, after a failure too."""
        first, _, third = told.releases
        assert third.digest == first.digest
        assert told.answers[2] == told.answers[0] == cases.SCORED

    def test_t29_history_lists_each_change(self, told: Told) -> None:
        """T29: history() lists each change, oldest first: what, by whom, and with what result."""
        changes = self.open_target().get(told.deployment.name).history()
        assert [(each.kind, each.outcome) for each in changes] == [
            ("deploy", "ended"),
            ("update", "ended"),
            ("deploy", "failed"),
            ("rollback", "serving"),
        ]
        _assert_follows(changes, told.releases)

    def test_t30_the_address_does_not_change(self, target: DeployTarget, told: Told) -> None:
        """T30: a name keeps its scoring URI, if the place can route or replace in place."""
        if not isinstance(_backend(target), SupportsRoute | SupportsReplace):
            pytest.skip("the address of a name changes with each release on this target")
        assert len(set(told.addresses)) == 1

    def test_t31_no_request_is_lost_in_a_change(self, target: DeployTarget, told: Told) -> None:
        """T31: during an update, each request is answered by the old or the new release."""
        if not _routes(target):
            pytest.skip("this target cannot route")
        assert list(told.lost) == []
        assert told.answered_meanwhile
        assert all(each in (cases.SCORED, _OTHER) for each in told.answered_meanwhile)

    def test_t36_a_gate_that_fails_changes_nothing(
        self, target: DeployTarget, running: Deployment, other_bundle: ScoringBundle
    ) -> None:
        """T36: a release that fails its gate is removed; the old release keeps serving."""
        if _replaces(target):
            pytest.skip("a release serves on this target before it can be evaluated")
        gate = _gate()
        with pytest.raises(RolloutFailedError) as caught:
            target.deploy(
                other_bundle, name=running.name, overwrite=True, gate=gate, show_output=False
            )
        assert caught.value.report.mae == pytest.approx(2 * cases.FACTOR)
        _assert_is_as_before(target, running)

    def test_t37_a_canary_that_disagrees_is_taken_back(
        self, target: DeployTarget, running: Deployment, other_bundle: ScoringBundle
    ) -> None:
        """T37: a canary out of bounds is removed, and no request is lost meanwhile."""
        if not isinstance(_backend(target), SupportsLend | SupportsShares):
            pytest.skip("this target can neither lend the address of a name nor divide requests")
        if isinstance(_backend(target), SupportsLend):
            pytest.importorskip("aiohttp")
        canary = Canary(weights=(50,), requests=4, timeout_s=60, bounds=_BOUNDS)
        with Callers(running) as callers, pytest.raises(RolloutFailedError, match="canary"):
            target.deploy(
                other_bundle, name=running.name, overwrite=True, rollout=canary, show_output=False
            )
        assert callers.failures == []
        assert callers.answers
        assert all(each in (cases.SCORED, _OTHER) for each in callers.answers)
        _assert_is_as_before(target, running)

    # --- serving --------------------------------------------------------------------------

    @pytest.mark.parametrize("option", [each.name for each in fields(Serving)])
    def test_t32_what_is_not_kept_is_refused(
        self,
        target: DeployTarget,
        make_bundle: Callable[..., ScoringBundle],
        name: str,
        option: str,
    ) -> None:
        """T32: an option of Serving that the backend does not support is refused first."""
        backend = _backend(target)
        assert backend.serves <= {each.name for each in fields(Serving)}
        if option in backend.serves:
            return
        with pytest.raises(InvalidOptionError) as caught:
            target.deploy(make_bundle(cases.SCALING), name=name, serving=Serving(**_SET[option]))
        assert caught.value.option in _SET[option]
        assert list(backend.journal(name).changes()) == []

    def test_t33_secrets_reach_the_script_and_nobody_else(
        self,
        target: DeployTarget,
        make_bundle: Callable[..., ScoringBundle],
        home: Path,
        name: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """T33: variables and secrets are in the script's environment; no secret is shown."""
        if not {"variables", "secrets"} <= _backend(target).serves:
            pytest.skip("this target supports neither variables nor secrets")
        monkeypatch.setenv("CONTRACT_FROM", _SECRET)
        serving = Serving(
            variables={"CONTRACT_PLAIN": "two words"},
            secrets={"CONTRACT_SECRET": "env:CONTRACT_FROM"},
        )
        deployment = target.deploy(
            make_bundle(cases.READING), name=name, serving=serving, show_output=False
        )
        assert deployment.run({}) == ["two words", cases.hidden(_SECRET)]
        shown = [repr(serving), repr(deployment), repr(deployment.instance), deployment.logs()]
        changes = [each.to_document() for each in deployment.history()]
        shown += [deployment.instance.to_json(), json.dumps(changes)]
        shown += [each.read_text(errors="replace") for each in _files_of(home)]
        assert [each for each in shown if _SECRET in each] == []

    # --- dying ----------------------------------------------------------------------------

    def test_t34_a_deployer_may_be_killed_at_any_step(
        self,
        target: DeployTarget,
        bundle: ScoringBundle,
        other_bundle: ScoringBundle,
        name: str,
        tmp_path: Path,
    ) -> None:
        """T34: if a deployer is killed, the name serves one of both, and the next deploy works."""
        if not self.survives_process:
            pytest.skip("services of this target end with the process that deployed them")
        target.deploy(bundle, name=name, show_output=False)
        folders = [each.save(tmp_path / each.digest) for each in (bundle, other_bundle)]
        for step in _steps(target):
            before = target.get(name).run(cases.ROWS)
            with self.deployer(folders[before == cases.SCORED], name=name) as process:
                for line in process.stderr or ():
                    if f"] {step}: done" in line:
                        process.kill()
            assert process.returncode in {0, -signal.SIGKILL}  # the last step is near the end
            assert target.get(name).run(cases.ROWS) in (cases.SCORED, _OTHER)
        last = target.deploy(other_bundle, name=name, overwrite=True, show_output=False)
        assert last.run(cases.ROWS) == _OTHER
        assert len(_backend(target).instances(name)) == 1
        outcomes = [change.outcome for change in last.history()]
        assert outcomes[-1] == "serving"
        assert not {"under way", "serving"} & {*outcomes[:-1]}


def _backend(target: DeployTarget) -> TargetBackend:
    return target._backend  # noqa: SLF001 - the check is about the backend itself


def _routes(target: DeployTarget) -> bool:
    return isinstance(_backend(target), SupportsRoute)


def _replaces(target: DeployTarget) -> bool:
    return isinstance(_backend(target), SupportsReplace)


def _assert_is_as_before(target: DeployTarget, running: Deployment) -> None:
    """Assert that a refused release left nothing but an entry in the history."""
    there = [each.instance_id for each in _backend(target).instances(running.name)]
    assert there == [running.instance.instance_id]
    assert running.run(cases.ROWS) == cases.SCORED
    assert running.history()[-1].outcome == "refused"


def _gate() -> Gate:
    """Return a gate that only passes services that answer as `cases.SCALING` does."""
    np = pytest.importorskip("numpy")
    pytest.importorskip("sklearn")
    evaluator = Evaluator(
        np.array([[1.0], [-1.0]]),
        np.array([1.0, -1.0]) * cases.FACTOR,
        task="regression",
        encode=lambda rows: {"data": rows[:, 0].tolist()},
    )
    return Gate(evaluator, mae=0.5)


def _steps(target: DeployTarget) -> list[str]:
    """Return the steps after which a deployer is killed."""
    starts = "Replace the service" if _replaces(target) else "Start the service"
    return [starts, "Wait until it is healthy", "Send the sample request"]


def _assert_follows(changes: Sequence[Change], releases: Sequence[ReleaseRecord]) -> None:
    """Assert that each change starts from the release that the one before led to."""
    first, second, _ = releases
    assert [each.number for each in changes] == [1, 2, 3, 4]
    assert [changes[n].release.digest for n in (0, 1, 3)] == [each.digest for each in releases]
    assert [each.previous for each in changes] == ["", first.digest, second.digest, second.digest]
    assert "script" in changes[1].differed
    assert changes[2].reason
    assert all("@" in each.by and each.began_at <= each.ended_at for each in changes[1:3])


def _files_of(home: Path) -> Iterator[Path]:
    """Yield the files that are stored on this machine for services."""
    for path in (home / "state").rglob("*"):
        if path.is_file() and path.stat().st_size <= _MOST_LOOKED_AT_BYTES:
            yield path
