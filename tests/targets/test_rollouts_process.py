"""A canary on the target process, whose deployer is killed in the middle of it."""

from __future__ import annotations

import subprocess
import sys
import threading

import psutil
import pytest
import requests

from modelship.targets import DeployTarget, Serving
from modelship.testing import cases
from waiting import wait_until

ROWS = {"data": [1, 2]}
NAME = "canary-killed"
DEPLOYER = f"""
import sys
import modelship as ms
deployment = ms.DeployTarget.open("process").get("{NAME}")
canary = ms.Canary(weights=(50,), requests=10**6, bounds=ms.Bounds(p95_ratio=None))
deployment.update(ms.ScoringBundle.load(sys.argv[1]), rollout=canary)
"""


@pytest.fixture(autouse=True)
def home(shared_home, monkeypatch):
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))


def test_a_killed_deployer_leaves_its_canary_to_the_old_release(make_bundle, tmp_path):
    """The router gives the address back and ends, the new release ends, and history says so."""
    make_bundle(cases.SCALING.replace("factor * ", "-factor * ")).save(tmp_path / "new")
    place = DeployTarget.open("process").with_serving(Serving(server="modelship"))
    with place.deploy(make_bundle(cases.SCALING), name=NAME, show_output=False) as deployment:
        uri, got, ended = deployment.scoring_uri, [], threading.Event()

        def call():
            while not ended.wait(0.02):
                got.append(requests.post(uri, json=ROWS, timeout=30))

        caller = threading.Thread(target=call)
        caller.start()
        command = [sys.executable, "-c", DEPLOYER, str(tmp_path / "new")]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as deployer:
            _ = next(line for line in deployer.stderr if "50 %" in line)
            family = psutil.Process(deployer.pid).children(recursive=True)
            wait_until(lambda: any(each.json()[0] < 0 for each in got if each.ok))
            deployer.kill()
        assert not psutil.wait_procs(family, timeout=60)[1]
        ended.set()
        caller.join(30)
        assert [each.status_code for each in got].count(200) >= len(got) - 1
        assert deployment.run(ROWS)[0] > 0
        assert deployment.history()[-1].outcome == "failed"
        assert len(place.list()) == 1
