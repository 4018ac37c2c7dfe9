"""The target ``aci`` keeps the target contract, against an offline workspace that runs services."""

import json

import psutil
import pytest

from modelship.testing import TargetContract
from modelship.testing.offline import OfflineWorkspace


class TestAci(TargetContract):
    target_name = "aci"
    where_options = frozenset({"workspace", "subscription_id", "resource_group", "workspace_name"})
    other_serving = {"auth": True, "variables": {"TZ": "UTC"}}  # noqa: RUF012 - never changed
    slow_timeout_s = 6.0
    # The target process keeps these in the gate; for Azure ML, test_aci_failures.py,
    # test_aci_history.py and test_aci_keys_and_options.py ask the like. An online endpoint keeps
    # T20 in the gate, and test_failures.py ends the process of a service of this kind.
    long_clauses = (
        *("t10", "t14", "t16", "t17", "t18", "t20", "t23", "t24", "t26", "t34", "t36", "t37"),
    )

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def home(cls, shared_home, tmp_path_factory):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MODELSHIP_HOME", str(shared_home))
            with OfflineWorkspace(tmp_path_factory.mktemp("workspace")) as cls.offline:
                cls.options = {"workspace": str(cls.offline.config_path)}
                yield shared_home

    @pytest.fixture(scope="class")
    @classmethod
    def lock(cls, bare_lock):
        return bare_lock

    def crash(self, deployment):
        document = self.offline.folder / "documents" / "services" / f"{deployment.name}.json"
        instance = json.loads(json.loads(document.read_text())["_offline"]["instance"])
        folder = self.offline.folder / "containers" / instance["instance_id"]
        server = psutil.Process(int((folder / "pid").read_text()))
        family = [server, *server.children(recursive=True)]
        server.kill()
        psutil.wait_procs(family, timeout=10)
