"""Installing locks, with the real installer."""

import os
import subprocess
import sys

import pytest
from tiny_wheels import locked, make_wheel

from modelship.bundle.lock import Lock
from modelship.errors import EnvironmentBuildError, InvalidOptionError, PythonNotFoundError
from modelship.runtime.install import create_environment, find_python, install_packages

RUNNING = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
def tiny(wheels, pip_config):
    """A lock of one wheel, which pip's configuration tells the place of."""
    pip_config(f"[global]\nfind-links = {wheels} /no/such/folder\nno-index = true\n")
    return Lock(RUNNING, locked(make_wheel(wheels)))


def test_an_environment_runs_what_was_locked(tiny, tmp_path, monkeypatch):
    """Its Python imports the package, its script runs, and bytecode is there from then on."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    python = create_environment(tiny, tmp_path / "env")
    assert python == tmp_path / "env" / "bin" / "python"
    code = "import tinywheel, sys; print(tinywheel.VERSION, '%d.%d' % sys.version_info[:2])"
    assert subprocess.check_output([python, "-c", code], text=True).split() == ["1.0", RUNNING]
    assert subprocess.check_output([python.parent / "tinywheel"], text=True) == "1.0\n"
    assert [*tmp_path.glob("env/lib/*/site-packages/__pycache__/tinywheel.*.pyc")]


def test_a_file_that_is_not_the_locked_one_is_refused(tiny, tmp_path):
    """A digest that does not fit leaves no environment behind."""
    start, _, _ = tiny.text.partition("sha256:")
    wrong = Lock(RUNNING, f"{start}sha256:{'0' * 64}\n")
    with pytest.raises(EnvironmentBuildError, match="another file for tinywheel"):
        create_environment(wrong, tmp_path / "env")
    assert not (tmp_path / "env").exists()


def test_a_package_that_is_gone_is_named(tiny, tmp_path, wheels):
    """The index may lose what it had when the lock was made."""
    next(wheels.iterdir()).unlink()
    with pytest.raises(EnvironmentBuildError, match="tinywheel"):
        create_environment(tiny, tmp_path / "env")
    assert not (tmp_path / "env").exists()


def test_a_place_that_is_taken_is_left_alone(tiny, tmp_path):
    """Nobody's folder is cleared."""
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "thesis.tex").write_text("x")
    with pytest.raises(EnvironmentBuildError, match="something already exists"):
        create_environment(tiny, tmp_path / "env")
    assert (tmp_path / "env" / "thesis.tex").read_text() == "x"


def test_an_installation_that_takes_too_long_leaves_nothing(tiny, tmp_path):
    """Time is counted over all steps."""
    with pytest.raises(EnvironmentBuildError, match="longer than"):
        create_environment(tiny, tmp_path / "env", timeout_s=0.02)
    assert not (tmp_path / "env").exists()


@pytest.mark.parametrize("machine", ["x86_64", "arm64"])
def test_packages_for_an_image_name_nothing_of_this_machine(tiny, tmp_path, machine):
    """Files are copies, scripts start the image's Python, and there is no bytecode."""
    folder = tmp_path / "packages"
    install_packages(tiny, folder, machine=machine)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert folder / "tinywheel.py" in files
    assert (folder / "bin" / "tinywheel").read_text().startswith("#!/usr/bin/env python3\n")
    assert os.access(folder / "bin" / "tinywheel", os.X_OK)
    for path in files:
        assert path.stat().st_nlink == 1
        assert path.suffix != ".pyc"
        assert sys.prefix.encode() not in path.read_bytes()


def test_a_wheel_for_another_machine_is_no_wheel(wheels, pip_config, tmp_path):
    """The message names the package and the machine that it has no wheel for."""
    tag = "py3-none-manylinux_2_17_x86_64"
    lock = Lock(RUNNING, locked(make_wheel(wheels, tag=tag)))
    pip_config(f"[global]\nfind-links = {wheels}\nno-index = true\n")
    install_packages(lock, tmp_path / "intel", machine="amd64")
    with pytest.raises(EnvironmentBuildError, match=r"tinywheel 1\.0 has no wheel .* on aarch64"):
        install_packages(lock, tmp_path / "arm", machine="aarch64")


def test_packages_are_for_the_locked_python_not_the_running_one(wheels, pip_config, tmp_path):
    """An image may have a Python that this machine does not have."""
    lock = Lock("3.88", locked(make_wheel(wheels, tag="cp388-none-any")))
    pip_config(f"[global]\nfind-links = {wheels}\nno-index = true\n")
    install_packages(lock, tmp_path / "packages", machine="x86_64")
    assert (tmp_path / "packages" / "tinywheel.py").is_file()


def test_an_unknown_machine_is_refused(tiny, tmp_path):
    """Only the two that wheels for Linux are common for can be asked for."""
    with pytest.raises(InvalidOptionError, match="x86_64 or aarch64"):
        install_packages(tiny, tmp_path / "packages", machine="riscv64")


def test_the_running_python_is_found():
    """It is the one that the model was tested with."""
    assert find_python(RUNNING + ".1").samefile(sys.executable)


def test_a_python_that_is_not_here_is_told_with_those_that_are():
    """Nothing is downloaded behind anybody's back."""
    with pytest.raises(PythonNotFoundError) as caught:
        find_python("3.88")
    assert RUNNING in caught.value.found
    assert "Python 3.88" in caught.value.message


def test_pyenvs_newest_release_is_found_without_its_shims(tmp_path, monkeypatch):
    """A shim takes a while, and works only where a version is chosen."""
    shim = tmp_path / "shims" / "python3.77"
    pythons = [tmp_path / "versions" / f"3.77.{patch}" / "bin" / "python" for patch in (9, 10)]
    for program in (shim, *pythons):
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\nexit 1\n")
        program.chmod(0o755)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    # The shims of this machine's own pyenv take a while, too.
    monkeypatch.setenv("PATH", os.pathsep.join((str(shim.parent), "/usr/bin", "/bin")))
    assert find_python("3.77") == pythons[1]
    assert not (tmp_path / "started").exists()
