"""What is left when whoever builds an image is interrupted or killed."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from docker_base import (
    BASE_IMAGE,
    deploying,
    docker_says,
)

from modelship.bundle import Environment, Lock
from modelship.bundle.lock import lock
from modelship.testing.bundles import with_lock

pytestmark = pytest.mark.docker

INERT = "def init():\n    pass\n\ndef run(raw_data):\n    return 1\n"
DANGLING = (
    "images",
    "--quiet",
    "--filter",
    "dangling=true",
    "--filter",
    "label=io.modelship.build",
)

DEPLOY = """
import sys
from modelship import DeployTarget, ScoringBundle
bundle = ScoringBundle.load(sys.argv[1])
DeployTarget.open("docker", base_image=sys.argv[2]).deploy(bundle, name="docker-interrupted")
"""


@pytest.fixture(scope="module")
def deployer(docker_engine, shared_home, tmp_path_factory):
    with deploying(tmp_path_factory.mktemp("bundles"), home=shared_home) as deployer:
        yield deployer


@pytest.fixture
def build(deployer, tmp_path, monkeypatch):
    """Start a process that builds an environment image of its own, up to its first command."""
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path / "home"))
    bare = lock(Environment("3.11", ()))
    # A comment makes it a lock of its own, which no image was built for.
    own = Lock(python=bare.python, text=f"{bare.text}# {secrets.token_hex(8)}\n")
    bundle = with_lock(deployer.bundle(INERT), lock=own)
    arguments = [sys.executable, "-c", DEPLOY, str(bundle.save(tmp_path / "bundle")), BASE_IMAGE]
    path = os.pathsep.join(sys.path)
    process = subprocess.Popen(
        arguments, env={**os.environ, "PYTHONPATH": path}, stderr=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.communicate()


def _wait_for(condition, *, timeout_s):
    end_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.05)


def _compiles():
    command = docker_says("ps", "--no-trunc", "--format", "{{.Command}}")
    return "compileall" in command


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_build_leaves_nothing(build, tmp_path, sent):
    """Neither a container nor a nameless image outlives an interrupted build; Ctrl-C cleans up."""
    _wait_for(_compiles, timeout_s=90)
    build.send_signal(sent)
    _, errors = build.communicate(timeout=30)
    assert build.returncode != 0
    _wait_for(lambda: not _compiles(), timeout_s=20)
    if sent is signal.SIGINT:
        assert "KeyboardInterrupt" in errors
        assert list(Path(tmp_path, "home", "cache", "docker").iterdir()) == []
        assert docker_says(*DANGLING) == ""
    assert "docker-interrupted" not in docker_says("ps", "--all", "--format", "{{.Names}}")
