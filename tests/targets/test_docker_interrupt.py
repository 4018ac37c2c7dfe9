"""What is left when the builder of an image is interrupted or killed."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shlex
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import docker
import pytest
from docker_base import (
    BASE_IMAGE,
    deploying,
    docker_says,
)

from modelship.bundle import Lock
from modelship.testing.bundles import with_lock
from waiting import wait_until

pytestmark = pytest.mark.docker

INERT = "def init():\n    pass\n\ndef run(raw_data):\n    return 1\n"

# Compiling takes as long as the test needs, with few packages.
WAITING = "import sys, time; 'compileall' in ' '.join(sys.orig_argv) and time.sleep(300)"

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
def server_alone(bare_lock):
    """Return a lock of the inference server without what it needs: quick to fetch and to send."""
    entry = r"^azureml-inference-server-http==(?:.*\\\n)*.*\n"
    text = "".join(re.findall(entry, bare_lock.text, re.MULTILINE))
    return Lock(python="3.11", text=text)


@pytest.fixture(scope="module")
def waiting(docker_engine):
    """Return a base image on which compiling waits."""
    name = f"modelship-test-waiting-{secrets.token_hex(4)}"
    place = '"$(python3 -c "import os; print(os.path.dirname(os.__file__))")"/sitecustomize.py'
    write = f"rm -f {place} && echo {shlex.quote(WAITING)} > {place}"
    dockerfile = f"FROM {BASE_IMAGE}\nUSER 0\nRUN {write}\n"
    docker_says("build", "--tag", name, "-", stdin=dockerfile)
    yield name
    docker_says("rmi", "--force", name)


@pytest.fixture
def own(waiting):
    """Return a base image of this test alone, whose label is on all that is built on it."""
    name = f"modelship-test-interrupted-{secrets.token_hex(4)}"
    docker_says("build", "--tag", name, "-", stdin=f"FROM {waiting}\nLABEL {name}=yes\n")
    yield name
    wait_until(lambda: are_removed(name))


def are_removed(label):
    """Remove all images with a label, as builds of others do meanwhile; tell if none is left."""
    found = docker_says("images", "--quiet", "--filter", f"label={label}").split()
    for image in found:
        command = ["docker", "rmi", "--force", image]
        subprocess.run(command, capture_output=True, timeout=60, check=False)
    return not found


@pytest.fixture
def build(deployer, own, server_alone, tmp_path, monkeypatch):
    """Start a process that builds an environment image, up to its last command."""
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path / "home"))
    bundle = with_lock(deployer.bundle(INERT), lock=server_alone)
    arguments = [sys.executable, "-c", DEPLOY, str(bundle.save(tmp_path / "bundle")), own]
    path = os.pathsep.join(sys.path)
    process = subprocess.Popen(
        arguments, env={**os.environ, "PYTHONPATH": path}, stderr=subprocess.PIPE, text=True
    )
    with contextlib.closing(docker.from_env()) as client:
        wait_until(partial(_compiles, process, own, client), timeout_s=120)
    yield process
    process.kill()
    process.communicate()


def _compiles(process, image, client):
    """Return whether a container on an image compiles now, which the process waits for."""
    assert process.poll() is None, process.communicate()
    found = client.api.containers(filters={"label": image})
    return any("compileall" in each["Command"] for each in found)


@pytest.mark.parametrize(
    "sent",
    [pytest.param(signal.SIGINT, marks=pytest.mark.long), signal.SIGKILL],
    ids=["SIGINT", "SIGKILL"],
)
def test_an_interrupted_build_leaves_no_container(build, own, tmp_path, sent):
    """No container outlives an interrupted build; Ctrl-C leaves no half image and no folder."""
    build.send_signal(sent)
    _, errors = build.communicate(timeout=30)
    assert build.returncode != 0
    wait_until(lambda: not docker_says("ps", "--all", "--quiet", "--filter", f"label={own}"))
    if sent is signal.SIGINT:
        assert "KeyboardInterrupt" in errors
        assert list(Path(tmp_path, "home", "cache", "docker").iterdir()) == []
        half = ("--filter", f"label={own}", "--filter", "dangling=true")
        assert docker_says("images", "--quiet", *half) == ""
