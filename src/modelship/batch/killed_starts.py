"""Say what is known of a process that ended before its script was ready."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Final

from modelship.batch.process_trees import ended_with

__all__ = ["ScriptNotReadyError", "StartOfScript"]

_VMSTAT: Final = Path("/proc/vmstat")
_MEMORY: Final = (
    "Give this machine, or its container, more memory, or start fewer processes (--workers). Then "
    "run the same command again."
)


class ScriptNotReadyError(Exception):
    """The script cannot be imported, or its init() failed; the message has the log.

    Parameters
    ----------
    message : str
        What happened.
    is_killed : bool
        Whether its process was killed from outside: another try may succeed.
    advice : str
        What helps, if it is known.
    """

    def __init__(self, message: str, *, is_killed: bool = False, advice: str = "") -> None:
        super().__init__(message)
        self.is_killed = is_killed
        self.advice = advice


class StartOfScript:
    """The start of a process, from when this is created on.

    Parameters
    ----------
    vmstat : Path
        The kernel's counts.
    """

    def __init__(self, vmstat: Path = _VMSTAT) -> None:
        self._vmstat = vmstat
        self._before = self._memory_kills()

    def ended(self, code: int | None, log: str) -> ScriptNotReadyError:
        """Return the error of a process that has ended in init(), with this exit code."""
        problem, advice = f"{ended_with(code)} in init()", ""
        is_killed = code == -signal.SIGKILL
        if is_killed:
            known, advice = self._cause()
            problem = f"{problem}; {known}"
        return ScriptNotReadyError(f"{problem}\n{log}", is_killed=is_killed, advice=advice)

    def _cause(self) -> tuple[str, str]:
        """Return what is known of the cause, and what helps."""
        now = self._memory_kills()
        if now is None or self._before is None:
            return "a lack of memory is the usual cause", _MEMORY
        if now > self._before:
            count = now - self._before
            return f"meanwhile the kernel killed {count} for lack of memory", _MEMORY
        return "the kernel killed none for lack of memory meanwhile: a program did it", ""

    def _memory_kills(self) -> int | None:
        """Return how many processes the kernel has killed for lack of memory; None if unknown."""
        try:
            lines = self._vmstat.read_text().splitlines()
        except OSError:  # not Linux
            return None
        counts = dict(each.split(maxsplit=1) for each in lines if " " in each)
        return int(counts["oom_kill"]) if "oom_kill" in counts else None
