"""The pytest plug-in gives fixtures to tests of users."""

from __future__ import annotations

import os
import subprocess
import sys

USERS_TEST = """
import os
import pytest
from modelship.bundle import Environment
from modelship.testing import offline_bundle, script_bundle

SCRIPT = "def init(): pass\\ndef run(raw_data): return raw_data"

@pytest.mark.parametrize("again", [1, 2])
def test_echo(memory_target, modelship_home, tmp_path, again):
    assert os.environ["MODELSHIP_HOME"] == str(modelship_home)
    environment = Environment(python="3.11", requirements=())
    bundle = script_bundle(SCRIPT, folder=tmp_path, environment=environment)
    assert memory_target.list() == ()
    deployment = memory_target.deploy(offline_bundle(bundle), name="echo", show_output=False)
    assert deployment.run("hello") == "hello"
"""


def run(*arguments, folder):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**environment, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_its_fixtures_isolate_tests_from_each_other(tmp_path):
    """Two tests that deploy under one name on memory_target do not see each other."""
    (tmp_path / "test_users.py").write_text(USERS_TEST)
    options = ["-q", "-p", "modelship.testing.plugin", "-W", "error"]
    result = run("-m", "pytest", *options, folder=tmp_path)
    assert "2 passed" in result.stdout, result.stdout + result.stderr


def test_importing_it_imports_nothing_more(tmp_path):
    """The plug-in itself brings only pytest along, so that no pytest start becomes slower."""
    code = (
        "import sys, pytest\n"
        "before = set(sys.modules)\n"
        "import modelship.testing.plugin\n"
        "print(sorted(set(sys.modules) - before))\n"
    )
    result = run("-c", code, folder=tmp_path)
    assert result.stdout.strip() == str(
        ["modelship", "modelship.testing", "modelship.testing.plugin"]
    )
