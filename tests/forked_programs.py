"""Start programs by a fork of a Python that has imported what they need."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import IO

__all__ = ["ForkServer", "Forked"]

_PROGRAM = Path(__file__).with_name("fork_server.py")


class Forked:
    """A program that was started by a fork; like :class:`subprocess.Popen`.

    Parameters
    ----------
    pid : int
        Its process id.
    ending : int
        A pipe on which its exit code comes.
    """

    def __init__(self, pid: int, ending: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ending = ending

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; return the exit code.

        Raises
        ------
        subprocess.TimeoutExpired
            If it still runs after `timeout` seconds.
        """
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has ended, and its exit code is under way
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM, unless it has ended."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL, unless it has ended."""
        self.send_signal(signal.SIGKILL)

    def _look(self, timeout_s: float | None) -> int | None:
        if self.returncode is None and select.select([self._ending], [], [], timeout_s)[0]:
            self.returncode = int(os.read(self._ending, 16) or -signal.SIGKILL)
            os.close(self._ending)
        return self.returncode


class ForkServer:
    """A Python with some modules, which forks programs.

    Parameters
    ----------
    python : Path
        The Python.
    modules : sequence of str
        What it imports.
    variables : mapping of str to str
        Its environment variables: of those that Python itself reads, each program has the same.
    """

    def __init__(self, python: Path, modules: Sequence[str], variables: Mapping[str, str]) -> None:
        self._one_at_a_time = threading.Lock()
        self._asking, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:
            self._process = subprocess.Popen(
                [python, _PROGRAM, *modules],
                stdin=other,
                env={**variables},
                start_new_session=True,  # Ctrl-C is for the tests, which still end their servers
            )

    def start(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        folder: Path,
        variables: Mapping[str, str],
        output: IO[bytes],
        passed: Sequence[int] = (),
    ) -> Forked:
        """Start ``python -m module`` with these arguments, in a session of its own.

        It has the files `passed` under the numbers that they have here.
        """
        asked = {"module": module, "arguments": arguments, "folder": str(folder), "passed": passed}
        reading, told = os.pipe()
        text = json.dumps({**asked, "variables": {**variables}}).encode()
        with self._one_at_a_time:
            socket.send_fds(self._asking, [text], [output.fileno(), told, *passed])
            os.close(told)
            return Forked(int(self._asking.recv(16)), reading)

    def end(self) -> None:
        """End it, and with it the programs that it has started."""
        self._asking.close()
        self._process.wait()
