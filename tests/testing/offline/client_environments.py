"""Python environments of those who use Azure ML's SDK, one for each version of Python."""

from __future__ import annotations

import shlex
import shutil
import subprocess

from filelock import FileLock

from modelship.bundle._uv import run_uv
from modelship.runtime.install import find_python

PACKAGES = ("azureml-core", "matplotlib", "numpy", "scikit-learn")
DATA = ("azureml-dataset-runtime[fuse]", "pandas")
"""What datasets need beside it: the engine that reads them, which takes some 400 MB."""
FURTHER = {
    "3.8": (*DATA, "importlib_resources"),  # which azureml-core imports, and does not ask for
    "3.10": (),  # without datasets
    "3.11": DATA,
}
"""Few environments are shared by all tests: each costs time to install, and to compile."""
TIMEOUT_S = 280


class ClientEnvironments:
    """Makes virtual environments with the real SDK, each once for all who share the folder."""

    def __init__(self, folder):
        self._folder = folder

    def python(self, version, *packages):
        """Return the Python of an environment with SDK v1, or with these packages.

        It is an error, and no reason to skip, if this machine has no such Python.
        """
        place = self._folder / "-".join(("client", version, *packages))
        with FileLock(f"{place}.lock", timeout=TIMEOUT_S):
            if not (place / "complete").exists():
                found = packages or (*PACKAGES, *FURTHER[version])
                self._make(place, find_python(version), found)
        return place / "bin" / "python"

    @staticmethod
    def _make(place, base, packages):
        uv("venv", "--clear", "--no-project", "--python", base, place)
        uv("pip", "install", "--python", place / "bin" / "python", *packages)
        (place / "complete").touch()


def uv(*arguments):
    command = [*map(str, arguments), "--quiet"]
    done = run_uv(command, timeout_s=TIMEOUT_S, asks_index="install" in arguments)
    assert done.ok, done.words


def in_terminal(offline, here, python, *arguments):
    """Run a Python with the workspace's variables, and return what it says."""
    shutil.copy(offline.config_path, here)
    sourced = shlex.quote(str(offline.folder / "environment.sh"))
    command = f"source {sourced} && {shlex.join([str(python), *arguments])}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
