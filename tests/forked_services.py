"""Services and other programs that are forks: a new Python takes a second for their imports.

The services are those of the target process. The programs are those on a workbench: trials of
scripts, and scripts that answer in process for parity.
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pytest
from filelock import FileLock

from modelship.bundle import guard, programs
from modelship.runtime import workbench
from modelship.runtime.environments import release_of
from modelship.targets.process import server_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from io import BufferedReader

    _Key = tuple[str, str, tuple[tuple[str, str], ...]]

__all__ = ["Forking", "forking_services"]

_PROGRAM = Path(__file__).with_name("fork_services.py")
_LIBRARIES = ("joblib", "numpy", "pandas", "sklearn.linear_model", "sklearn.pipeline")
# Not gunicorn.config, nor the exporter of Application Insights: servers defer its import.
_IMPORTED = {
    "azureml_inference_server_http": (
        *("azureml_inference_server_http.amlserver", "gunicorn.arbiter", "gunicorn.workers.sync"),
        *("azureml_inference_server_http.server.user_script", "flask_cors", "pydantic_settings"),
        *_LIBRARIES,
    ),
    "modelship_server": (
        *("email.utils", "http", "httptools", "modelship_server.command"),
        *(
            "modelship_server.description",
            "modelship_server.supervisor",
            "modelship_server.tracing",
        ),
        *("modelship_server.worker", "modelship_server.worker_service", "orjson", "shutil"),
        *("termios", "uvloop"),
    ),
}
# What Python and libraries read before a program begins: forks have those of their Python.
_READ_FIRST = ("LANG", "LC_", "LD_", "MALLOC_", "MKL_", "OMP_", "OPENBLAS_", "PYTHON", "TZ")
# What a workbench's programs read first, and a fork does when it begins.
_READ_LATER = "PYTHONFAULTHANDLER"
_AZURE_SERVER = "azureml_inference_server_http"
# What starts services and programs as users do.
_AS_USERS_DO = (
    *("README.md", "docs/tutorial.md", "tests/parity/test_parity.py::test_a_process_answers"),
    "tests/bundle/checks/test_trial.py::test_what_works_has_no_finding",
    "tests/targets/test_deferred_exporter.py",
    "tests/targets/test_secrets.py::test_a_secret_is_in_the_environment",
    "tests/targets/test_script_places.py::test_a_script_finds_the_submodules",
)
_ROOM = 1 << 15  # bytes of variables
_AMPLE_BYTES = 1 << 30  # a limit that counts what a fork has of its Python, too
_TIMEOUT_S = 60.0
_KILLED = -9


class _Guarded:
    """A guard of a program, as far as :class:`subprocess.Popen` is asked for."""

    def __init__(self, pid: int, told: BufferedReader) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._told = told

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit code, once it has one."""
        if self.returncode is None:
            if not select.select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a program", timeout or 0)
            with self._told:
                self.returncode = int(self._told.readline() or _KILLED)
        return self.returncode


class Forking:
    """Launches services and programs; one process waits in each environment, for all workers.

    Parameters
    ----------
    folder : Path
        Where their sockets are.
    plainly
        Launches a service by a new Python.
    stack : ExitStack
        Closes the connections.
    """

    def __init__(self, folder: Path, plainly: Callable[..., None], stack: ExitStack) -> None:
        self.plainly = plainly
        self._folder = folder
        self._stack = stack
        self._connections: dict[_Key, socket.socket] = {}
        self._one_at_a_time = threading.Lock()

    def run_launcher(self, command: Sequence[str | Path], **options: Any) -> None:
        """Launch a service by a fork where that makes no difference to it, and else plainly."""
        memory_bytes, _, *rest = map(str, command[8:])
        has_memory = int(memory_bytes) == 0 or int(memory_bytes) >= _AMPLE_BYTES
        known = has_memory and len(rest) > 1 and rest[1] in _IMPORTED
        may_fork = known and _may_fork(command[9], options["env"])
        if not (may_fork and self._launched(command, **options)):
            self.plainly(command, **options)

    def start(self, command: Sequence[object], **options: Any) -> Any:
        """Start a program on a workbench by a fork where that makes no difference to it."""
        may_fork = _may_fork(str(command[0]), options["env"])
        forked = self._guarded([*map(str, command)], **options) if may_fork else None
        return forked or programs.start(command, **options)

    def _guarded(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        stdout: BinaryIO,
        pass_fds: Sequence[int],
        **_: Any,
    ) -> _Guarded | None:
        """Return the guard, or None if it is refused, or its Python has ended."""
        asked = {"guard": guard.__file__, "command": command, "folder": str(cwd)}
        asked |= {"executed": [guard.__file__, command[1]], **_surroundings(env, pass_fds)}
        read_first = {name: text for name, text in env.items() if name != _READ_LATER}
        key = _key(command[0], _AZURE_SERVER, read_first)
        told = self._ask(key, asked, [stdout.fileno(), *pass_fds])
        first = told.readline()
        if first.endswith(b"\n"):
            return _Guarded(int(first), told)
        told.close()
        return None

    def _launched(
        self,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: str,
        pass_fds: Sequence[int],
    ) -> bool:
        """Return whether it was launched: it may be refused, and its Python may have ended."""
        at = [*map(str, command)]
        asked = {"arguments": at[3:9], "command": at[9:], "folder": cwd}
        asked |= {"executed": at[3:4], **_surroundings(env, pass_fds)}
        with tempfile.TemporaryFile() as output:
            files = [output.fileno(), *pass_fds]
            with self._ask(_key(at[9], at[11], env), asked, files) as answer:
                code = answer.read()
            if code == b"1":
                output.seek(0)
                raise subprocess.CalledProcessError(1, at, stderr=output.read())
        return code == b"0"

    def _ask(self, key: _Key, asked: Mapping[str, Any], files: Sequence[int]) -> BufferedReader:
        """Return where the answer is; it has none if there is no Python any more."""
        reading, told = os.pipe()
        with os.fdopen(told, "wb"), self._one_at_a_time:
            try:
                connection = self._connection(key)
                socket.send_fds(connection, [json.dumps(asked).encode()], [told, *files])
            except ConnectionError:
                self._connections.pop(key).close()  # the next one starts another
        if not select.select([reading], [], [], _TIMEOUT_S)[0]:
            os.close(reading)
            raise subprocess.TimeoutExpired(asked["command"], _TIMEOUT_S)
        return os.fdopen(reading, "rb")

    def _connection(self, key: _Key) -> socket.socket:
        if key not in self._connections:
            place = self._folder / hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
            with FileLock(f"{place}.lock"):
                self._connections[key] = _connected(place) or _started(place, key)
            self._stack.enter_context(self._connections[key])
        return self._connections[key]


def _connected(place: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.connect(str(place))
    except OSError:
        connection.close()
        return None
    return connection


def _started(place: Path, key: _Key) -> socket.socket:
    """Start a Python that listens there, and return the first connection to it."""
    python, module, read_first = key
    place.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(place))
        listener.listen()
        with place.with_suffix(".log").open("wb") as log:
            files = zip((listener, log, log), range(3), strict=True)
            os.posix_spawn(
                python,
                [python, str(_PROGRAM), *_IMPORTED[module]],
                {"OPENBLAS_NUM_THREADS": "1", **dict(read_first), "ROOM": _ROOM * " "},
                file_actions=[(os.POSIX_SPAWN_DUP2, here.fileno(), there) for here, there in files],
                setsid=True,  # Ctrl-C is for the tests
            )
        connection = _connected(place)
        assert connection is not None
        return connection


def _surroundings(env: Mapping[str, str], passed: Sequence[int]) -> dict[str, Any]:
    cores = os.sched_getaffinity(0)
    return {"variables": {**env}, "passed": [*passed], "cores": [*cores]}


def _key(python: str, module: str, env: Mapping[str, str]) -> _Key:
    """Return what all forks of one Python have in common.

    Many folders lead to one environment, each by a link of its own.
    """
    read_first = {name: text for name, text in env.items() if name.startswith(_READ_FIRST)}
    if "PYTHONPATH" in read_first:  # modelship's server, in a folder of the environment
        read_first["PYTHONPATH"] = str(Path(read_first["PYTHONPATH"]).resolve())
    place = Path(python).parent.resolve() / Path(python).name
    return str(place), module, tuple(sorted(read_first.items()))


def _may_fork(python: str | Path, env: Mapping[str, str]) -> bool:
    """Return whether it is a Python as ours, and the test does not start it as users do."""
    same_release = release_of(Path(python)).split(".")[:2] == [*map(str, sys.version_info[:2])]
    has_room = sum(len(f"{name}={text}".encode()) + 1 for name, text in env.items()) < _ROOM
    asks_for_it = os.environ.get("PYTEST_CURRENT_TEST", "").startswith(_AS_USERS_DO)
    return same_release and has_room and not asks_for_it


@contextmanager
def forking_services(folder: Path) -> Iterator[Forking]:
    """Let services and programs be forks while the body runs; services outlive it.

    The sockets of their Pythons are in `folder`, for all who share it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        forking = Forking(folder, server_process.run_launcher, stack)
        patch.setattr(server_process, "run_launcher", forking.run_launcher)
        patch.setattr(workbench, "start", forking.start)
        yield forking
