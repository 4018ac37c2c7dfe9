"""A service of SDK v1 is moved to an online endpoint, and both answer the same."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from modelship import DeployTarget
from modelship.bundle import Environment
from modelship.cli.app import cli
from modelship.testing import OfflineWorkspace, cases, script_bundle, with_lock

pytestmark = pytest.mark.long


def test_a_service_is_moved_and_answers_the_same(
    bare_lock, shared_home, tmp_path_factory, monkeypatch
):
    """With the unmodified SDKs v1 and v2 in one process; the old service keeps running."""
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))
    made = script_bundle(
        cases.SCALING,
        folder=tmp_path_factory.mktemp("bundle"),
        environment=Environment(python=bare_lock.python, requirements=()),
        model={"factor": cases.FACTOR},
        sample_input=cases.ROWS,
    )
    with OfflineWorkspace(tmp_path_factory.mktemp("workspace")) as offline:
        old = DeployTarget.open("aci", workspace=offline.config_path)
        old.deploy(with_lock(made, lock=bare_lock), name="old-svc", show_output=False)
        where = ("--option", f"workspace={offline.config_path}")
        typed = ("migrate", "aci-service", "old-svc", "--endpoint", "new-svc", "--yes", *where)
        done = CliRunner().invoke(cli, typed)
        assert done.exit_code == 0, done.output
        assert "Both services give the same answer" in done.stdout
        new = DeployTarget.open("online-endpoint", workspace=offline.config_path).get("new-svc")
        assert new.run(cases.ROWS) == old.get("old-svc").run(cases.ROWS) == cases.SCORED
