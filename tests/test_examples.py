"""The examples run as they stand, and tell what they promise."""

import gzip
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
# How many images it is evaluated on, how the matrix begins, and the accuracy.
ALL = (10_000, "[[ 960    0    2    2    1    4    6    3    1    1]", 0.9193)
FIRST = (1000, "[[ 84   0   0   0   0   0   1   0   0   0]", 0.912)


@pytest.fixture
def run(tmp_path, shared_home, monkeypatch, capsys):
    """Return a function that runs one example as a user does, and returns what it printed."""
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))
    monkeypatch.chdir(tmp_path)

    def run(path, *arguments):
        monkeypatch.setattr(sys, "argv", [str(path), *map(str, arguments)])
        runpy.run_path(str(path), run_name="__main__")
        return capsys.readouterr().out

    return run


def first(count, mnist_dir, folder):
    """Write a folder with the tutorial's model and the first images of the test set."""
    folder.mkdir()
    for name, header, size in (("images-idx3", 16, 28 * 28), ("labels-idx1", 8, 1)):
        content = gzip.decompress((mnist_dir / f"t10k-{name}-ubyte.gz").read_bytes())
        content = content[:4] + count.to_bytes(4, "big") + content[8 : header + count * size]
        (folder / f"t10k-{name}-ubyte.gz").write_bytes(gzip.compress(content))
    model = "sklearn_mnist_model.pkl"
    (folder / model).write_bytes((mnist_dir / model).read_bytes())
    return folder


def check_tutorial(printed, output, *, begins, accuracy):
    """The known answers of the tutorial's model, in process and over HTTP."""
    assert begins in printed
    assert f"] {accuracy}" in printed
    assert f"over HTTP: accuracy {accuracy}, equal: True" in printed
    for picture in ("conf.png", "results.png"):
        assert (output / picture).read_bytes().startswith(b"\x89PNG")


def test_quickstart_serves_an_estimator_without_a_file_written_by_hand(run):
    """The shortest example asserts by itself that the answers are equal."""
    assert "expected [2, 8, 2, 6, 6]" in run(EXAMPLES / "quickstart" / "quickstart.py")


@pytest.mark.parametrize(
    ("place", "count", "begins", "accuracy"),
    [
        (("--target", "memory"), *FIRST),
        pytest.param(("--server", "modelship"), *ALL, marks=pytest.mark.long),
    ],
)
def test_tutorial_outside_of_containers(run, tmp_path, mnist_dir, place, count, begins, accuracy):
    """The tutorial's model, script and conda file have their known answers.

    In the gate, quickstart.py and docs/tutorial.md do the same with another model in a process.
    """
    printed = run(
        EXAMPLES / "mnist" / "tutorial.py",
        *("--data", first(count, mnist_dir, tmp_path / "data")),
        *("--output", tmp_path, *place),
    )
    check_tutorial(printed, tmp_path, begins=begins, accuracy=accuracy)


@pytest.mark.docker
@pytest.mark.long
def test_tutorial_in_docker(run, tmp_path, mnist_dir, docker_base_image):
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
    )
    check_tutorial(printed, tmp_path, begins=ALL[1], accuracy=ALL[2])
