"""Lay out a bundle in a temporary folder, and run programs there in its environment.

A program reports line by line, as JSON objects, through a separate file descriptor. So the reports
of a program that is terminated early show how far it got.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelship.bundle.layout import model_dir
from modelship.bundle.programs import end, start
from modelship.bundle.store import stage
from modelship.runtime.environments import environment_python, service_variables
from modelship.runtime.owned_folders import owned_folder
from modelship.runtime.servers import SERVERS
from modelship.state_paths import using_caches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from modelship.bundle.bundle import ScoringBundle

__all__ = ["Program", "Workbench", "workbench"]

_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class Workbench:
    """A place to run programs that test a bundle.

    Parameters
    ----------
    python : Path
        The Python of the bundle's environment.
    folder : Path
        A temporary folder, with the log and the input files of the programs.
    variables : Mapping[str, str]
        The environment variables of a service.
    """

    python: Path
    folder: Path
    variables: Mapping[str, str]

    @property
    def app(self) -> Path:
        """The folder with the files of the bundle as in a service; the programs' current folder."""
        return self.folder / "app"

    @contextmanager
    def run(self, script: Path, *arguments: object, **variables: str) -> Iterator[Program]:
        """Start ``python script DESCRIPTOR arguments…``; terminate it at the end of the body."""
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        try:
            try:
                process = self._start([script, writing, *arguments], variables, passing=writing)
            finally:
                os.close(writing)
            program = Program(process, reading, self._log)
            try:
                yield program
            finally:
                program.end()
        finally:
            os.close(reading)

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _start(
        self, command: list[object], variables: Mapping[str, str], *, passing: int
    ) -> subprocess.Popen[bytes]:
        with self._log.open("wb") as log:
            return start(
                [self.python, *command],
                cwd=self.app,
                env={**self.variables, **variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[passing],
            )


class Program:
    """A program on a workbench."""

    def __init__(self, process: subprocess.Popen[bytes], reading: int, log: Path) -> None:
        self._process = process
        self._reading = reading
        self._log = log
        self._rest = b""
        self._is_closed = False

    @property
    def pid(self) -> int:
        """The process id of its guard, whose children are the processes of the program."""
        return self._process.pid

    def ends_within(self, seconds: float) -> bool:
        """Wait up to `seconds` for a report or the exit of the program; return whether it exited.

        A program that exits closes its end of the pipe. So there is something to read then, too.
        """
        if not self._is_closed:
            reports = select.poll()
            reports.register(self._reading, select.POLLIN)
            reports.poll(seconds * 1000)
            seconds = 0
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.returncode is not None

    def end(self) -> int:
        """Terminate the program with its children; return its exit code, negative for a signal."""
        end(self._process)
        return self._process.wait()

    def told(self) -> list[dict[str, Any]]:
        """Return the reports since the last call.

        A truncated line, or one that the script under test wrote to the descriptor, is ignored.
        """
        chunks = [self._rest]
        with suppress(BlockingIOError):
            while chunk := os.read(self._reading, _CHUNK_BYTES):
                chunks.append(chunk)
            self._is_closed = True
        *lines, self._rest = b"".join(chunks).split(b"\n")
        return [each for each in map(_parsed, lines) if isinstance(each, dict)]

    def log(self, *, tail_bytes: int) -> str:
        """Return the end of the output: a script may print without limit."""
        with self._log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - tail_bytes))
            return log.read().decode(errors="replace")


@contextmanager
def workbench(bundle: ScoringBundle, *, timeout_s: float, source: str = ".") -> Iterator[Workbench]:
    """Lay `bundle` out while the body runs.

    Parameters
    ----------
    bundle : ScoringBundle
        The bundle to test.
    timeout_s : float
        The timeout in seconds of creating its environment.
    source : str
        The source folder, relative to the root of the application.

    Raises
    ------
    EnvironmentSpecError
        If the environment cannot be created on this machine.
    DigestMismatchError
        If a model file has changed since the bundle was created.
    """
    with (
        using_caches(timeout_s=timeout_s),
        owned_folder("modelship-workbench-") as folder,
    ):
        python = environment_python(bundle.lock, timeout_s=timeout_s, asked_by=bundle.environment)
        app = folder / "app"
        stage(bundle, app, source=source)
        models = app / model_dir(bundle.models)
        variables = service_variables(python, app_root=app, model_dir=models)
        if source != ".":
            variables["AZUREML_SOURCE_DIRECTORY"] = source
        told = SERVERS["azmlinfsrv"].variables(bundle, sample_file="")
        yield Workbench(python, folder, {**variables, **told})


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None
