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


def _label_of_build():
    """Return the label of the build that runs now, which compiles in a container."""
    listed = ("ps", "--no-trunc", "--format", '{{.Label "io.modelship.build"}} {{.Command}}')
    lines = docker_says(*listed).splitlines()
    return next((line.split()[0] for line in lines if "compileall" in line), "")


def _wait_for(condition, *, process, timeout_s):
    end_s = time.monotonic() + timeout_s
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end_s
        time.sleep(0.02)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL], ids=["SIGINT", "SIGKILL"])
def test_an_interrupted_build_leaves_no_container(build, tmp_path, sent):
    """No container outlives an interrupted build; Ctrl-C leaves no image and no folder either."""
    _wait_for(_label_of_build, process=build, timeout_s=90)
    label = f"label=io.modelship.build={_label_of_build()}"
    build.send_signal(sent)
    _, errors = build.communicate(timeout=30)
    assert build.returncode != 0
    end_s = time.monotonic() + 20
    while docker_says("ps", "--all", "--quiet", "--filter", label):
        assert time.monotonic() < end_s
        time.sleep(0.1)
    if sent is signal.SIGINT:
        assert "KeyboardInterrupt" in errors
        assert list(Path(tmp_path, "home", "cache", "docker").iterdir()) == []
        assert docker_says("images", "--quiet", "--filter", label) == ""
