"""Define ScoringProcess: the host's handle on a process that scores rows in shared memory."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from modelship.batch.answer_tables import answer_table
from modelship.batch.row_memory import RowMemory
from modelship.batch.scorer.scorer_messages import receive, send
from modelship.bundle.payload import form_of
from modelship.bundle.programs import end, start
from modelship.bundle.schemas import key_of
from modelship.runtime.workbench import workbench

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

    from modelship.bundle import ScoringBundle

__all__ = ["CallError", "ScoringPlace", "ScoringProcess", "ScriptNotReadyError", "scoring_place"]

_PACKAGE = "modelship_batch"
_SOURCE = Path(__file__).parent.parent
_LOG_BYTES = 1 << 14
_ENDING_S = 5.0


class ScriptNotReadyError(Exception):
    """The script cannot be imported, or its init() failed; the message has the log."""


class CallError(Exception):
    """A call of run() failed.

    Parameters
    ----------
    reason : str
        Why, in one line.
    log : str
        The traceback, or the end of what the process printed.
    """

    def __init__(self, reason: str, log: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.log = log


@dataclass(frozen=True)
class ScoringPlace:
    """Where scoring processes of a bundle start: its environment and its files.

    Parameters
    ----------
    python : Path
        The Python of the environment.
    folder : Path
        The folder with the bundle's files (``app``), the scorer and the logs.
    variables : Mapping[str, str]
        The environment variables.
    """

    python: Path
    folder: Path
    variables: Mapping[str, str]


@contextmanager
def scoring_place(
    bundle: ScoringBundle,
    *,
    timeout_s: float,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[ScoringPlace]:
    """Prepare the environment and the files of a bundle while the body runs.

    `variables` are added to the environment variables of the processes.

    Raises
    ------
    EnvironmentSpecError
        If the environment cannot be created on this machine.
    """
    with workbench(bundle, timeout_s=timeout_s) as bench:
        package = bench.folder / _PACKAGE
        for name in ("server", "batch/scorer"):
            shutil.copytree(_SOURCE / name, package / name, ignore=_no_bytecode)
        yield ScoringPlace(
            bench.python,
            bench.folder,
            {
                **bench.variables,
                "AZUREML_ENTRY_SCRIPT": bundle.entry_script,
                "PYTHONPATH": str(bench.folder),
                "MODELSHIP_BATCH_BODY": json.dumps(_body_of(bundle)),
                **variables,
            },
        )


def _no_bytecode(_folder: str, names: list[str]) -> set[str]:
    return {each for each in names if each == "__pycache__"}


def _body_of(bundle: ScoringBundle) -> dict[str, str]:
    """Return the form of a request's body: the key of the rows, and the form of a row."""
    sample = None if bundle.sample_json is None else json.loads(bundle.sample_json)
    key = key_of(sample)
    rows = sample.get(key) if isinstance(sample, dict) else sample
    return {"key": key, "rows": form_of(rows) or "rows"}


class ScoringProcess:
    """A process with the script; it is started for the first call, and again after it was killed.

    Parameters
    ----------
    place : ScoringPlace
        Where it starts.
    start_timeout_s : float
        How long the import of the script and its init() may take, in seconds.
    """

    def __init__(self, place: ScoringPlace, *, start_timeout_s: float) -> None:
        self._place = place
        self._start_timeout_s = start_timeout_s
        self._memory = RowMemory()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._layout: dict[str, Any] = {}
        self._form = ""

    def put(self, table: pa.Table) -> None:
        """Place rows in the shared memory, for the calls that follow.

        Raises
        ------
        ScriptNotReadyError
            If the script does not start.
        """
        if self._process is None:
            self._start()
        self._layout = self._memory.write(table, form=self._form)

    def score(self, first: int, stop: int, *, timeout_s: float) -> pa.Table:
        """Return the answer to the rows `first` to `stop` of those that were put, as columns.

        Raises
        ------
        CallError
            If run() raised, took too long, or ended the process, which is started again then.
        ScriptNotReadyError
            If the script does not start again.
        """
        if self._process is None:
            self._start()
        connection = self._connection
        assert connection is not None  # noqa: S101 - started above
        question = {"layout": self._layout, "size": self._memory.size, "start": first, "stop": stop}
        connection.settimeout(timeout_s)
        try:
            send(connection, question)
            header, content = receive(connection)
        except TimeoutError:
            log = self.kill()
            raise CallError(f"run() took longer than {timeout_s:g} s", log) from None
        except (EOFError, OSError):
            log = self.kill()
            raise CallError("the process ended during run()", log) from None
        if "error" in header:
            raise CallError(header["reason"], header["error"])
        return answer_table(header["columns"], content)

    def close(self) -> None:
        """End the process, and free its memory."""
        self.kill()
        self._memory.close()

    def kill(self) -> str:
        """Kill the process with its children; return the end of its log."""
        process, self._process = self._process, None
        if process is None:
            return ""
        if self._connection is not None:
            self._connection.close()
        end(process)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_ENDING_S)
        content = self._log_path.read_bytes()
        return content[-_LOG_BYTES:].decode(errors="replace")

    @property
    def _log_path(self) -> Path:
        return self._place.folder / f"scoring-{id(self)}.log"

    def _start(self) -> None:
        ours, its = socket.socketpair()
        command = [self._place.python, "-m", f"{_PACKAGE}.batch.scorer", its.fileno()]
        with its, self._log_path.open("wb") as log:
            self._process = start(
                [*command, self._memory.descriptor],
                cwd=self._place.folder / "app",
                env=dict(self._place.variables),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[its.fileno(), self._memory.descriptor],
            )
        self._connection = ours
        ours.settimeout(self._start_timeout_s)
        try:
            ready, _ = receive(ours)
        except (EOFError, OSError):
            raise ScriptNotReadyError(self.kill()) from None
        if "error" in ready:
            self.kill()
            raise ScriptNotReadyError(ready["error"])
        self._form = ready["form"]
