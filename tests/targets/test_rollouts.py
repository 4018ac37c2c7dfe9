"""A new release passes its gate, shadow and canary, or the old release keeps serving."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import requests

import modelship.routing.router
from modelship import Bounds, Canary, Evaluator, Gate, Shadow
from modelship.errors import (
    InvalidOptionError,
    RolloutFailedError,
    UnknownMetricError,
    UnsupportedError,
)
from modelship.progress import Steps
from modelship.routing.children import start_child
from modelship.state_paths import state_folder
from modelship.targets import DeployTarget, Observation, State
from modelship.targets.rollout_stages import Stages
from modelship.targets.trying import Trying
from modelship.testing import MemoryBackend, offline_bundle, script_bundle
from waiting import meanwhile

_SCRIPT = """
import json, threading, time
def init(): ...
def run(raw_data):
    {body}
    return [{answer} for _ in json.loads(raw_data)["data"]]
"""
pytestmark = pytest.mark.usefixtures("forked_routers")

_X, _Y = np.zeros((4, 1)), np.array([0, 0, 0, 1])


@pytest.fixture
def bundle_of(tmp_path):
    """Return what makes a bundle whose every prediction is `answer`."""

    def bundle_of(answer, *, body="pass"):
        folder = tmp_path / f"bundle-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        script = _SCRIPT.format(answer=answer, body=body)
        return offline_bundle(script_bundle(script, folder=folder, environment=None))

    return bundle_of


@pytest.fixture
def deployment(memory_target, bundle_of):
    """Return a service whose every prediction is 0."""
    with memory_target.deploy(bundle_of(0), name="tried-svc", show_output=False) as deployed:
        yield deployed


@contextmanager
def _calling(deployment):
    """Let two callers send requests; yield the statuses that they got."""
    ended, got, uri = threading.Event(), [], deployment.scoring_uri

    def live():
        while not ended.wait(0.02):
            got.append(_status(uri))

    threads = [threading.Thread(target=live) for _ in range(2)]
    for each in threads:
        each.start()
    try:
        yield got
    finally:
        ended.set()
        for each in threads:
            each.join(30)


def _status(uri):
    try:
        return requests.post(uri, json={"data": [[1]]}, timeout=20).status_code
    except requests.RequestException as error:
        return repr(error)


def _update(deployment, bundle, **stages):
    deployment.update(bundle, show_output=False, **stages)


def test_a_gate_that_is_not_passed_leaves_the_old_release_alone(deployment, bundle_of):
    """The report is in the error, and what was measured in the history."""
    gate = Gate(Evaluator(_X, _Y, progress=False), accuracy=0.75)
    with pytest.raises(RolloutFailedError, match="accuracy is 0.25") as caught:
        _update(deployment, bundle_of(1), gate=gate)
    assert caught.value.report.metrics["accuracy"] == 0.25
    assert caught.value.stage == "gate"
    assert deployment.run({"data": [[1]]}) == [0]
    change = deployment.history()[-1]
    assert (change.outcome, change.figures["gate.accuracy"]) == ("refused", 0.25)
    _update(deployment, bundle_of("0 + 0"), gate=gate)
    assert deployment.history()[-1].figures["gate.accuracy"] == 0.75


def test_a_switch_that_is_interrupted_is_taken_back(deployment, bundle_of, monkeypatch):
    """After Ctrl-C between the two releases, the old one takes requests again."""
    accept = MemoryBackend.accept

    def interrupted(backend, instance, *, on):
        accept(backend, instance, on=on)
        if not on:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(MemoryBackend, "accept", interrupted)
        with pytest.raises(KeyboardInterrupt):
            _update(deployment, bundle_of(1))
    assert _status(deployment.scoring_uri) == 200
    assert deployment.run({"data": [[1]]}) == [0]


def test_the_gate_of_a_first_release_leaves_nothing_behind(memory_target, bundle_of):
    """No request ever comes to it."""
    gate = Gate(Evaluator(_X, _Y, progress=False), accuracy=0.75)
    with pytest.raises(RolloutFailedError, match="no release is running under this name"):
        memory_target.deploy(bundle_of(1), name="never-svc", gate=gate, show_output=False)
    assert "never-svc" not in {each.name for each in memory_target.list()}


def test_a_canary_that_keeps_its_bounds_takes_over_without_a_lost_request(deployment, bundle_of):
    """The figures of both releases are in the history."""
    uri = deployment.scoring_uri
    canary = Canary(requests=5, bounds=Bounds(p95_ratio=None))
    with _calling(deployment) as got:
        _update(deployment, bundle_of(1), rollout=canary)
    assert set(got) == {200}
    assert deployment.run({"data": [[1]]}) == [1]
    assert deployment.scoring_uri == uri
    figures = deployment.history()[-1].figures
    assert figures["canary.new.requests"] >= 15
    assert figures["canary.old.requests"] >= 5


def test_a_canary_that_fails_is_rolled_back(deployment, bundle_of):
    """The old release answers everything again, and the error and the history say why."""
    with _calling(deployment) as got, pytest.raises(RolloutFailedError) as caught:
        _update(deployment, bundle_of(1, body="raise ValueError"), rollout="canary")
    assert "at 10 % of the requests, " in caught.value.reason
    assert "error" in caught.value.reason
    counted = caught.value.figures["canary.new.errors"]
    assert 1 <= counted <= got.count(500) <= counted + 2  # one of each caller is under way
    assert {_status(deployment.scoring_uri) for _ in range(20)} == {200}
    change = deployment.history()[-1]
    assert change.outcome == "refused"
    assert "at 10 % of the requests" in change.reason


def test_a_shadow_that_disagrees_too_much_never_answers_a_caller(deployment, bundle_of, tmp_path):
    """What it answered differently is in a file, which the error names."""
    record = tmp_path / "differences.jsonl"
    shadow = Shadow(requests=10, bounds=Bounds(disagreement=0.2, p95_ratio=None), record=record)
    with _calling(deployment) as got, pytest.raises(RolloutFailedError) as caught:
        _update(deployment, bundle_of(1), shadow=shadow, rollout="canary")
    assert "answered differently" in caught.value.reason
    assert str(record) in caught.value.hint
    assert set(got) == {200}
    assert '"old": "0", "new": "1"' in record.read_text()


def test_what_a_shadow_recorded_goes_with_the_service(memory_target, bundle_of):
    """Requests may hold what is private; a file that the user named is the user's."""
    record = state_folder() / "differences" / "memory" / "recorded-svc.jsonl"
    shadow = Shadow(requests=2, bounds=Bounds(disagreement=0.0, error_rate=None, p95_ratio=None))
    with memory_target.deploy(bundle_of(0), name="recorded-svc", show_output=False) as deployed:
        with _calling(deployed), pytest.raises(RolloutFailedError):
            _update(deployed, bundle_of(1), shadow=shadow)
        assert record.stat().st_mode & 0o777 == 0o600
    assert not record.exists()


@pytest.mark.long
def test_a_shadow_and_a_canary_go_one_after_the_other(deployment, bundle_of):
    """Both leave their figures."""
    bounds = Bounds(p95_ratio=None)
    with _calling(deployment) as got:
        _update(
            deployment,
            bundle_of("0 + 0"),
            shadow=Shadow(requests=5, bounds=bounds),
            rollout=Canary(weights=(50,), requests=5, bounds=bounds),
        )
    assert set(got) == {200}
    figures = deployment.history()[-1].figures
    assert figures["shadow.new.compared"] >= 5
    assert "shadow.new.differing" not in figures
    assert figures["canary.new.requests"] >= 5


_LONG = Canary(weights=(50,), requests=10**6, timeout_s=60, bounds=Bounds(p95_ratio=None))


def _is_tried(deployment):
    """Return whether the new release, whose predictions are 1, gets requests."""
    return requests.post(deployment.scoring_uri, json={"data": [[1]]}, timeout=20).json() == [1]


def test_a_release_that_dies_under_its_canary_costs_its_callers_next_to_nothing(bundle_of):
    """What could not be sent to it goes to the old one; what it was running may be a 502."""
    backend = MemoryBackend()
    with DeployTarget(backend).deploy(bundle_of(0), name="dying", show_output=False) as deployed:

        def crash():
            [new] = [each for each in backend.instances("dying") if not each.routed]
            backend.crash(new)

        with (
            _calling(deployed) as got,
            meanwhile(crash, once=lambda: _is_tried(deployed)),
            pytest.raises(RolloutFailedError) as caught,
        ):
            _update(deployed, bundle_of(1), rollout=_LONG)
        assert "nothing answers at its address" in caught.value.reason
        assert set(got) <= {200, 502}
        assert got.count(502) <= 2
        assert {_status(deployed.scoring_uri) for _ in range(20)} == {200}


def test_a_release_whose_predecessor_dies_during_its_trial_takes_over(bundle_of):
    """Nobody is left to compare it with, and to give it up would leave nothing."""
    backend = MemoryBackend()
    target = DeployTarget(backend)
    with target.deploy(bundle_of(0), name="widow-svc", show_output=False) as deployment:
        old = deployment.instance
        with meanwhile(lambda: backend.crash(old), once=lambda: _is_tried(deployment)):
            _update(deployment, bundle_of(1), rollout=_LONG)
        assert deployment.run({"data": [[1]]}) == [1]
        assert deployment.instance.instance_id != old.instance_id
        assert deployment.history()[-1].outcome == "serving"


def test_a_killed_router_gives_the_address_back(deployment, bundle_of, monkeypatch):
    """At most what it was forwarding is lost, and the deployment says what happened."""
    monkeypatch.setattr(modelship.routing.router, "start_child", start_child)  # which has a name

    def kill():
        for each in psutil.Process().children():
            if any("router_child" in part for part in each.cmdline()):
                os.kill(each.pid, signal.SIGKILL)

    with (
        _calling(deployment) as got,
        meanwhile(kill, once=lambda: _is_tried(deployment)),
        pytest.raises(RolloutFailedError, match="router has exited"),
    ):
        _update(deployment, bundle_of(1), rollout=_LONG)
    assert len([each for each in got if each != 200]) <= 2
    assert {_status(deployment.scoring_uri) for _ in range(20)} == {200}


def test_an_old_release_that_is_busy_is_waited_for(bundle_of):
    """It does not answer while its workers run long requests; the new one is tried all the same."""
    backend = MemoryBackend()
    with DeployTarget(backend).deploy(bundle_of(0), name="busy", show_output=False) as deployment:
        old, observe, looks = (
            deployment.instance.instance_id,
            backend.observe,
            [State.UNHEALTHY] * 2,
        )

        def busy(instance):
            tries = instance.instance_id == old and len(backend.instances("busy")) > 1
            return Observation(looks.pop()) if tries and looks else observe(instance)

        backend.observe = busy
        with _calling(deployment), pytest.raises(RolloutFailedError):
            _update(deployment, bundle_of(1, body="raise ValueError"), rollout="canary")
        assert not looks


@pytest.mark.parametrize(("timeout_s", "waited_s"), [(20, 10), (600, 30)])
def test_an_old_release_that_hangs_leaves_time_for_the_new_one(
    monkeypatch, capsys, timeout_s, waited_s
):
    """It is waited for as long as is said, and half of the time is left for what follows."""
    passed = []
    clock = SimpleNamespace(monotonic=lambda: sum(passed), sleep=passed.append)
    monkeypatch.setattr("modelship.progress.time", clock)
    monkeypatch.setattr("modelship.targets.health.time", clock)
    backend = SimpleNamespace(observe=lambda _instance: Observation(State.UNHEALTHY))
    old = SimpleNamespace(release=SimpleNamespace(digest=""))
    steps = Steps("t", timeout_s=timeout_s, show_output=True)
    Trying(backend, name="t", stages=Stages(canary=Canary()), steps=steps).run(None, old)
    assert sum(passed) == pytest.approx(waited_s, abs=1)
    assert capsys.readouterr().err.splitlines() == [
        f"[t] waiting up to {waited_s} s until the old release answers",
        "[t] the old release does not answer: there is nothing to compare with",
    ]


def test_without_an_older_release_there_is_no_traffic_to_try_one_on(
    memory_target, bundle_of, capsys
):
    """The first release serves once it is healthy, and the steps say why."""
    with memory_target.deploy(bundle_of(0), name="first-svc", rollout="canary") as deployed:
        assert deployed.run({"data": [[1]]}) == [0]
    assert "no release is running under this name yet" in capsys.readouterr().err


@pytest.mark.parametrize("stage", [{"rollout": "canary"}, {"shadow": Shadow()}])
def test_a_place_that_cannot_divide_requests_says_so_before_it_starts_anything(bundle_of, stage):
    """Nothing is written into the history either."""
    backend = MemoryBackend()
    place = DeployTarget(backend)
    with place.deploy(bundle_of(0), name="bound-svc", show_output=False) as deployed:
        backend.runs_beside = lambda *_: False
        before = deployed.history()
        with pytest.raises(UnsupportedError, match="canary or shadow"):
            _update(deployed, bundle_of(1), **stage)
        assert deployed.history() == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"gate": 0.9},
        {"gate": {"accuracy": 0.9}},
        {"rollout": "blue-green"},
        {"rollout": Shadow()},
        {"shadow": True},
    ],
)
def test_a_stage_that_cannot_be_meant_is_refused(memory_target, bundle_of, wrong):
    """Before anything is built."""
    with pytest.raises(InvalidOptionError):
        memory_target.deploy(bundle_of(0), name="never-svc", show_output=False, **wrong)


def test_a_gate_is_checked_when_it_is_made():
    """Not at the end of a long deployment."""
    evaluator = Evaluator(_X, _Y, progress=False)
    with pytest.raises(InvalidOptionError, match="bounds"):
        Gate(evaluator)
    with pytest.raises(UnknownMetricError, match="did you mean 'accuracy'"):
        Gate(evaluator, acuracy=0.9)
    with pytest.raises(InvalidOptionError, match="finite number"):
        Gate(evaluator, accuracy=float("nan"))
    with pytest.raises(InvalidOptionError, match="Evaluator"):
        Gate("test.npz", accuracy=0.9)
