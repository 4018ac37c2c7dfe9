"""One worker process of a pool: it scores mini-batches, one after the other.

It stands by itself, next to ``mini_batches.py``, whose copy the process runs.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping, Sequence

    from modelship.batch.mini_batch.mini_batch_splitting import MiniBatch

__all__ = ["BatchWorker", "InitError"]

_SCRIPT = Path(__file__).with_name("mini_batches.py")
_PIECE_BYTES = 1 << 16
_ENDING_S = 5.0
_LOOK_EVERY_S = 0.1
_PAUSES_S = (0.5, 2.0)


class InitError(Exception):
    """The function ``init()`` of a script failed; the message has the traceback."""


class _KilledInitError(InitError):
    """The process was killed in ``init()``, such as for lack of memory: another try may succeed."""


class BatchWorker:
    """A process with the script, which is started again after one that had to be killed.

    Parameters
    ----------
    python : str
        The Python of the script's environment.
    script : str
        The path of the script.
    arguments : Sequence[str]
        Its arguments.
    variables : Mapping[str, str]
        What is added to the environment variables.
    """

    def __init__(
        self,
        python: str,
        script: str,
        *,
        arguments: Sequence[str] = (),
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._command = [python, str(_SCRIPT), script, *arguments]
        self._variables = variables
        self._process: subprocess.Popen[bytes] | None = None

    def score(self, batch: MiniBatch, timeout_s: float, ended: threading.Event) -> dict[str, Any]:
        """Return the fields of the result of a mini-batch.

        Parameters
        ----------
        batch : MiniBatch
            What to score.
        timeout_s : float
            How long it may take, in seconds.
        ended : threading.Event
            Ends it early, once it is set.

        Raises
        ------
        InitError
            If the process was just started, and ``init()`` failed; after other tries if it was
            killed.
        """
        process = self._process or self._start(ended)
        try:
            _write(process, batch.question)
            return _answer(process, timeout_s, ended)
        except TimeoutError:
            problem = f"run() took longer than {timeout_s:g} s, and was stopped."
        except (EOFError, OSError):
            problem = "The process ended during run()."
        self.kill()
        return {"items": batch.items, "rows": 0, "text": "", "error": problem}

    def end(self) -> None:
        """Let the process end by itself, and kill what is left of it."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError, subprocess.TimeoutExpired):
                self._process.stdin.close()
                self._process.wait(_ENDING_S)
        self.kill()

    def kill(self) -> None:
        """Kill the process with all that it has started."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            with suppress(OSError), process:  # closes its pipes, and waits for it
                pass

    def _start(self, ended: threading.Event) -> subprocess.Popen[bytes]:
        for pause_s in _PAUSES_S:
            try:
                return self._start_once(ended)
            except _KilledInitError:  # noqa: PERF203 - a start takes longer
                if ended.wait(pause_s):
                    raise
        return self._start_once(ended)

    def _start_once(self, ended: threading.Event) -> subprocess.Popen[bytes]:
        process = self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **self._variables},
            start_new_session=True,  # so that what it starts can be ended with it
        )
        try:
            found = _answer(process, float("inf"), ended)
        except EOFError:
            if not ended.is_set() and _is_killed(process):
                self.kill()
                raise _KilledInitError("init() failed: The process was killed.") from None
            found = {"error": "The process ended in init()."}
        if "error" in found:
            raise InitError(f"init() failed: {found['error'].rstrip()}")
        return process


def _is_killed(process: subprocess.Popen[bytes]) -> bool:
    """Return whether a process that has closed its output was killed."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(_ENDING_S)
    return process.returncode == -signal.SIGKILL


def _write(process: subprocess.Popen[bytes], question: dict[str, Any]) -> None:
    if process.stdin is not None:
        process.stdin.write(json.dumps(question).encode() + b"\n")
        process.stdin.flush()


def _answer(
    process: subprocess.Popen[bytes], timeout_s: float, ended: threading.Event
) -> dict[str, Any]:
    """Return the next line of a process, unless the job ends first.

    It writes one line for each question, so that nothing follows the end of a line.
    """
    end_s, read = time.monotonic() + timeout_s, bytearray()
    while not read.endswith(b"\n"):
        if ended.is_set():
            raise EOFError
        left_s = end_s - time.monotonic()
        piece = _piece(process, min(_LOOK_EVERY_S, max(0.0, left_s)))
        if not piece and left_s <= 0:
            raise TimeoutError
        read += piece
    found: dict[str, Any] = json.loads(read)
    return found


def _piece(process: subprocess.Popen[bytes], wait_s: float) -> bytes:
    """Return what a process writes next; nothing if it writes nothing for some time."""
    stdout = process.stdout
    if stdout is None or not select.select([stdout], [], [], wait_s)[0]:
        return b""
    piece = os.read(stdout.fileno(), _PIECE_BYTES)
    if not piece:
        raise EOFError
    return piece
