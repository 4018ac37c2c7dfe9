"""The target docker keeps the target contract; in a file of its own, beside which others run."""

from __future__ import annotations

import os

import pytest

from modelship.testing import TargetContract


@pytest.mark.docker
@pytest.mark.usefixtures("docker_engine")
class TestDocker(TargetContract):
    target_name = "docker"
    options = {  # noqa: RUF012 - never changed
        "base_image": os.environ.get("MODELSHIP_TEST_BASE_IMAGE", "python:3.11-slim")
    }
    other_serving = {"workers": 2}  # noqa: RUF012 - never changed
    python = "3.11"
    slow_timeout_s = 20.0  # its images are built meanwhile, too
    # The target process keeps these in the gate; for containers, test_docker.py,
    # test_docker_address.py, test_history_docker.py and test_secrets.py ask the like.
    long_clauses = (
        *("t10", "t14", "t15", "t16", "t18", "t20", "t21", "t22", "t23", "t24", "t26"),
        *("t27", "t28", "t29", "t30", "t31", "t33", "t34", "t36", "t37"),
    )

    def crash(self, deployment):
        import docker

        client = docker.from_env()
        client.containers.get(deployment.instance.instance_id).kill()
        client.close()
