"""The target ``online-endpoint`` keeps the target contract, against an offline workspace."""

import pytest

from modelship.testing import TargetContract
from modelship.testing.offline import OfflineWorkspace


class TestOnlineEndpoint(TargetContract):
    target_name = "online-endpoint"
    where_options = frozenset(
        {
            "workspace",
            "subscription_id",
            "resource_group",
            "workspace_name",
            "keep_previous",
            "drain_s",
        }
    )
    other_serving = {"variables": {"TZ": "UTC"}}  # noqa: RUF012 - never changed
    front = True
    slow_timeout_s = 6.0
    # The target process keeps these in the gate; test_endpoint_target.py asks the like of a
    # workspace in memory. What a gate, a canary and a killed deployer do takes several services.
    long_clauses = (
        *(
            "t10",
            "t14",
            "t15",
            "t16",
            "t17",
            "t18",
            "t21",
            "t22",
            "t23",
            "t24",
            "t26",
            "t27",
            "t28",
        ),
        *("t29", "t30", "t31", "t33", "t34", "t36", "t37"),
    )

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def home(cls, shared_home, tmp_path_factory):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MODELSHIP_HOME", str(shared_home))
            with OfflineWorkspace(tmp_path_factory.mktemp("workspace")) as offline:
                cls.options = {"workspace": str(offline.config_path), "drain_s": 0}
                yield shared_home

    @pytest.fixture(scope="class")
    @classmethod
    def lock(cls, bare_lock):
        return bare_lock
