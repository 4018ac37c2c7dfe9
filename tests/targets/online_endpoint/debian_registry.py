"""The registry of images that Debian packages, on loopback, with a user name and a password."""

import base64
import json
import os
import shutil
import subprocess
from contextlib import contextmanager

import pytest
import requests

from reserved_ports import reserve_port
from waiting import wait_until

# One line of htpasswd: the registry reads only bcrypt, which Python does not have.
USER, PASSWORD = "pusher", "of-this-test"
LINE = "pusher:$2b$05$abcdefghijklmnopqrstuudhs.Xjv0oyAcMzJ3HXuv8bN5.FMqNhi\n"
CONFIG = """
version: 0.1
storage:
  filesystem:
    rootdirectory: {folder}/images
http:
  addr: 127.0.0.1:{port}
auth:
  htpasswd:
    realm: test
    path: {folder}/htpasswd
"""


@contextmanager
def debian_registry(folder):
    """Yield the address of a registry; skip the test if the program is not installed."""
    program = shutil.which(os.environ.get("MODELSHIP_TEST_REGISTRY", "docker-registry"))
    if program is None:
        pytest.skip("needs the package docker-registry, or its path in MODELSHIP_TEST_REGISTRY")
    reserving, port = reserve_port()
    (folder / "htpasswd").write_text(LINE)
    (folder / "config.yml").write_text(CONFIG.format(folder=folder, port=port))
    with (folder / "log").open("w") as log:
        command = [program, "serve", str(folder / "config.yml")]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until(lambda: _answers(f"http://127.0.0.1:{port}/v2/"))
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)
        reserving.close()


def log_in(folder, address):
    """Write what `docker login` writes, and return the folder for DOCKER_CONFIG."""
    place = folder / "docker"
    place.mkdir()
    login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    (place / "config.json").write_text(json.dumps({"auths": {address: {"auth": login}}}))
    return place


def _answers(url):
    try:
        return requests.get(url, timeout=5).status_code == 401
    except requests.ConnectionError:
        return False
