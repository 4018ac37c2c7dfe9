"""Supervises one script: no process that it started is left when it, or the workspace, ends.

The warden is a separate process between the workspace and the script. It kills the script and all
its descendants when its standard input is closed, which happens however the workspace ends.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Warden", "watch"]

_PR_SET_CHILD_SUBREAPER: Final = 36
_ROUNDS: Final = 20
_ENDING_S: Final = 30.0
_SIGNALLED: Final = 128
# Import modules from the same places as this process, never from the folder of the script.
_PROGRAM: Final = (
    "import os, sys; path, command = sys.argv[1], sys.argv[2:]; "
    f"sys.path[:] = path.split(os.pathsep); from {__name__} import watch; sys.exit(watch(command))"
)


class Warden:
    """A running script, with the process that supervises it.

    Parameters
    ----------
    command : Sequence[str]
        The command to execute.
    folder : Path
        Its working folder.
    variables : Mapping[str, str]
        Its complete environment.
    log : file
        The file for its output.

    Raises
    ------
    OSError
        If this machine cannot start it.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        variables: Mapping[str, str],
        log: IO[bytes],
    ) -> None:
        path = os.pathsep.join(str(Path(each).absolute()) for each in sys.path if each)
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _PROGRAM, path, *command],
            cwd=folder,
            env=dict(variables),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that Ctrl-C only reaches the workspace
        )
        self._ending = threading.Lock()

    def wait(self, timeout_s: float) -> int | None:
        """Return the script's exit code once it has exited; None after the timeout."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def end(self) -> None:
        """Kill the script with all that it has started."""
        with self._ending, suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        if self.wait(_ENDING_S) is None:
            self._process.kill()
            self._process.wait()


def watch(command: list[str]) -> int:
    """Run a command until it exits, or the standard input is closed; return its exit code."""
    _take_in_orphans()
    try:
        script = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    except OSError as error:
        sys.stdout.write(f"{command[0]} cannot be started: {error.strerror}\n")
        return 127
    threading.Thread(target=_end_with_workspace, daemon=True).start()
    code = script.wait()
    _end_family()
    return code if code >= 0 else _SIGNALLED - code


def _end_with_workspace() -> None:
    while os.read(0, 1 << 10):  # not through sys.stdin, which would be locked when Python exits
        pass
    _end_family()


def _take_in_orphans() -> None:
    """Become the parent of processes orphaned by the script, on Linux (prctl(2))."""
    if sys.platform == "linux":
        libc: Any = ctypes.CDLL(None)
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_family() -> None:
    """Kill all descendants, including those that are started meanwhile."""
    for _ in range(_ROUNDS):
        family = psutil.Process().children(recursive=True)
        if not family:
            return
        for each in family:
            with suppress(psutil.Error):
                each.kill()
        psutil.wait_procs(family, timeout=1.0)
