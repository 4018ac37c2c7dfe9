"""Runs that are canceled, or asked for twice, while they begin, and the order of these."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from modelship.testing.offline.document_store import Documents
from modelship.testing.offline.runs.queues import Queue

RUNS = "/experiments/e/runs"
PYTHON = {"python": {"userManagedDependencies": True}}


@pytest.fixture
def start(call):
    """Return a function that asks for a run on this machine, as the SDK does."""
    assert call("POST", "history/v1.0", "/experiments/e").ok

    def make(run_id):
        asked = {"Configuration": {"script": "a.py", "target": "local", "environment": PYTHON}}
        files = {"files": ("definition.json", json.dumps(asked))}
        return call(
            "POST",
            "execution/v1.0",
            "/experiments/e/localrun",
            params={"runId": run_id},
            files=files,
        )

    return make


@pytest.fixture
def late(monkeypatch):
    """Let those who look for a run get the answer late."""
    get = Documents.get

    def slowly(documents, key):
        found = get(documents, key)
        if key == "r":
            time.sleep(0.05)
        return found

    monkeypatch.setattr(Documents, "get", slowly)


def begin_at(offline, run_id, here):
    """Return the address at which a local run begins, and what is sent there."""
    path = f"/execution/v1.0{offline.identity.path}{RUNS}/{run_id}/begin"
    signed = offline._shared.guard.signed(path, permissions="w")
    return f"{RUNS}/{run_id}/begin?{signed}", {"folder": str(here), "variables": {}}


def at_once(function, count=4):
    """Return the sorted statuses of as many requests as begin together."""
    with ThreadPoolExecutor(count) as pool:
        found = [pool.submit(function) for _ in range(count)]
        return sorted(each.result().status_code for each in found)


def test_two_runs_never_have_the_same_id(start, late):
    """Of several requests at once one gets the run."""
    assert at_once(lambda: start("r")) == [200, 400, 400, 400]


def test_a_local_run_begins_once(start, late, call, offline, here):
    """Of several processes that begin it at once, one does."""
    start("r")
    address, sent = begin_at(offline, "r", here)
    statuses = at_once(lambda: call("PUT", "execution/v1.0", address, json=sent))
    assert statuses == [200, 409, 409, 409]


def test_a_run_that_has_not_begun_is_canceled_at_once(start, call, offline, here):
    """Nobody would end it later, and it does not begin any more."""
    start("r")
    assert call("POST", "execution/v1.0", f"{RUNS}/r/cancel").ok
    found = call("GET", "history/v1.0", f"{RUNS}/r").json()
    assert (found["status"], found["error"]["error"]["code"]) == ("Canceled", "Canceled")
    address, sent = begin_at(offline, "r", here)
    assert call("PUT", "execution/v1.0", address, json=sent).status_code == 409


def test_a_run_that_is_to_be_canceled_only_ends(start, call, offline):
    """What it was about to become is not seen any more."""
    start("r")
    event = {"name": "Microsoft.MachineLearning.Run.CancelRequested"}
    offline._app.calls["runs.events"].answer.__self__.records.on_cancel = lambda _run_id: None
    assert call("POST", "history/v1.0", f"{RUNS}/r/events", json=event).ok
    start_event = {"name": "Microsoft.MachineLearning.Run.Start"}
    assert call("POST", "history/v1.0", f"{RUNS}/r/events", json=start_event).ok
    assert call("GET", "history/v1.0", f"{RUNS}/r").json()["status"] == "CancelRequested"


def test_runs_start_in_the_order_of_their_submission():
    """As many at once as there is room for; the next one when any of them has ended."""
    queue = Queue(2)
    for each in "abcd":
        queue.join(each)
    assert [each for each in "dcba" if queue.has_turn(each)] == ["b", "a"]
    queue.leave("a")
    assert [each for each in "dcb" if queue.has_turn(each)] == ["c", "b"]
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(queue.has_turn, "d", within_s=60)
        queue.leave("b")
        assert waiting.result()
