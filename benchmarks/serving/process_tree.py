"""A server and the processes that it starts: their cpu time, their memory, their end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import requests

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["ServerFailedError", "ServerProcess", "free_port"]

TICKS = os.sysconf("SC_CLK_TCK")
POLL_S = 0.005
FINAL = frozenset({400, 405, 413, 415, 422})  # asking again brings nothing else


class ServerFailedError(Exception):
    """A server did not do what it was started for."""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as probe:
        return probe.getsockname()[1]


class ServerProcess:
    """A running server; ends it with all its processes when the `with` block ends."""

    def __init__(self, command: list[str], *, environ: dict[str, str], folder: Path, log: Path):
        self.log = log
        self.started_s = time.perf_counter()
        with log.open("ab") as output:
            # A session of its own: whatever it does to its process group does not reach us.
            self._child = subprocess.Popen(
                command, env=environ, cwd=folder, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self.root = psutil.Process(self._child.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def processes(self) -> list[psutil.Process]:
        """Return the server's processes that are alive, its first one first."""
        try:
            return [self.root, *self.root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def cpu_s(self) -> float:
        """Return the seconds of cpu that the tree has used, ended children included.

        From proc_pid_stat(5): utime, stime, and cutime and cstime, which a process inherits from
        the children that it has waited for.
        """
        return sum(_ticks(each.pid) for each in self.processes()) / TICKS

    def pss_bytes(self) -> int:
        """Return the proportional set size of the tree, in bytes: shared pages count once."""
        return sum(_pss_kib(each.pid) for each in self.processes()) * 1024

    def first_answer(
        self, url: str, *, body: bytes, content_type: str, timeout_s: float
    ) -> tuple[float, object]:
        """Ask until the server answers 200; return the seconds since its start, and the answer.

        Raises
        ------
        ServerFailedError
            It ended, refused, or did not answer in `timeout_s`.
        """
        deadline_s = self.started_s + timeout_s
        said = "nothing"
        while time.perf_counter() < deadline_s and self._child.poll() is None:
            with contextlib.suppress(requests.ConnectionError, requests.Timeout):
                answer = requests.post(
                    url, data=body, headers={"Content-Type": content_type}, timeout=5
                )
                if answer.status_code == 200:
                    return time.perf_counter() - self.started_s, answer.json()
                said = f"{answer.status_code} {answer.text[:200]}"
                if answer.status_code in FINAL:
                    break
            time.sleep(POLL_S)
        raise ServerFailedError(f"it answered {said}; its log ends:\n{self.log_tail()}")

    def settle(self, *, timeout_s: float = 5.0) -> None:
        """Wait until the server has done what its clients no longer wait for."""
        deadline_s = time.perf_counter() + timeout_s
        before_s, now_s = -1.0, self.cpu_s()
        while now_s - before_s > 2 / TICKS and time.perf_counter() < deadline_s:
            time.sleep(0.1)
            before_s, now_s = now_s, self.cpu_s()

    def log_tail(self, *, lines: int = 12) -> str:
        """Return the last lines that the server wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def wait(self, *, timeout_s: float) -> int | None:
        """Wait for the end of the server; return its exit code, None if it does not end."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._child.wait(timeout_s)
        return None

    def stop(self, *, grace_s: float = 5.0) -> None:
        """Tell the server to end, and end by force what is left of it."""
        processes = self.processes()
        with contextlib.suppress(ProcessLookupError):
            self._child.send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs(processes, timeout=grace_s)
        for each in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        self._child.wait()


def _ticks(pid: int) -> int:
    try:
        # The name in parentheses may hold anything, so the fields are counted from its end.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(each) for each in fields[11:15])


def _pss_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
