"""Requests at a managed online endpoint while the traffic moves from one release to another."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from online_requests import open_online

from modelship import Bounds, Canary, DeployTarget, Serving, Shadow
from modelship.bundle import Environment
from modelship.testing import script_bundle, with_lock
from waiting import wait_until

CLIENTS = 4
NAME = "loaded"
SCRIPT = """
import time
def init():
    pass
def run(raw_data):
    time.sleep(0.1)  # so that each change of the traffic finds requests in flight
    return "{release}"
"""


@pytest.fixture
def releases(tmp_path, bare_lock):
    """Return two bundles, each of which answers with its name."""
    environment = Environment(python=bare_lock.python, requirements=())
    made = [
        script_bundle(
            SCRIPT.format(release=each),
            folder=tmp_path / each,
            environment=environment,
            sample_input={"data": [1]},
        )
        for each in ("old", "new")
    ]
    return [with_lock(each, lock=bare_lock) for each in made]


class Load:
    """Clients that send one request after the other, each over a connection of its own."""

    def __init__(self, deployment):
        self._uri = deployment.scoring_uri
        self._headers = {"Authorization": f"Bearer {deployment.keys().primary}"}
        self._ended = threading.Event()
        self.answers = []  # when each was asked for and answered, its status and its text

    def __enter__(self):
        self._pool = ThreadPoolExecutor(CLIENTS)
        self._clients = [self._pool.submit(self._ask) for _ in range(CLIENTS)]
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._pool.shutdown()
        for each in self._clients:
            each.result()

    def _ask(self):
        while not self._ended.is_set():
            asked = time.monotonic()
            found = requests.post(self._uri, data="1", headers=self._headers, timeout=60)
            self.answers.append((asked, time.monotonic(), found.status_code, found.text))


@pytest.mark.long  # in the gate: test_endpoint_target.py has a canary, on a fake workspace
def test_no_request_is_lost_in_a_shadow_and_a_canary(tmp_path, shared_home, releases):
    """Only the old release answers before the canary, and only the new one after it."""
    bounds = Bounds(p95_ratio=None)
    shadow = Shadow(requests=3, seconds=1, bounds=bounds)
    canary = Canary(weights=(10, 50), requests=3, bounds=bounds)
    with open_online(tmp_path / "offline", home=shared_home, light=True) as online:
        config = str(online.offline.config_path)
        target = DeployTarget.open("online-endpoint", workspace=config)
        said = {"serving": Serving(workers=3), "check": "static", "show_output": False}
        first = target.deploy(releases[0], name=NAME, **said)
        with Load(first) as load:
            wait_until(lambda: load.answers)
            begun = time.monotonic()
            target.deploy(
                releases[1], name=NAME, overwrite=True, rollout=canary, shadow=shadow, **said
            )
            ended = time.monotonic()
            wait_until(lambda: load.answers[-1][0] > ended)
    assert {status for *_, status, _ in load.answers} == {200}
    texts = [(asked, answered, text) for asked, answered, _, text in load.answers]
    assert {text for _, answered, text in texts if answered < begun} == {'"old"'}
    assert {text for asked, _, text in texts if asked > ended} == {'"new"'}
