"""azmlinfsrv and our server, each on a script of the suite, in one serving environment."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

import modelship
from differential.wire import ask, send
from forked_programs import Forked, ForkServer
from reserved_ports import reserve_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from differential.wire import Sent
    from modelship.parity import PlaceAnswer

__all__ = ["KINDS", "OURS", "SCRIPTS", "THOROUGH", "Ended", "Server", "ServingEnvironment"]

SCRIPTS = Path(__file__).with_name("scripts")
OURS = Path(modelship.__file__).with_name("server")
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
KINDS = ("reference", "default", "strict")
_OURS, _REFERENCE = "modelship_server", "azureml_inference_server_http"
_MODULES = {"reference": _REFERENCE, "default": _OURS, "strict": _OURS}
_OPTIONS = {"reference": (), "default": (), "strict": ("--strict",)}
# Not gunicorn, which reads its folder on import.
_IMPORTED = {
    _OURS: (
        "email.utils", "http", "httptools", "modelship_server.command",
        "modelship_server.description", "modelship_server.supervisor", "modelship_server.tracing",
        "modelship_server.worker", "modelship_server.worker_service", "orjson", "shutil", "termios",
        "uvloop",
    ),
    _REFERENCE: (
        "azure.monitor.opentelemetry.exporter", "flask_cors", "inference_schema.schema_util",
        "pandas", "pydantic_settings",
    ),
}  # fmt: skip
_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 20.0
_MOST_KEPT = 8  # each holds the memory of a Python with pandas
_ENTRY = ("--entry_script", "score.py")
_PASSED_ON = ("LANG", "LC_ALL", "TMPDIR", "TZ")


@dataclass(frozen=True)
class Ended:
    """A server that did not start, or was stopped: its exit code and all that it printed."""

    exit_code: int
    log: str


class Server:
    """One running server.

    Parameters
    ----------
    process : subprocess.Popen or Forked
        Its first process, the leader of its session.
    reserving : socket.socket
        Reserves the port, and is closed when the server is stopped.
    port : int
        Where it listens.
    folder : Path
        Where it runs: a copy of the script's folder.
    log : Path
        The file with what it prints, on stdout and on stderr.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes] | Forked,
        *,
        reserving: socket.socket,
        port: int,
        folder: Path,
        log: Path,
    ) -> None:
        self.process = process
        self._reserving = reserving
        self.port = port
        self.folder = folder
        self._log = log

    @property
    def log(self) -> str:
        """All that it has printed."""
        return self._log.read_text(errors="replace")

    def answers(self, sent: Sent) -> tuple[PlaceAnswer, ...]:
        """Send a request, and return what came back; wait for the worker if it ended."""
        answers = ask(self.port, sent)
        if sent.ends:
            self.wait_until_healthy()
        return answers

    def wait_until_healthy(self) -> bool:
        """Wait until it answers its health route; tell whether it does, or has ended instead."""
        end_s = time.monotonic() + _START_TIMEOUT_S
        probe = send("health", path="/")
        while time.monotonic() < end_s:
            if self.process.poll() is not None:
                return False
            if ask(self.port, probe)[0].status:
                return True
            time.sleep(0.02)
        raise TimeoutError(f"the server does not answer:\n{self.log}")

    def ended(self) -> Ended:
        """Wait until it ends by itself; end it if it does not."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_START_TIMEOUT_S)
        return self.stop()

    def release_port(self) -> None:
        """Let others listen on its port."""
        self._reserving.close()

    def stop(self, *, with_signal: int = signal.SIGTERM) -> Ended:
        """End it and its children, the hard way if it takes long."""
        family = _family(self.process.pid)
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        try:
            self.process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for each in family:
            with contextlib.suppress(psutil.NoSuchProcess):  # it is ending as well
                each.kill()
        self.release_port()
        return Ended(self.process.returncode, self.log)


class ServingEnvironment:
    """A Python that has azmlinfsrv and what our server needs, and a folder for its services."""

    def __init__(self, python: Path, folder: Path) -> None:
        self.python = python
        self._folder = folder
        self._started: dict[object, Server] = {}  # the one that was used last is the last
        self._all: list[Server] = []
        self._numbers = itertools.count()
        self._one_at_a_time = threading.Lock()
        self._fork_servers: dict[str, ForkServer] = {}
        shutil.copytree(OURS, folder / "ours" / "modelship_server")

    def start(
        self,
        kind: str,
        *,
        script: str,
        settings: Mapping[str, str] | None = None,
        options: Sequence[str] = _ENTRY,
        files: Mapping[str, str] | None = None,
    ) -> Server:
        """Start a server in a copy of the script's folder; it may not be ready yet."""
        number = next(self._numbers)
        folder = self._folder / f"{number}-{kind}-{script}"
        shutil.copytree(SCRIPTS / script, folder)
        for name, text in (files or {}).items():
            (folder / name).write_text(text)
        reserving, port = reserve_port()
        log = self._folder / f"{number}.log"
        with log.open("wb") as output:
            process = self._fork_server(kind).start(
                _MODULES[kind],
                [*_OPTIONS[kind], *options, *_with_port(options, port)],
                folder=folder,
                variables=self._variables(settings or {}),
                output=output,
            )
        server = Server(process, reserving=reserving, port=port, folder=folder, log=log)
        self._all.append(server)
        return server

    def running(
        self,
        kind: str,
        *,
        script: str,
        settings: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        options: Sequence[str] = _ENTRY,
        copy: int = 0,
    ) -> Server:
        """Return the server of this kind on this script, started if it is not one of the kept."""
        told = tuple(tuple((each or {}).items()) for each in (settings, files))
        key = (kind, script, told, options, copy)
        server = self._started.pop(key, None)
        if server is None:
            while len(self._started) >= _MOST_KEPT:
                self._started.pop(next(iter(self._started))).stop()
            server = self.start(
                kind, script=script, settings=settings, files=files, options=options
            )
            if not server.wait_until_healthy():
                raise AssertionError(f"{kind} does not start:\n{server.log}")
        self._started[key] = server
        return server

    def stop_all(self) -> None:
        """End all servers, also those of a test that failed."""
        running = [server for server in self._all if server.process.poll() is None]
        for server in running:
            server.process.terminate()  # all at once, for each takes a while
        for server in running:
            server.stop()
        for server in self._all:
            server.release_port()
        self._all.clear()
        self._started.clear()

    def close(self) -> None:
        """End what forks servers, and all that it has started."""
        for each in self._fork_servers.values():
            each.end()

    def _fork_server(self, kind: str) -> ForkServer:
        module = _MODULES[kind]
        with self._one_at_a_time:
            if module not in self._fork_servers:
                imported = _IMPORTED[module]
                self._fork_servers[module] = ForkServer(self.python, imported, self._variables({}))
            return self._fork_servers[module]

    def _variables(self, settings: Mapping[str, str]) -> dict[str, str]:
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return passed_on | {
            "PATH": f"{self.python.parent}:/usr/local/bin:/usr/bin:/bin",
            "PYTHONUNBUFFERED": "1",
            "HOME": str(self._folder),  # gunicorn keeps a socket there
            "PYTHONPATH": str(self._folder / "ours"),
            **settings,
        }


def _with_port(options: Sequence[str], port: int) -> list[str]:
    return [] if "--port" in options else ["--port", str(port)]


def _family(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
