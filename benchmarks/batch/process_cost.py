"""Run a command to its end, and say what it cost: time, cpu of all its processes, memory.

``python process_cost.py COMMAND...`` is its launcher: as the subreaper of whatever the command
starts (``PR_SET_CHILD_SUBREAPER`` of prctl(2)), it waits for daemons too, whose parent has ended,
so that their cpu time is in its own account of children.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CommandFailedError", "Cost", "Running", "run"]

PR_SET_CHILD_SUBREAPER = 36
LOOK_EVERY_S = 0.1
MEMORY_EVERY = 4
ENDING_S = 20.0


class CommandFailedError(Exception):
    """A command did not end well; the message has the end of its output."""


@dataclass(frozen=True)
class Cost:
    """What a command cost.

    Parameters
    ----------
    wall_s : float
        From its start to its end; or to the last row, if it created the file for that.
    cpu_s : float
        The seconds of cpu of all its processes.
    peak_mib : float
        The most memory that they had together (PSS: shared pages count once).
    """

    wall_s: float
    cpu_s: float
    peak_mib: float


class Running:
    """A command under the launcher."""

    def __init__(self, command: list[str], *, environ: dict[str, str], folder: Path) -> None:
        self.report = Path(tempfile.mkstemp(prefix="cost-")[1])
        self.log = tempfile.TemporaryFile("w+b")  # noqa: SIM115 - closed by close()
        self.began_s, self.began = time.perf_counter(), time.time()
        launcher = [sys.executable, str(Path(__file__)), str(self.report)]
        self.child = subprocess.Popen(
            [*launcher, *command], env=environ, cwd=folder, stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log, start_new_session=True,
        )  # fmt: skip
        self.peak_kib = 0
        self.seen: dict[tuple[int, float], float] = {}

    def wait(self, *, timeout_s: float, done: Path | None = None) -> Cost:
        """Wait for its end, and return its cost.

        Raises
        ------
        CommandFailedError
            It failed, or did not end in `timeout_s`.
        """
        looks = 0
        while self.child.poll() is None:
            self._look(memory=looks % MEMORY_EVERY == 0)
            looks += 1
            if time.perf_counter() - self.began_s > timeout_s:
                self.kill()
                raise CommandFailedError(f"it took longer than {timeout_s:g} s\n{self.tail()}")
            time.sleep(LOOK_EVERY_S)
        found = json.loads(self.report.read_text() or "{}")
        if found.get("code"):
            raise CommandFailedError(f"exit code {found['code']}\n{self.tail()}")
        wall_s = found["ended"] - self.began
        if done is not None and done.exists():
            wall_s = min(wall_s, done.stat().st_mtime - self.began)
        # A process that its parent does not wait for is only in what was seen.
        cpu_s = max(found["cpu_s"], sum(self.seen.values()))
        return Cost(wall_s, cpu_s, self.peak_kib / 1024)

    def tail(self, lines: int = 30) -> str:
        """Return the end of its output."""
        self.log.seek(0)
        return "\n".join(self.log.read().decode(errors="replace").splitlines()[-lines:])

    def processes(self) -> list:
        """Return the processes of the command, without the launcher."""
        import psutil

        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.child.pid).children(recursive=True)
        return []

    def kill(self) -> None:
        """Kill all of it."""
        import psutil

        for each in [*self.processes(), psutil.Process(self.child.pid)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        self.child.wait()

    def close(self) -> None:
        """Remove its files."""
        self.log.close()
        self.report.unlink(missing_ok=True)

    def _look(self, *, memory: bool) -> None:
        import psutil

        kib = 0
        for each in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                times = each.cpu_times()
                self.seen[each.pid, each.create_time()] = times.user + times.system
                kib += _pss_kib(each.pid) if memory else 0
        self.peak_kib = max(self.peak_kib, kib)


def run(
    command: list[str],
    *,
    environ: dict[str, str],
    folder: Path,
    timeout_s: float,
    done: Path | None = None,
) -> Cost:
    """Run a command to its end; see :class:`Running`."""
    running = Running(command, environ=environ, folder=folder)
    try:
        return running.wait(timeout_s=timeout_s, done=done)
    finally:
        if running.child.poll() is None:
            running.kill()
        running.close()


def _pss_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


# --- the launcher ---------------------------------------------------------------------------------


def main() -> int:
    """Run the command, wait for everything that it started, and write what it cost."""
    report, command = sys.argv[1], sys.argv[2:]
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = subprocess.Popen(command)
    code = child.wait()
    ended = time.time()
    deadline_s = time.monotonic() + ENDING_S
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < deadline_s:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(LOOK_EVERY_S)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = {"code": code, "ended": ended, "cpu_s": used.ru_utime + used.ru_stime}
    Path(report).write_text(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
