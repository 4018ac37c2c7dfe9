"""A shadow and a canary find out whether a new release may take over."""

from __future__ import annotations

import json
import os
import re
import signal
import threading

import psutil
import pytest

from modelship.parity import read_captured
from modelship.routing import Bounds, Canary, Shadow
from modelship.routing.trials import try_canary, try_shadow
from waiting import meanwhile, wait_until

pytestmark = pytest.mark.usefixtures("forked_routers")

_BODY = b'{"data": [[1]]}'

# A machine that does much else says nothing of latencies.
PATIENT = Bounds(p95_ratio=None)


@pytest.fixture
def record(tmp_path):
    return tmp_path / "private" / "differences.jsonl"


def test_a_canary_gives_the_new_release_more_and_more(router, new, calling, record):
    """It passes if the bounds are kept at each weight."""
    canary, said = Canary(weights=(10, 50, 100), requests=10, bounds=PATIENT), []
    with calling():
        trial = try_canary(router, canary, record=record, say=said.append)
    assert not trial.reason
    assert len(said) == 3
    assert trial.figures["canary.new.requests"] >= 30
    assert trial.figures["canary.new.errors"] == 0
    assert trial.figures["canary.old.p95_ms"] > 0
    assert not record.exists()


_ERRORS, _REFUSED = r"\d+ errors in ", r"\d+ of \d+ requests were answered with a status of 400 to "


@pytest.mark.parametrize(
    ("status", "reason", "count"),
    [
        (500, _ERRORS, 2),
        pytest.param(422, _REFUSED, 11, marks=pytest.mark.long),
    ],
)
def test_errors_of_the_new_release_end_a_canary(
    router, new, calling, record, status, reason, count
):
    """All requests go to the old release again, at once; so they do where it refuses them."""
    new.status = status
    with calling() as got:
        trial = try_canary(router, Canary(requests=100, bounds=PATIENT), record=record)
        at_the_end, of_new = len(got), len(new.got)
        wait_until(lambda: router.traffic() and len(got) >= at_the_end + 50)
    assert re.match(f"at 10 % of the requests, {reason}", trial.reason)
    assert count <= got.count(status) == len(new.got) < 100
    assert len(new.got) <= of_new + 2  # one of each caller may have been under way


def test_a_release_that_dies_under_a_canary_costs_at_most_what_it_was_running(
    router, new, calling, record
):
    """Requests that were not sent go to the old release; nobody sees more than a 502."""
    with calling() as got, meanwhile(new.die, once=lambda: new.got):
        canary = Canary(weights=(50,), requests=10**6, timeout_s=60, bounds=PATIENT)
        trial = try_canary(router, canary, record=record)
    assert "nothing answers at its address" in trial.reason
    assert set(got) <= {200, 502}
    assert got.count(502) <= 4


def test_too_little_traffic_ends_a_canary_with_the_old_release(router, call, record):
    """Nothing was shown, so nothing is changed; the reason says how much was missing."""
    call()
    trial = try_canary(router, Canary(requests=5, timeout_s=1, bounds=PATIENT), record=record)
    assert "too little traffic: only 0 of 5 requests in 1 s" in trial.reason


@pytest.mark.long
def test_a_canary_with_a_bound_for_disagreement_compares_both(router, old, new, calling, record):
    """Each request goes to both, and one that is answered differently is written down."""
    new.answer = b'{"result": [2]}'
    canary = Canary(weights=(50,), requests=20, bounds=Bounds(disagreement=0.1, p95_ratio=None))
    with calling(body=_BODY):
        trial = try_canary(router, canary, record=record)
    assert "answered differently; the bound is a disagreement of 0.1" in trial.reason
    assert record.read_text().count("\n") >= 3


def test_a_shadow_compares_and_no_caller_gets_its_answers(router, new, calling, record):
    """What differs is recorded with where it differs; the copies are the requests."""
    new.answer = b'{"result": [1.5]}'
    new.status = 200
    with calling(body=_BODY) as got:
        trial = try_shadow(router, Shadow(requests=12, bounds=PATIENT), record=record)
    assert not trial.reason
    assert set(got) == {200}
    assert trial.figures["shadow.new.differing"] == trial.figures["shadow.new.compared"] >= 12
    assert {body for _, _, body in new.got} == {_BODY}
    captured = json.loads(record.read_text().splitlines()[0])["captured"]
    (difference,) = captured["differences"]
    assert difference == {"what": "body", "where": ".result[0]", "old": "1", "new": "1.5"}


@pytest.mark.long
def test_a_shadow_keeps_floats_within_the_tolerance_apart_from_differences(
    router, old, new, calling, record
):
    """What agrees is not recorded, and the new release passes."""
    old.answer, new.answer = b'{"result": [1.0]}', b'{"result": [1.0000001]}'
    shadow = Shadow(requests=5, bounds=Bounds(disagreement=0.0, tolerance=1e-6, p95_ratio=None))
    with calling(body=_BODY):
        trial = try_shadow(router, shadow, record=record)
    assert not trial.reason
    assert record.read_text() == ""


def test_a_record_of_differences_is_private_and_holds_no_secret(router, new, call, record):
    """Only its owner reads it; keys in headers and queries stay out, and replay can read it."""
    new.answer = b'{"result": [2]}'
    record.parent.mkdir()
    record.write_text("older")
    record.chmod(0o644)
    settings = {"origins": router.origins, "tolerance": 0.0, "record": str(record)}
    router.copy({**settings, "most_recorded": 1, "concurrency": 1})
    for _ in range(3):
        call(_BODY, headers={"Authorization": "Bearer s3cret"}, params={"sig": "s3cret", "a": "1"})
    wait_until(lambda: router.traffic().copies.compared >= 3)
    assert record.stat().st_mode & 0o777 == 0o600
    assert "s3cret" not in record.read_text()
    (kept,) = read_captured([record])
    assert kept.request.path == "/score?a=1"
    assert kept.request.body == _BODY
    assert {each[1]["Authorization"] for each in new.got} == {"Bearer s3cret"}


def test_no_caller_waits_for_a_shadow_that_is_slow(router, new, call, record):
    """Copies beyond what may wait are dropped and counted."""
    blocked = threading.Event()
    new.before = blocked.wait
    settings = {"origins": router.origins, "tolerance": 0.0, "record": str(record)}
    router.copy({**settings, "most_recorded": 1, "concurrency": 1})
    try:
        assert {call().status_code for _ in range(70)} == {200}
        assert router.traffic().copies.dropped == 6
    finally:
        blocked.set()


@pytest.mark.long
def test_errors_of_the_new_release_end_a_shadow(router, new, calling, record):
    """No caller has seen them."""
    new.status = 500
    with calling() as got:
        trial = try_shadow(router, Shadow(requests=100, bounds=PATIENT), record=record)
    assert "errors in" in trial.reason
    assert set(got) == {200}


def test_a_killed_shadow_process_fails_the_trial(router, calling, record):
    """What it would have compared is not known, so the new release does not pass."""

    def kill():
        for each in psutil.Process(router.pid).children():
            os.kill(each.pid, signal.SIGKILL)

    shadow = Shadow(requests=10**6, timeout_s=60, bounds=PATIENT)
    with calling() as got:
        trial = try_shadow(router, shadow, record=record, look=kill)
    assert "the process that sends the copies has ended" in trial.reason
    assert set(got) == {200}


def test_no_process_is_left_when_a_router_is_killed(router, record):
    """The process that sends copies ends with it."""
    settings = {"origins": router.origins, "tolerance": 0.0, "record": str(record)}
    router.copy({**settings, "most_recorded": 1, "concurrency": 1})
    (child,) = psutil.Process(router.pid).children()
    os.kill(router.pid, signal.SIGKILL)
    psutil.wait_procs([child], timeout=20)
    assert not child.is_running()
