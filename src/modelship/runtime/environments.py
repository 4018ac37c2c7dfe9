"""Manage the environments on this machine that trials and deployments share."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from modelship.bundle.programs import run
from modelship.documents import read_regular
from modelship.errors import PythonNotFoundError
from modelship.progress import doing
from modelship.runtime._installed import installed_digest
from modelship.runtime.bytecode import link_bytecode
from modelship.runtime.install import add_packages, create_environment
from modelship.server.offered_submodules import RECORD
from modelship.staging import stage_in, storing, write_atomic
from modelship.state_paths import cache_folder, exclusive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.bundle.environment import Environment
    from modelship.bundle.lock import Lock
    from modelship.runtime.servers import Server

__all__ = [
    "environment_folder",
    "environment_python",
    "environments_folder",
    "install_server",
    "installed_modules",
    "last_used",
    "release_of",
    "service_variables",
]

_COMPLETE = ".modelship-complete"
_COMPILE_TIMEOUT_S = 120
_AZURE_SERVER = "azureml-inference-server-http"
_RECORDER = Path(__file__).with_name("deferred_exporter.py")
_RECORDING_TIMEOUT_S = 60
_MOST_SETTINGS = 2**16
# The variables of this process that a service inherits; a container inherits none of them.
_PASSED_ON = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ")


def environment_python(
    lock: Lock, *, timeout_s: float, asked_by: Environment | None = None
) -> Path:
    """Return the Python of the environment that contains exactly the packages of `lock`.

    Locks that install the same files on this machine share an environment. It is created on first
    use. Two processes that request it at the same time get the same one. If a process dies while
    creating it, the next one deletes the unfinished folder and starts over.

    Parameters
    ----------
    lock : Lock
        The packages to install.
    timeout_s : float
        The timeout in seconds, which includes waiting for another process that creates the
        environment.
    asked_by : Environment, optional
        The environment that was locked; PythonNotFoundError then names the file that requires that
        Python.

    Raises
    ------
    EnvironmentSpecError
        If the environment cannot be created.
    TimeoutError
        If another process is still creating it.
    """
    folder = environment_folder(lock)
    python = folder / "bin" / "python"
    if _is_complete(folder, lock):
        with suppress(OSError):  # the folder may not be writable
            os.utime(folder / _COMPLETE)  # it is used now
        _record_modules(lock, python)
        return python
    end_s = time.monotonic() + timeout_s
    making = f"install {len(lock.versions)} packages for Python {lock.python}"
    with doing(making), exclusive(f"environment-{folder.name}", timeout_s=timeout_s):
        if not _is_complete(folder, lock):
            shutil.rmtree(folder, ignore_errors=True)
            with storing(folder):
                folder.parent.mkdir(parents=True, exist_ok=True)
            with _telling(asked_by):
                create_environment(lock, folder, timeout_s=end_s - time.monotonic())
            with suppress(OSError):  # another process may remove one at the same time
                made = [each for each in folder.parent.iterdir() if (each / _COMPLETE).exists()]
                link_bytecode(folder, sorted(made, key=last_used))
            _record_modules(lock, python)
            with storing(folder):
                write_atomic(folder / _COMPLETE, installed_digest(lock))
    return python


def _record_modules(lock: Lock, python: Path) -> None:
    """Record once what Azure ML's server loads in an environment that is writable."""
    record = python.parent.parent / RECORD
    if (
        record.exists()
        or _AZURE_SERVER not in lock.versions
        or not os.access(record.parent, os.W_OK)
    ):
        return
    try:
        run([python, "-I", _RECORDER], env=_passed_on(), timeout_s=_RECORDING_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        record.touch()  # not again
    except OSError:
        pass  # what uses this Python says why


def _passed_on() -> dict[str, str]:
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ}


@contextmanager
def _telling(asked_by: Environment | None) -> Iterator[None]:
    """Add the file that requires the Python to a PythonNotFoundError."""
    try:
        yield
    except PythonNotFoundError as error:
        if asked_by is None:
            raise
        place = asked_by.place_of("python")
        raise PythonNotFoundError(place, asked_by.python, error.found) from error


def release_of(python: Path) -> str:
    """Return the release of an environment's Python, such as ``"3.8.18"``; ``""`` if unknown."""
    try:
        settings = read_regular(python.parent.parent / "pyvenv.cfg", most_bytes=_MOST_SETTINGS)
    except (OSError, ValueError):
        return ""
    found = re.search(r"^version(?:_info)? *= *(\d+\.\d+\.\d+)", settings.decode(), re.MULTILINE)
    return found[1] if found else ""


def install_server(server: Server, lock: Lock, python: Path, *, timeout_s: float) -> Path | None:
    """Install a server next to the environment of a bundle; return the folder to add to the path.

    The environment itself contains only what the lock of the bundle names, whatever server runs the
    script. If the lock contains the server, nothing is installed and None is returned.

    Parameters
    ----------
    server : Server
        The server to install.
    lock : Lock
        The lock of the environment.
    python : Path
        The environment's Python.
    timeout_s : float
        The timeout in seconds.

    Raises
    ------
    EnvironmentBuildError
        If the server is incompatible with the environment, or its packages cannot be fetched.
    TimeoutError
        If another process is still installing it.
    """
    if not server.files:
        return None
    added = server.added_to(lock)
    folder = python.parent.parent / "servers" / f"{server.digest[:8]}-{added.digest[:8]}"
    end_s = time.monotonic() + timeout_s
    making = f"install the server {server.name}"
    with doing(making), exclusive(f"server-{python.parent.parent.name}", timeout_s=timeout_s):
        if not folder.exists():
            with storing(folder), stage_in(folder.parent) as scratch:
                add_packages(added, python, scratch / "new", timeout_s=end_s - time.monotonic())
                for name, source in server.files.items():
                    path = scratch / "new" / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(source)
                _compile(python, scratch / "new", place=folder)
                (scratch / "new").rename(folder)
    return folder


def service_variables(python: Path, *, app_root: Path, model_dir: Path) -> dict[str, str]:
    """Return the environment variables of a process that runs a script as a service does.

    Parameters
    ----------
    python : Path
        The environment's Python.
    app_root : Path
        The folder with the files of the bundle.
    model_dir : Path
        The folder of the model.
    """
    return _passed_on() | {
        "PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin",
        "PYTHONUNBUFFERED": "1",
        "AML_APP_ROOT": str(app_root),
        "AZUREML_MODEL_DIR": str(model_dir),
    }


def installed_modules(lock: Lock) -> frozenset[str] | None:
    """Return the top-level modules of the environment's packages; None if it does not exist yet."""
    folder = environment_folder(lock)
    if not _is_complete(folder, lock):
        return None
    return frozenset(
        entry.name.partition(".")[0]
        for packages in folder.glob("lib/python3*/site-packages")
        for entry in packages.iterdir()
        if not entry.name.endswith((".dist-info", ".pth", ".libs"))
    )


def _compile(python: Path, folder: Path, *, place: Path) -> None:
    """Compile the modules in `folder`, with `place` as their path in tracebacks."""
    # If this fails, the server starts without bytecode, which is only slower.
    run(
        [python, "-I", "-m", "compileall", "-q", "-s", folder, "-p", place, folder],
        timeout_s=_COMPILE_TIMEOUT_S,
    )


def environments_folder() -> Path:
    """Return the folder of all environments."""
    return cache_folder() / "environments"


def last_used(folder: Path) -> float:
    """Return when an environment was last requested, in seconds since 1970."""
    try:
        return (folder / _COMPLETE).stat().st_mtime
    except OSError:  # incomplete: the process that created it was killed
        return folder.stat().st_mtime


def environment_folder(lock: Lock) -> Path:
    """Return the folder of the environment for `lock`, whether it exists or not."""
    return environments_folder() / installed_digest(lock)[:16]


def _is_complete(folder: Path, lock: Lock) -> bool:
    """Return whether exactly this lock is completely installed in `folder`."""
    wanted = installed_digest(lock).encode()
    try:
        made_of = read_regular(folder / _COMPLETE, most_bytes=len(wanted))
    except (OSError, ValueError):
        return False
    return made_of == wanted and (folder / "bin" / "python").exists()
