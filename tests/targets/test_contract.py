"""The targets memory and process keep the target contract; docker and aci have their own files."""

from __future__ import annotations

import os
import re
from pathlib import Path

import psutil
import pytest

from modelship.bundle import Lock
from modelship.testing import MemoryBackend, TargetContract

CONTRACT = Path(__file__).parents[2] / "docs" / "reference" / "target-contract.md"


class TestMemory(TargetContract):
    target_name = "memory"
    other_serving = {"variables": {"COLOR": "blue"}}  # noqa: RUF012 - never changed
    survives_process = False
    slow_timeout_s = 1.0
    long_clauses = ("t37",)  # what a canary does in memory: test_rollouts.py

    @pytest.fixture(scope="class")
    @classmethod
    def lock(cls):
        return Lock(python=cls.python, text="")

    def crash(self, deployment):
        MemoryBackend().crash(deployment.instance)


@pytest.mark.usefixtures("forked_routers")
class TestProcess(TargetContract):
    """With modelship's server; test_contract_docker.py has Azure ML's."""

    target_name = "process"
    serving = {"server": "modelship"}  # noqa: RUF012 - never changed
    other_serving = {"server": "modelship", "variables": {"COLOR": "blue"}}  # noqa: RUF012 - never changed
    slow_timeout_s = 2.5

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def home(cls, shared_home):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MODELSHIP_HOME", str(shared_home))
            yield shared_home

    @pytest.fixture(scope="class")
    @classmethod
    def lock(cls, bare_lock):
        return bare_lock

    def crash(self, deployment):
        folder = Path(os.environ["MODELSHIP_HOME"], "state", "process")
        pid = int((folder / deployment.instance.instance_id / "pid").read_text())
        server = psutil.Process(pid)
        family = [server, *server.children(recursive=True)]
        server.kill()
        psutil.wait_procs(family, timeout=10)


@pytest.mark.long
class TestProcessWithTheServerOfAzureML(TestProcess):
    """And with more workers in each change."""

    serving = {}  # noqa: RUF012 - never changed
    other_serving = {"workers": 2}  # noqa: RUF012 - never changed


def test_each_clause_has_a_test_and_each_test_a_clause():
    """The clauses in words and the tests of the contract have the same numbers."""
    in_words = re.findall(r"^\| (T\d\d) \|", CONTRACT.read_text(encoding="utf-8"), re.MULTILINE)
    tests = {name: getattr(TargetContract, name) for name in dir(TargetContract)}
    tests = {name: test for name, test in tests.items() if name.startswith("test_")}
    assert sorted(in_words) == [name[5:8].upper() for name in tests]
    for name, test in tests.items():
        assert test.__doc__.startswith(f"{name[5:8].upper()}: ")
