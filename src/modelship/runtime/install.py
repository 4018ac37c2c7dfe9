"""Install a lock into a virtual environment, or into a folder for an image."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from modelship.bundle._uv import run_uv
from modelship.bundle._uv_explained import explain
from modelship.bundle.lock import lock_problem, minor_of, wheels_only
from modelship.errors import EnvironmentBuildError, InvalidOptionError, PythonNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from modelship.bundle._uv import Outcome
    from modelship.bundle.lock import Lock

__all__ = [
    "add_packages",
    "create_environment",
    "find_python",
    "install_packages",
    "installed_pythons",
]

_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}

_FIND_TIMEOUT_S = 120


def create_environment(lock: Lock, folder: Path, *, timeout_s: float = 600) -> Path:
    """Create a virtual environment at `folder`, and install `lock` into it.

    It is removed if anything fails, or the process is interrupted. Its scripts contain its path, so
    it cannot be moved. Modules are compiled on first import: most of the installed ones are never
    imported.

    Parameters
    ----------
    lock : Lock
        The packages to install; each file is checked against its digest.
    folder : Path
        A folder that does not exist yet, or is empty.
    timeout_s : float
        The total timeout in seconds.

    Returns
    -------
    Path
        The environment's Python.

    Raises
    ------
    PythonNotFoundError
        If this machine does not have the lock's version of Python.
    EnvironmentBuildError
        If the folder is not empty, or the packages cannot be installed.
    """
    folder = Path(folder).absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise EnvironmentBuildError(
            str(folder), "something already exists at this path.", advice="Name a new folder."
        )
    deadline = time.monotonic() + timeout_s
    base = find_python(lock.python)
    try:
        made = run_uv(
            ["venv", "--quiet", "--no-project", "--python", str(base), str(folder)],
            timeout_s=timeout_s,
        )
        _check(made, lock=lock, folder=folder, timeout_s=timeout_s)
        python = folder / "bin" / "python"
        _install(
            lock,
            ["--python", str(python)],
            folder=folder,
            timeout_s=deadline - time.monotonic(),
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return python


def add_packages(lock: Lock, python: Path, folder: Path, *, timeout_s: float = 600) -> None:
    """Install `lock` into `folder`, next to an environment of this machine, which is not changed.

    Parameters
    ----------
    lock : Lock
        The packages to install, possibly none; each file is checked against its digest.
    python : Path
        The environment's Python.
    folder : Path
        The folder of the packages, to be added to the import path.
    timeout_s : float
        The timeout in seconds.

    Raises
    ------
    EnvironmentBuildError
        If a package has no compatible wheel, or cannot be fetched.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if lock.text:
        target = ["--target", str(folder), "--python", str(python)]
        _install(lock, target, folder=folder, timeout_s=timeout_s)


def install_packages(lock: Lock, folder: Path, *, machine: str, timeout_s: float = 600) -> None:
    """Install `lock` into `folder`, for Linux on `machine`, regardless of the current machine.

    For images: wheels are fetched outside the build, so that it needs no network and no password.
    Wheels are those for glibc 2.28 (Debian 10, RHEL 8) or older. Files are copies, never links into
    uv's cache, so they can be modified. There is no bytecode, and the scripts in ``bin`` start the
    first ``python3`` of ``PATH``, so that nothing contains paths of this machine: compile in the
    image.

    Parameters
    ----------
    lock : Lock
        The packages to install; each file is checked against its digest.
    folder : Path
        The folder of the packages, as in ``site-packages``.
    machine : {"x86_64", "aarch64"}
        The processor, as in ``uname -m``; ``"amd64"`` and ``"arm64"`` are valid too.
    timeout_s : float
        The timeout in seconds.

    Raises
    ------
    EnvironmentBuildError
        If a package has no compatible wheel, or cannot be fetched.
    InvalidOptionError
        If `machine` is not one of the two.
    """
    if machine not in _MACHINES:
        raise InvalidOptionError(option="machine", found=machine, expected="x86_64 or aarch64")
    platform = f"{_MACHINES[machine]}-manylinux_2_28"
    _install(
        lock,
        [
            *("--target", str(Path(folder).absolute()), "--link-mode", "copy"),
            *("--python", sys.executable, "--python-version", lock.python),
            *("--python-platform", platform),
        ],
        folder=folder,
        timeout_s=timeout_s,
        on=f" on {_MACHINES[machine]}",
    )
    (Path(folder) / ".lock").unlink(missing_ok=True)
    _free_scripts(Path(folder) / "bin")


def find_python(version: str) -> Path:
    """Return an interpreter of this minor version: the running one if it matches.

    Otherwise, return one that uv finds or pyenv installed. None is downloaded, unless the variable
    UV_PYTHON_DOWNLOADS is ``automatic``.

    Raises
    ------
    PythonNotFoundError
        If there is none. The message lists the available versions.
    """
    minor = minor_of(version)
    if minor == f"{sys.version_info[0]}.{sys.version_info[1]}":
        return Path(sys.executable)
    found = _interpreters()
    downloads = os.environ.get("UV_PYTHON_DOWNLOADS") in {"automatic", "auto", "true"}
    if minor not in found and downloads:
        run_uv(["python", "install", "--quiet", minor], timeout_s=_FIND_TIMEOUT_S)
        found = _interpreters()
    if minor not in found:
        raise PythonNotFoundError("the environment", minor, sorted(found, key=Version))
    return found[minor][1]


def installed_pythons() -> Mapping[str, str]:
    """Return the release of each minor version of Python on this machine.

    They are those that :func:`find_python` finds, such as ``{"3.8": "3.8.18", "3.11": "3.11.7"}``.
    """
    return {minor: release for minor, (release, _) in _interpreters().items()}


def _install(
    lock: Lock,
    arguments: Sequence[str],
    *,
    folder: Path,
    timeout_s: float,
    on: str = "",
) -> None:
    if problem := lock_problem(lock.text):
        advice = "Lock the environment again: create the bundle again."
        raise EnvironmentBuildError(str(folder), f"{problem}.", advice=advice)
    command = ["pip", "install", "--quiet", "--require-hashes", "--no-deps", *wheels_only()]
    outcome = run_uv(
        [*command, *arguments, "--requirements", "-"],
        stdin=lock.text,
        timeout_s=timeout_s,
        asks_index=True,
    )
    _check(outcome, lock=lock, folder=folder, timeout_s=timeout_s, on=on)


def _check(outcome: Outcome, *, lock: Lock, folder: Path, timeout_s: float, on: str = "") -> None:
    if outcome.ok:
        return
    if outcome.timed_out:
        problem = f"installing the packages took longer than {timeout_s:.0f} seconds."
        raise EnvironmentBuildError(str(folder), problem, outcome.words, "Try again later.")
    found = explain(outcome.words, python=lock.python, on=on)
    problem = found.problem or "the packages cannot be installed."
    raise EnvironmentBuildError(str(folder), problem, outcome.words, found.advice)


def _interpreters() -> Mapping[str, tuple[str, Path]]:
    """Return the release and an interpreter of each minor version of CPython on this machine."""
    running = "{}.{}.{}".format(*sys.version_info)
    found = {minor_of(running): (running, Path(sys.executable))}
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    # Its shims are slow, and work only in some folders; what is behind them is found directly.
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    path = os.pathsep.join(each for each in folders if Path(each) != pyenv / "shims")
    listed = run_uv(["python", "list", "--only-installed"], timeout_s=_FIND_TIMEOUT_S, path=path)
    for line in listed.stdout.splitlines():
        if match := re.match(r"cpython-(3\.\d+\.\d+)-\S+\s+(.+?)(?: -> .*)?$", line):
            found.setdefault(minor_of(match[1]), (match[1], Path(match[2])))
    for release, python in _of_pyenv(pyenv):
        found.setdefault(minor_of(release), (release, python))
    return found


def _of_pyenv(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the release and the interpreter of each CPython of pyenv, the newest first."""
    pythons = {each.parent.parent.name: each for each in folder.glob("versions/3.*/bin/python")}
    releases = [each for each in pythons if re.fullmatch(r"3\.\d+\.\d+", each)]
    for release in sorted(releases, key=Version, reverse=True):
        yield release, pythons[release]


def _free_scripts(folder: Path) -> None:
    """Make scripts start the first ``python3`` of ``PATH``, instead of this machine's Python."""
    for script in folder.glob("*"):
        content = script.read_bytes()
        if script.is_file() and content.startswith(b"#!") and b"python" in content[:256]:
            _, _, rest = content.partition(b"\n")
            script.write_bytes(b"#!/usr/bin/env python3\n" + rest)
