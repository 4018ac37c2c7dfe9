"""The fixture azureml_offline gives each test of a user a workspace of its own."""

from __future__ import annotations

import os
import subprocess
import sys

USERS_TEST = """
import pytest
from azureml.core import Model

@pytest.mark.parametrize("again", [1, 2])
def test_registering(azureml_offline, tmp_path, monkeypatch, again):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.pkl").write_bytes(b"a model")
    ws = azureml_offline.workspace()
    assert Model.list(ws) == []
    Model.register(ws, "model.pkl", "my-model")
    assert Model(ws, "my-model").version == 1
    assert azureml_offline.folder.is_relative_to(tmp_path)
    assert azureml_offline.refused == []
"""


def test_each_test_has_an_empty_workspace(tmp_path):
    """Two tests that register under one name do not see each other, and warn of nothing."""
    (tmp_path / "test_users.py").write_text(USERS_TEST)
    own = {"PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "modelship.testing.plugin"],
        cwd=tmp_path,
        env={**os.environ, **own, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr
