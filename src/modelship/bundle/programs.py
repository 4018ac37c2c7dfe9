"""Run subprocesses that end with this process, together with their own children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["end", "run", "start"]

_GUARD = Path(__file__).with_name("guard.py")


def start(
    command: Sequence[object], *, ends_orphans: bool = False, **options: Any
) -> subprocess.Popen[Any]:
    """Start a program in a session of its own; its guard kills it if this process is killed.

    Parameters
    ----------
    command : sequence
        The path of a program, and its arguments.
    ends_orphans : bool
        Whether the guard also kills what the program has started in sessions of its own, on Linux.
    options
        See :class:`subprocess.Popen`.
    """
    scope = "descendants" if ends_orphans else "session"
    guard = [sys.executable, "-I", "-S", str(_GUARD), str(os.getpid()), scope]
    return subprocess.Popen([*guard, *map(str, command)], start_new_session=True, **options)


def end(process: subprocess.Popen[Any]) -> None:
    """Kill a program that was started here, with all processes of its session."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def run(
    command: Sequence[object], *, stdin: str = "", timeout_s: float, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a program until it exits, and return its output.

    Raises
    ------
    subprocess.TimeoutExpired
        If it takes longer; it is then killed, and its output is in the error.
    """
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with start(command, encoding="utf-8", errors="replace", **pipes, **options) as process:
        try:
            out, words = process.communicate(stdin, timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            end(process)  # with its children: building a package starts compilers
            error.output, error.stderr = process.communicate()
            raise
        except BaseException:
            end(process)
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, words)
