"""The server starts on each Python that it is for, as far as these are on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import uv
from differential.servers import OURS

OTHERS = ("3.10", "3.12", "3.13")


def _python(version):
    """Return a Python that is on the path, or one of pyenv's."""
    find = [uv.find_uv_bin(), "python", "find", "--system", "--no-python-downloads", version]
    found = subprocess.run(find, capture_output=True, text=True, check=False)
    if not found.returncode:
        return found.stdout.strip()
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    return next(pyenv.glob(f"versions/{version}.*/bin/python"), None)


@pytest.mark.parametrize(
    "version", ["3.11", *(pytest.param(each, marks=pytest.mark.long) for each in OTHERS)]
)
def test_what_runs_before_the_script_can_be_imported(version, tmp_path):
    """The supervisor and the host need nothing but Python, and nothing newer than it has."""
    python = _python(version)
    if python is None:
        pytest.skip(f"there is no Python {version} here")
    shutil.copytree(OURS, tmp_path / "modelship_server")
    subprocess.run(
        [python, "-c", "import modelship_server.supervisor"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=True,
    )
