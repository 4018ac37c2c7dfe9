"""Settings of a base image that its author meant for other images."""

from __future__ import annotations

import secrets
from contextlib import nullcontext

import pytest
from docker_base import docker_says

from modelship.bundle import Lock
from modelship.errors import BaseImageError
from modelship.progress import Deadline, Steps
from modelship.runtime.images.base_image import (
    check_python,
    check_volumes,
    note_on_triggers,
    python_of,
)
from modelship.runtime.images.engine import connected
from modelship.runtime.images.image import environment_image
from modelship.runtime.images.inspection import Image

pytestmark = pytest.mark.docker


@pytest.fixture
def based(docker_base_image):
    """Return a function that names an image with one more instruction, and removes it."""
    names = []

    def changed(*instructions):
        name = f"modelship-test-based-{secrets.token_hex(4)}"
        lines = "\n".join([f"FROM {docker_base_image}", *instructions])
        docker_says("build", "--tag", name, "-", stdin=lines)
        names.append(name)
        return name

    yield changed
    for name in names:
        docker_says("rmi", name)


def test_a_volume_that_would_hide_the_files_is_refused(based):
    """What is written to it is lost, so nothing is built; other volumes do no harm."""
    name, steps = based("VOLUME /opt /var/azureml-app/x /data"), Steps("images", timeout_s=60)
    with connected() as engine, pytest.raises(BaseImageError) as caught:
        environment_image(engine, Lock(python="3.11", text=""), base_image=name, steps=steps)
    assert "its VOLUME /opt, /var/azureml-app/x would hide" in caught.value.message
    assert "/data" not in caught.value.message
    assert "Build it without VOLUME /opt" in caught.value.hint


@pytest.mark.parametrize(
    ("written", "hides"),
    [
        *[(each, True) for each in ("/opt", "//opt", "opt", "/", "/var/../opt/modelship")],
        *[("/opt/../opt/modelship/", True), ("/var/azureml-app/./x", True)],
        *[("/opt/../data", False), ("/opt/other", False), ("data", False)],
    ],
)
def test_the_path_of_a_volume_may_be_written_in_any_way(written, hides):
    """What counts is where the engine mounts it."""
    base = Image("sha256:a", ("base",), "amd64", {}, volumes=(written,))
    with pytest.raises(BaseImageError, match="VOLUME") if hides else nullcontext():
        check_volumes("base", base)


def test_instructions_for_other_builds_are_not_run(based):
    """ONBUILD fails without the files of its author's users; Python is found nevertheless."""
    name = based("ONBUILD COPY no-such-file /x", "ONBUILD RUN no-such-program")
    steps = Steps("images", timeout_s=60)
    with connected() as engine:
        base = engine.image(name)
        assert base.on_build == ("COPY no-such-file /x", "RUN no-such-program")
        check_python(engine, name, base, python="3.11", deadline=Deadline(60))
        assert python_of(engine, name, steps=steps).startswith("3.11.")
    assert note_on_triggers(name, base).endswith("(COPY, RUN) are not run")
    assert docker_says("ps", "--all", "--quiet", "--filter", f"ancestor={name}") == ""
