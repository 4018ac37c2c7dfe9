"""What the server's tests share: an environment that has azmlinfsrv and what our server needs."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest
from differential.servers import ServingEnvironment
from filelock import FileLock

from modelship.bundle import Environment
from modelship.bundle.remembered import todays_lock
from modelship.runtime.bytecode import link_bytecode
from modelship.runtime.install import create_environment
from reserved_ports import reserve_port

_PACKAGES = Path(__file__).with_name("differential") / "packages.txt"


@pytest.fixture(scope="session")
def serving_python(tmp_path_factory):
    """Return a Python with packages.txt; one that MODELSHIP_SERVING_PYTHON names saves time."""
    if ready := os.environ.get("MODELSHIP_SERVING_PYTHON"):
        return Path(ready)
    python = ".".join(platform.python_version_tuple()[:2])
    wanted = [
        line for line in _PACKAGES.read_text().splitlines() if line and not line.startswith("#")
    ]
    # One for all workers, whose folders lie in one.
    workers = "PYTEST_XDIST_WORKER" in os.environ
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if workers else base) / "serving-environment"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            lock = todays_lock(Environment(python=python, requirements=tuple(wanted)))
            create_environment(lock, folder)
            link_bytecode(folder, [])
    return folder / "bin" / "python"


@pytest.fixture(scope="session")
def serving_environment(serving_python, tmp_path_factory):
    """Return the environment, with the programs that fork servers."""
    environment = ServingEnvironment(serving_python, tmp_path_factory.mktemp("services"))
    yield environment
    environment.close()


@pytest.fixture(scope="module")
def serving(serving_environment):
    """Return the environment; its servers end with the module, for each costs while it idles."""
    yield serving_environment
    serving_environment.stop_all()


@pytest.fixture
def reserved_port():
    """Return a port for a server of one test."""
    reserving, port = reserve_port()
    with reserving:
        yield port
