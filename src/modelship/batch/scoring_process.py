"""Define ScoringProcess: the host's handle on a process that scores rows in shared memory."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

from modelship.batch.answer_tables import answer_table
from modelship.batch.call_errors import CallError
from modelship.batch.call_sizes import MeasuredSizes, MiniBatchSizes
from modelship.batch.killed_starts import ScriptNotReadyError, StartOfScript
from modelship.batch.process_limits import CappedLog, own_memory_bytes
from modelship.batch.process_trees import ended_with
from modelship.batch.row_memory import RowMemory
from modelship.batch.scored_rows import Elements
from modelship.batch.scorer.scorer_messages import send
from modelship.batch.scoring_places import ScoringPlace, scoring_place
from modelship.batch.script_host import BROKEN, ended, received

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from modelship.batch.script_host import Running

__all__ = [
    "CallError",
    "ScoringPlace",
    "ScoringProcess",
    "ScoringStoppedError",
    "ScriptNotReadyError",
    "put_part",
    "scoring_place",
]

_PAUSES_S = (0.5, 2.0)
_GB = 2**30


class ScoringStoppedError(Exception):
    """A call was abandoned because the job is to end."""


class ScoringProcess:
    """A process with the script; it is started for the first call, and again after it was killed.

    Parameters
    ----------
    place : ScoringPlace
        Where it starts.
    start_timeout_s : float
        How long the import of the script and its init() may take, in seconds.
    memory_gb : float
        How much memory of its own it may have, in GB; it is killed in a call that exceeds it, and
        started again after one. 0 for no limit.
    is_stopped : Callable
        Returns whether calls end at once.

    Attributes
    ----------
    sizes : MeasuredSizes
        How many rows calls get, as far as that is for modelship to choose; known once it runs.
    """

    def __init__(
        self,
        place: ScoringPlace,
        *,
        start_timeout_s: float,
        memory_gb: float = 0.0,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._place = place
        self._start_timeout_s = start_timeout_s
        self._most_bytes = int(memory_gb * _GB)
        self._is_stopped = is_stopped
        self._memory = RowMemory()
        self._process: Running | None = None
        self._connection: socket.socket | None = None
        self._log = CappedLog(place.folder / f"scoring-{id(self)}.log")
        self._layout: dict[str, Any] = {}
        self._form = ""
        self.sizes = MeasuredSizes()
        self._pid = 0

    def start(self) -> None:
        """Start it, unless it runs.

        Raises
        ------
        ScriptNotReadyError
            If the script does not start.
        """
        if self._process is None:
            self._start()

    def put(self, table: pa.Table) -> None:
        """Place rows in the shared memory, for the calls that follow.

        Raises
        ------
        ScriptNotReadyError
            If the script does not start.
        ValueError
            If the rows do not have the form that it takes.
        """
        self.start()
        self._layout = self._memory.write(table, form=self._form)

    def score(self, first: int, stop: int, *, timeout_s: float) -> pa.Table:
        """Return the answer to the rows `first` to `stop` of those that were put, as columns.

        Raises
        ------
        CallError
            If run() raised, took too long or too much memory, or ended the process, which is
            started again then.
        ScoringStoppedError
            If calls are to end.
        ScriptNotReadyError
            If the script does not start again.
        """
        table = _table_of(*self._answer(first, stop, timeout_s))
        if self._exceeds():
            self.kill()
        if table.num_rows != stop - first:
            raise CallError(f"the answer has {table.num_rows} rows for {stop - first}")
        return table

    def score_mini_batch(self, first: int, stop: int, *, timeout_s: float) -> Elements:
        """Return the elements for the items `first` to `stop` of those that were put.

        Raises
        ------
        CallError, ScoringStoppedError, ScriptNotReadyError
            As :meth:`score`.
        """
        header, content = self._answer(first, stop, timeout_s)
        if self._exceeds():
            self.kill()
        return Elements(header["elements"], bytes(content))

    def _answer(self, first: int, stop: int, timeout_s: float) -> tuple[dict[str, Any], bytearray]:
        """Call the script with rows, and return its answer."""
        self.start()
        connection = self._connection
        assert connection is not None  # noqa: S101 - started above
        question = {"layout": self._layout, "size": self._memory.size, "start": first, "stop": stop}
        try:
            connection.settimeout(timeout_s)
            send(connection, question)
            header, content = self._received(timeout_s)
        except TimeoutError:
            log = self.kill()
            problem = f"run() took longer than {timeout_s:g} s"
            raise CallError(problem, log, is_timeout=True) from None
        except BROKEN as error:
            raise self._ended(error) from None
        self._log.cap()
        if "error" in header:
            raise CallError(header["reason"], header["error"])
        return header, content

    def close(self) -> None:
        """End the process, and free its memory."""
        self.kill()
        self._memory.close()

    def kill(self) -> str:
        """Kill the process with its children; return the end of its log."""
        process, self._process, self._pid = self._process, None, 0
        if process is not None:
            process.end()  # before it sees the end of the connection: its children are its own yet
        if self._connection is not None:
            self._connection.close()
        return self._log.tail()

    def _received(self, timeout_s: float) -> tuple[dict[str, Any], bytearray]:
        """Wait for a message, and meanwhile for reasons to wait no longer.

        Raises
        ------
        CallError
            If the process uses too much memory.
        ScoringStoppedError
            If calls are to end.
        """
        connection, process = self._connection, self._process
        assert connection is not None and process is not None  # noqa: S101, PT018 - started

        def look() -> None:
            self._require_running()
            if self._exceeds():
                log = self.kill()
                raise CallError(f"run() took more than {self._most_bytes / _GB:g} GB", log)
            # Children may still have the other end of the connection.
            if process.ended() is not None:
                raise EOFError
            self._log.cap()

        return received(connection, timeout_s=timeout_s, look=look)

    def _require_running(self) -> None:
        if self._is_stopped():
            self.kill()
            raise ScoringStoppedError

    def _exceeds(self) -> bool:
        return 0 < self._most_bytes < own_memory_bytes(self._pid)

    def _ended(self, error: Exception) -> CallError:
        """Return the error of a process that has ended in a call, or sent something else."""
        process, code = self._process, None
        if process is not None:
            is_closed = isinstance(error, (EOFError, OSError))
            code = ended(process, look=self._require_running) if is_closed else process.ended()
        log = self.kill()
        if code is None:
            return CallError("run() closed the connection of its process", log)
        return CallError(f"{ended_with(code)} in run()", log)

    def _start(self) -> None:
        """Start the process; it gets more tries if it was killed, or has run before."""
        for pause_s in _PAUSES_S:
            try:
                return self._start_once()
            except ScriptNotReadyError as error:  # noqa: PERF203 - a start takes longer
                if not (self._form or error.is_killed):
                    raise
                time.sleep(pause_s)
        return self._start_once()

    def _start_once(self) -> None:
        start_of_script = StartOfScript()
        self._connection, its = socket.socketpair()
        try:
            with its, self._log.open() as log:
                self._process = self._place.host.start(
                    its,
                    self._memory.descriptor,
                    log,
                    timeout_s=self._start_timeout_s,
                    look=self._require_running,
                )
        except BaseException:
            self.kill()
            raise
        try:
            ready, _ = self._received(self._start_timeout_s)
        except TimeoutError:
            problem = f"init() took longer than {self._start_timeout_s:g} s"
            raise ScriptNotReadyError(f"{problem}\n{self.kill()}") from None
        except BROKEN:
            code = ended(self._process, look=self._require_running)
            raise start_of_script.ended(code, self.kill()) from None
        if "error" in ready:
            self.kill()
            raise ScriptNotReadyError(ready["error"])
        if ready["mini_batches"] and not self._form:  # what was measured stays after a restart
            self.sizes = MiniBatchSizes()
        self._form, self._pid = ready["form"], ready["pid"]
        if self._exceeds():
            self.kill()
            raise ScriptNotReadyError(
                f"init() needs more memory than {self._most_bytes / _GB:g} GB: raise memory_gb"
            )


def put_part(process: ScoringProcess, table: pa.Table, first: int, stop: int) -> None:
    """Place the rows `first` to `stop` of a table in the shared memory, for one call.

    Raises
    ------
    CallError
        If they do not have the form that the script takes.
    """
    try:
        process.put(table.slice(first, stop - first))
    except ValueError as error:
        raise CallError(f"{type(error).__name__}: {error}") from error


def _table_of(header: dict[str, Any], content: bytearray) -> pa.Table:
    """Return the columns of an answer, which a script may have filled with anything.

    Raises
    ------
    CallError
        If they are no columns, such as texts that are not Unicode.
    """
    try:
        return answer_table(header["columns"], content)
    except Exception as error:
        raise CallError(f"its answer has no form in a table: {error}") from error
