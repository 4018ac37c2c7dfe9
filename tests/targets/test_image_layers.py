"""A layer that is added to an image without a build, where that fails."""

from __future__ import annotations

import secrets
import subprocess
import sys
from types import SimpleNamespace

import pytest
from docker_base import docker_says, exists

from modelship.errors import ImageBuildError
from modelship.progress import Deadline
from modelship.runtime.images import build_remains
from modelship.runtime.images.engine import connected
from modelship.runtime.images.labels import BUILD, BUILD_PREFIX
from modelship.runtime.images.layers import Layer, add_layer

pytestmark = pytest.mark.docker


@pytest.fixture
def add(docker_base_image):
    """Return a function that adds a layer of a stream's files, and the name of its image."""
    name, layer = f"modelship/model:{secrets.token_hex(8)}", Layer(docker_base_image, {})

    def added(files):
        with connected() as engine:
            add_layer(engine, name, layer, files, deadline=Deadline(60))

    return added, name


def test_an_interrupt_leaves_nothing(add):
    """After Ctrl-C while files are sent, neither the container nor an image is left."""

    def files():
        yield bytes(512)
        raise KeyboardInterrupt

    added, name = add
    with pytest.raises(KeyboardInterrupt):
        added(files())
    assert name not in docker_says("ps", "--all", "--format", "{{.Labels}}")
    assert not exists(name)


def test_what_cannot_be_unpacked_is_an_error(add):
    """A stream that is no archive is an error with the engine's words, and nothing is left."""
    added, name = add
    with pytest.raises(ImageBuildError, match=r"(?i)tar|EOF"):
        added([b"no archive" * 200])
    assert name not in docker_says("ps", "--all", "--format", "{{.Labels}}")
    assert not exists(name)


def test_only_containers_of_builds_are_forgotten(docker_base_image):
    """What a killed build has left is removed, but no container that a user created of an image."""
    token = secrets.token_hex(8)
    label, theirs, ours = f"forgotten={token}", f"user-{token}", f"{BUILD_PREFIX}{token}"
    for each in (theirs, ours):
        docker_says("create", "--name", each, "--label", label, docker_base_image, "true")
    with connected() as engine:
        engine.sweep_forgotten(label, prefix=BUILD_PREFIX, age_s=0)
    left = docker_says("ps", "--all", "--filter", f"label={label}", "--format", "{{.Names}}")
    docker_says("rm", theirs)
    assert left.split() == [theirs]


def test_what_a_killed_process_of_this_machine_left_is_removed_at_once(docker_base_image):
    """The remains of a build stay while its process runs, and are removed once it has ended."""
    token = secrets.token_hex(8)
    label, name = f"forgotten{token}", f"{BUILD_PREFIX}{token}"
    says = "import sys; from modelship.runtime.images.build_labels import label_of_build as f; "
    command = [sys.executable, "-c", f"{says}print(f('x'), flush=True); sys.stdin.read()"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as builder, connected() as engine:
        build = builder.stdout.readline().strip()
        docker_says("create", "--name", name, "--label", f"{label}={build}", docker_base_image, "x")
        image = docker_says("commit", name).strip()
        engine.sweep_forgotten(label, prefix=BUILD_PREFIX)
        assert exists(name)
        assert exists(image)
        builder.kill()
        builder.wait()
        assert engine.forgotten_containers(label, prefix=BUILD_PREFIX) == [name]
        assert engine.forgotten_images(label) == [image]
        engine.sweep_forgotten(label, prefix=BUILD_PREFIX)
    assert not exists(name)
    assert not exists(image)


def test_an_image_that_the_engine_still_uses_is_removed_a_little_later(
    docker_base_image, monkeypatch
):
    """After an interrupt, the container of a build may exist for a moment longer."""
    token = secrets.token_hex(8)
    label, name = f"swept={token}", f"user-{token}"
    docker_says("create", "--name", name, "--label", label, docker_base_image, "x")
    image = docker_says("commit", name).strip()
    docker_says("rm", name)
    docker_says("create", "--name", name, "--label", "spared=", image, "x")
    pauses = []

    def pause(pause_s):
        pauses.append(pause_s)
        if len(pauses) == 3:  # it was tried twice before
            docker_says("rm", name)

    monkeypatch.setattr(build_remains, "time", SimpleNamespace(sleep=pause))
    with connected() as engine:
        engine.sweep(label, sparing="spared")
    assert not exists(image)
    assert len(pauses) >= 3


def test_a_complete_image_has_no_id_of_a_build(add):
    """What a user builds of it has none either, and is not taken for the remains of a build."""
    added, name = add
    added([bytes(1024)])
    with connected() as engine:
        assert engine.image(name).labels[BUILD] == ""
        engine.remove_image(name)


@pytest.mark.parametrize("value", ["", "x"])
def test_only_unnamed_images_of_builds_are_forgotten(docker_base_image, value):
    """A user's unnamed image has the label of its base: empty, or that of an image with a name."""
    token = secrets.token_hex(8)
    label, base, container = f"forgotten{token}", f"base-{token}", f"user-{token}"

    def committed(image, *name, labels=()):
        docker_says("create", "--name", container, *labels, image, "true")
        made = docker_says("commit", container, *name).strip()
        docker_says("rm", container)
        return made

    committed(docker_base_image, base, labels=("--label", f"{label}={value}"))
    theirs = committed(base)
    with connected() as engine:
        engine.sweep_forgotten(label, prefix=BUILD_PREFIX, age_s=0)
        assert exists(theirs)
        docker_says("rmi", base)
        engine.sweep_forgotten(label, prefix=BUILD_PREFIX, age_s=0)
        assert exists(theirs) == (not value)
        engine.remove_image(theirs)
