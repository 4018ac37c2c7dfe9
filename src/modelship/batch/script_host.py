"""Start scoring processes: each by itself, or forked from one that has loaded the script once."""

from __future__ import annotations

import select
import signal
import socket
import struct
import subprocess
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from modelship.batch.killed_starts import ScriptNotReadyError, StartOfScript
from modelship.batch.process_limits import CappedLog
from modelship.batch.process_trees import end_tree
from modelship.batch.scorer.scorer_messages import receive, send
from modelship.bundle.programs import end, start

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import BinaryIO

__all__ = ["BROKEN", "Running", "ScriptHost", "ended", "received"]

BROKEN = (EOFError, OSError, ValueError, struct.error, OverflowError, MemoryError)
"""What a connection raises whose other side has ended, or sent something else than a message."""

_MODULE = "modelship_batch.batch.scorer"
_ENDING_S = 10.0  # that a process may take which was killed, or has closed its connection
_LOOK_EVERY_S = 0.2
_REQUEST_S = 10.0


class Running(Protocol):
    """A process that was started."""

    def ended(self, *, within_s: float = 0.0) -> int | None:
        """Return its exit code, negative for a signal; None if it runs after so many seconds."""
        ...

    def end(self) -> None:
        """Kill it with its children."""
        ...


def received(
    connection: socket.socket, *, timeout_s: float, look: Callable[[], None]
) -> tuple[dict[str, Any], bytearray]:
    """Wait for a message; `look` is called several times a second, and may raise.

    Raises
    ------
    TimeoutError
        If it takes longer than `timeout_s` seconds.
    EOFError, OSError, ValueError, struct.error, OverflowError, MemoryError
        If the other side has ended, or sent something else.
    """
    end_s = time.monotonic() + timeout_s
    waiting = select.poll()
    waiting.register(connection, select.POLLIN)
    left_s = timeout_s
    while not waiting.poll(1000 * min(_LOOK_EVERY_S, max(0.0, left_s))):
        if left_s <= 0:
            raise TimeoutError
        try:
            look()
        except EOFError:
            if waiting.poll(0):  # it has answered meanwhile, and then ended
                break
            raise
        left_s = end_s - time.monotonic()
    connection.settimeout(max(_LOOK_EVERY_S, end_s - time.monotonic()))
    return receive(connection)


def ended(process: Running, *, look: Callable[[], None]) -> int | None:
    """Return the exit code of a process that has closed its connection.

    It usually ends then; None if it does not, within some seconds. `look` is called several times a
    second meanwhile, and may raise.
    """
    end_s = time.monotonic() + _ENDING_S
    while (code := process.ended(within_s=_LOOK_EVERY_S)) is None and time.monotonic() < end_s:
        look()
    return code


class ScriptHost:
    """Starts scoring processes of a script, whose model is loaded once if it can be forked.

    Parameters
    ----------
    python : Path
        The Python of the environment.
    folder : Path
        The folder with the files of the script in ``app``, and the logs.
    variables : Mapping[str, str]
        The environment variables.
    """

    def __init__(self, python: Path, folder: Path, variables: Mapping[str, str]) -> None:
        self._python = python
        self._folder = folder
        self._variables = variables
        self._lock = threading.Lock()
        self._forks = True
        self._process: _Program | None = None
        self._control: socket.socket | None = None
        self._log = CappedLog(folder / f"script-{id(self)}.log")

    def start(
        self,
        connection: socket.socket,
        memory: int,
        log: BinaryIO,
        *,
        timeout_s: float,
        look: Callable[[], None],
    ) -> Running:
        """Start a process that serves a connection, with rows in a memory.

        Raises
        ------
        ScriptNotReadyError
            If the script does not start within `timeout_s` seconds.
        """
        with self._lock:
            for _ in range(2):  # the process that forks may have been killed since the last time
                if not self._forks:
                    break
                with suppress(*BROKEN):
                    return self._forked(connection, memory, log, timeout_s=timeout_s, look=look)
                self._close()
        return self._program([connection.fileno(), memory], log)

    def close(self) -> None:
        """End the process that forks others, and these."""
        with self._lock:
            self._close()

    def reaped(self, pid: int, control: socket.socket) -> int | None:
        """Return the exit code of a process that was forked by request; None if it runs."""
        with self._lock:
            if self._control is not control:
                return -signal.SIGKILL  # it has ended with the process that forked it
            try:
                send(control, {"reap": pid})
                answer, _ = received(control, timeout_s=_REQUEST_S, look=_nothing)
            except BROKEN:
                self._close()
                return -signal.SIGKILL
            code: int | None = answer["code"]
            return code

    def _forked(
        self,
        connection: socket.socket,
        memory: int,
        log: BinaryIO,
        *,
        timeout_s: float,
        look: Callable[[], None],
    ) -> Running:
        if self._control is None:
            self._load(timeout_s=timeout_s, look=look)
        control, process = self._control, self._process
        assert control is not None and process is not None  # noqa: S101, PT018 - loaded
        control.settimeout(_REQUEST_S)
        send(control, {"fork": True})
        socket.send_fds(control, [b"f"], [connection.fileno(), memory, log.fileno()])
        if not self._forks:  # it scores by itself, and belongs to who asked
            self._control, self._process = None, None
            control.close()
            return process
        answer, _ = received(control, timeout_s=_REQUEST_S, look=_nothing)
        return _Fork(self, answer["pid"], control)

    def _load(self, *, timeout_s: float, look: Callable[[], None]) -> None:
        """Start the process that loads the script."""
        start_of_script = StartOfScript()
        ours, its = socket.socketpair()
        with its, self._log.open() as log:
            self._process = self._program([its.fileno()], log)
        self._control = ours
        process = self._process

        def watch() -> None:
            look()
            self._log.cap()
            if process.ended() is not None:
                raise EOFError

        try:
            ready, _ = received(ours, timeout_s=timeout_s, look=watch)
        except TimeoutError:
            self._close()
            problem = f"init() took longer than {timeout_s:g} s"
            raise ScriptNotReadyError(f"{problem}\n{self._log.tail()}") from None
        except BROKEN:
            try:
                code = ended(process, look=look)
            finally:
                self._close()
            raise start_of_script.ended(code, self._log.tail()) from None
        except BaseException:  # calls are to end: nobody waits for it any more
            self._close()
            raise
        if "error" in ready:
            self._close()
            raise ScriptNotReadyError(ready["error"])
        self._forks = ready["forks"]

    def _program(self, descriptors: list[int], log: BinaryIO) -> _Program:
        return _Program(
            start(
                [self._python, "-m", _MODULE, *descriptors],
                ends_orphans=True,
                cwd=self._folder / "app",
                env=dict(self._variables),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=descriptors,
            )
        )

    def _close(self) -> None:
        if self._process is not None:
            self._process.end()  # before it sees the end of the connection
        if self._control is not None:
            self._control.close()
        self._control, self._process = None, None


class _Program:
    """A process that was started by itself, with its guard."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def ended(self, *, within_s: float = 0.0) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(within_s)
        return None

    def end(self) -> None:
        if self._process.poll() is None:
            end_tree(self._process.pid, is_guard=True)
        else:
            end(self._process)  # what is left of its session
        self.ended(within_s=_ENDING_S)


class _Fork:
    """A forked process: its number stays its own until the process that forked it has reaped it."""

    def __init__(self, host: ScriptHost, pid: int, control: socket.socket) -> None:
        self._host = host
        self._pid = pid
        self._control = control
        self._code: int | None = None

    def ended(self, *, within_s: float = 0.0) -> int | None:
        end_s = time.monotonic() + within_s
        while self._code is None:
            if _is_over(self._pid):
                self._code = self._host.reaped(self._pid, self._control)
            elif time.monotonic() >= end_s:
                break
            else:
                time.sleep(_SHORTEST_S)
        return self._code

    def end(self) -> None:
        if self._code is None:
            end_tree(self._pid)
            self.ended(within_s=_ENDING_S)


_SHORTEST_S = 0.01


def _is_over(pid: int) -> bool:
    """Return whether a process has ended, and was perhaps not reaped yet."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - several times a second
            return file.read().rpartition(b")")[2].split()[0] in {b"Z", b"X"}
    except OSError:
        return True


def _nothing() -> None:
    pass
