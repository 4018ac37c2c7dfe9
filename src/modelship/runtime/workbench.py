"""Lay out a bundle in a temporary folder, and run programs there in its environment.

What a program tells comes line by line, as JSON objects, through a descriptor of its own; so one
that is ended in the middle tells how far it came.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelship.bundle.layout import model_dir
from modelship.bundle.programs import end, start
from modelship.bundle.store import stage
from modelship.runtime.environments import environment_python, service_variables
from modelship.runtime.servers import SERVERS
from modelship.state_paths import using_caches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modelship.bundle.bundle import ScoringBundle

__all__ = ["Program", "Workbench", "workbench"]

_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class Workbench:
    """Where programs run that try a bundle.

    Parameters
    ----------
    python : Path
        The Python of the bundle's environment.
    folder : Path
        A temporary folder; in it are the log, and whatever the programs are given.
    variables : Mapping[str, str]
        The environment variables that a service has.
    """

    python: Path
    folder: Path
    variables: Mapping[str, str]

    @property
    def app(self) -> Path:
        """Where the bundle is laid out as in a service: the programs' current folder."""
        return self.folder / "app"

    @contextmanager
    def run(self, script: Path, *arguments: object, **variables: str) -> Iterator[Program]:
        """Start ``python script DESCRIPTOR arguments…``; it is ended when the body is left."""
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
    """One program on a workbench."""

    def __init__(self, process: subprocess.Popen[bytes], reading: int, log: Path) -> None:
        self._process = process
        self._reading = reading
        self._log = log
        self._rest = b""

    @property
    def pid(self) -> int:
        """The process id of its guard, whose children are all that runs."""
        return self._process.pid

    def ends_within(self, seconds: float) -> bool:
        """Wait so long for its end, and tell whether it came."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.returncode is not None

    def end(self) -> int:
        """End it with all that it started, and return its exit code; negative for a signal."""
        end(self._process)
        return self._process.wait()

    def told(self) -> list[dict[str, Any]]:
        """Return what it has told since this was asked last.

        A line that was cut short, or that the script wrote that found the descriptor, is none.
        """
        chunks = [self._rest]
        with suppress(BlockingIOError):
            while chunk := os.read(self._reading, _CHUNK_BYTES):
                chunks.append(chunk)
        *lines, self._rest = b"".join(chunks).split(b"\n")
        return [each for each in map(_parsed, lines) if isinstance(each, dict)]

    def log(self, *, tail_bytes: int) -> str:
        """Return the end of what it wrote: a script may print without end."""
        with self._log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - tail_bytes))
            return log.read().decode(errors="replace")


@contextmanager
def workbench(bundle: ScoringBundle, *, timeout_s: float, source: str = ".") -> Iterator[Workbench]:
    """Lay `bundle` out for as long as the body runs.

    Parameters
    ----------
    bundle : ScoringBundle
        What is to be tried.
    timeout_s : float
        How long making its environment may take.
    source : str
        Where its source lies, below the root of the application.

    Raises
    ------
    EnvironmentSpecError
        If the environment cannot be made here.
    DigestMismatchError
        If a model file is not what it was when the bundle was made.
    """
    with (
        using_caches(timeout_s=timeout_s),
        tempfile.TemporaryDirectory(prefix="modelship-workbench-") as folder,
    ):
        python = environment_python(bundle.lock, timeout_s=timeout_s, asked_by=bundle.environment)
        app = Path(folder) / "app"
        stage(bundle, app, source=source)
        models = app / model_dir(bundle.models)
        variables = service_variables(python, app_root=app, model_dir=models)
        if source != ".":
            variables["AZUREML_SOURCE_DIRECTORY"] = source
        told = SERVERS["azmlinfsrv"].variables(bundle, sample_file="")
        yield Workbench(python, Path(folder), {**variables, **told})


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None
