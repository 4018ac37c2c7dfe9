"""Scripts of people with other Pythons than ours run with the real SDK against a workspace."""

from __future__ import annotations

import shlex
import shutil
import subprocess

import pytest

REGISTER = """
import platform
from azureml.core import Environment, Model, Workspace
from azureml.core.model import InferenceConfig
from azureml.core.webservice import AciWebservice

ws = Workspace.from_config()
model = Model.register(ws, "weights.bin", "weights")
print(platform.python_version(), ws.name, model.id)
"""


@pytest.mark.parametrize("version", ["3.8", "3.10", "3.11"])
def test_a_script_of_another_python_finds_the_workspace(offline, here, client_python, version):
    """In a terminal that has sourced the workspace's file, and with its config.json."""
    shutil.copy(offline.config_path, here)
    (here / "weights.bin").write_bytes(b"1")
    (here / "register.py").write_text(REGISTER)
    sourced = shlex.quote(str(offline.folder / "environment.sh"))
    command = f"source {sourced} && {shlex.quote(str(client_python(version)))} register.py"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()[-1].split()
    assert told[0].startswith(f"{version}.")
    assert told[1:] == ["offline", "weights:1"]
