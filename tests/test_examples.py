"""The examples run as they stand, and tell what they promise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
MATRIX_BEGINS = "[[ 960    0    2    2    1    4    6    3    1    1]"


def run(*arguments, cwd, home):
    """Run one example as a user does; return what it printed."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "MODELSHIP_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def check_tutorial(printed, output):
    """The known answers of the tutorial's model, in process and over HTTP."""
    assert MATRIX_BEGINS in printed
    assert "] 0.9193" in printed
    assert "over HTTP: accuracy 0.9193, equal: True" in printed
    for picture in ("conf.png", "results.png"):
        assert (output / picture).read_bytes().startswith(b"\x89PNG")


def test_quickstart_serves_an_estimator_without_a_file_written_by_hand(tmp_path, shared_home):
    """The shortest example asserts by itself that the answers are equal."""
    printed = run(EXAMPLES / "quickstart" / "quickstart.py", cwd=tmp_path, home=shared_home)
    assert "expected [2, 8, 2, 6, 6]" in printed


def test_tutorial_in_a_process(tmp_path, shared_home, mnist_dir):
    """The tutorial's model, script and conda file, on all 10,000 images, in a process."""
    printed = run(
        EXAMPLES / "mnist" / "tutorial.py",
        *("--data", mnist_dir, "--output", tmp_path, "--server", "modelship"),
        cwd=tmp_path,
        home=shared_home,
    )
    check_tutorial(printed, tmp_path)


@pytest.mark.docker
@pytest.mark.long
def test_tutorial_in_docker(tmp_path, shared_home, mnist_dir, docker_base_image):
    """The same in a container, with the Python of the base image and the other server.

    That both places answer alike with both servers is tested in tests/targets/test_servers.py, and
    a whole test set is evaluated in a container in docs/how-to/docker.md.
    """
    conda = (EXAMPLES / "mnist" / "myenv.yml").read_text()
    pinned = tmp_path / "myenv.yml"
    pinned.write_text(conda.replace("dependencies:", "dependencies:\n  - python=3.11"))
    printed = run(
        EXAMPLES / "mnist" / "tutorial.py",
        *("--data", mnist_dir, "--environment", pinned, "--output", tmp_path),
        *("--target", "docker", "--base-image", docker_base_image, "--server", "azmlinfsrv"),
        cwd=tmp_path,
        home=shared_home,
    )
    check_tutorial(printed, tmp_path)
