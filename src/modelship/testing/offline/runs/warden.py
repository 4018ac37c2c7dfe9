"""Watches over one script: nothing that it has started is left when it, or the workspace, ends.

The warden is a process of its own, between the workspace and the script. It ends the script, and
all that came of it, when its standard input ends: so does the workspace, however that comes about.
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
# Modules are found where this process finds them, and never in the folder of the script.
_PROGRAM: Final = (
    "import os, sys; path, command = sys.argv[1], sys.argv[2:]; "
    f"sys.path[:] = path.split(os.pathsep); from {__name__} import watch; sys.exit(watch(command))"
)


class Warden:
    """A script that runs, with the process that watches over it.

    Parameters
    ----------
    command : Sequence[str]
        What to execute.
    folder : Path
        Where it works.
    variables : Mapping[str, str]
        All of its environment.
    log : file
        What it writes to.

    Raises
    ------
    OSError
        If this machine does not start it.
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
            start_new_session=True,  # so that Ctrl-C is for the workspace alone
        )
        self._ending = threading.Lock()

    def wait(self, timeout_s: float) -> int | None:
        """Return the script's exit code once it has ended; None if it runs on for so long."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def end(self) -> None:
        """End the script with all that it has started."""
        with self._ending, suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        if self.wait(_ENDING_S) is None:
            self._process.kill()
            self._process.wait()


def watch(command: list[str]) -> int:
    """Run a command until it ends, or the standard input does; return its exit code."""
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
    while os.read(0, 1 << 10):  # not through sys.stdin, which would be locked when Python ends
        pass
    _end_family()


def _take_in_orphans() -> None:
    """Become the parent of what the script's children leave behind, on Linux (prctl(2))."""
    if sys.platform == "linux":
        libc: Any = ctypes.CDLL(None)
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_family() -> None:
    """Kill every descendant; while they are killed, there can be new ones."""
    for _ in range(_ROUNDS):
        family = psutil.Process().children(recursive=True)
        if not family:
            return
        for each in family:
            with suppress(psutil.Error):
                each.kill()
        psutil.wait_procs(family, timeout=1.0)
