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

    @pytest.mark.long
    def test_t34_a_deployer_may_be_killed_at_any_step(
        self, target, bundle, other_bundle, name, tmp_path
    ):
        """T34, with the steps of Azure; the gate kills before and after it is asked."""
        super().test_t34_a_deployer_may_be_killed_at_any_step(
            target, bundle, other_bundle, name, tmp_path
        )

    def crash(self, deployment):
        document = self.offline.folder / "documents" / "services" / f"{deployment.name}.json"
        instance = json.loads(json.loads(document.read_text())["_offline"]["instance"])
        folder = self.offline.folder / "containers" / instance["instance_id"]
        server = psutil.Process(int((folder / "pid").read_text()))
        family = [server, *server.children(recursive=True)]
        server.kill()
        psutil.wait_procs(family, timeout=10)
