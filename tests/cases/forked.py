"""Trials that are forks of one process for each environment, in place of a new Python for each."""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import modelship.bundle.guard
from modelship.bundle.programs import start
from modelship.checks import trial
from modelship.runtime import workbench
from modelship.runtime.environments import release_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["forking_trials"]

_PROGRAM = Path(__file__).with_name("fork_trials.py")
_MESSAGE_BYTES = 64
_KILLED = -9


class _Forked:
    """A trial's guard, as far as :class:`subprocess.Popen` is asked for."""

    def __init__(self, told: socket.socket) -> None:
        self._told = told
        self.pid = int(told.recv(_MESSAGE_BYTES))
        self.returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit code, once it has one."""
        if self.returncode is None:
            if not select.select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a trial", timeout or 0)
            self.returncode = int(self._told.recv(_MESSAGE_BYTES) or _KILLED)
            self._told.close()
        return self.returncode


class _Forking:
    """Starts trials; one process waits in each environment."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._orders: dict[str, socket.socket] = {}
        self._one_at_a_time = threading.Lock()

    def start(self, command: Sequence[object], **options: Any) -> Any:
        """Start a program as `modelship.bundle.programs` does, or as a fork if it is a trial."""
        python, *arguments = map(str, command)
        if arguments[0] != str(trial._CHILD) or not _may_fork(Path(python), options["cwd"]):
            return start(command, **options)
        order = {"folder": str(options["cwd"]), "variables": options["env"], "arguments": arguments}
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, self._one_at_a_time:
            descriptors = [options["stdout"].fileno(), *options["pass_fds"], theirs.fileno()]
            orders = self._orders_to(python, options["env"])
            socket.send_fds(orders, [json.dumps(order).encode()], descriptors)
        return _Forked(ours)

    def _orders_to(self, python: str, variables: dict[str, str]) -> socket.socket:
        if python not in self._orders:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                process = start(
                    [
                        python,
                        _PROGRAM,
                        theirs.fileno(),
                        Path(modelship.bundle.guard.__file__).parent,
                    ],
                    env={**variables, "OPENBLAS_NUM_THREADS": "1"},
                    stdin=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                )
            self._stack.callback(process.wait, 60)
            self._orders[python] = self._stack.enter_context(ours)
        return self._orders[python]


def _may_fork(python: Path, app: Path) -> bool:
    """Return whether nothing in `app` hides a module that a fork has imported already."""
    own = {each.stem for each in app.iterdir()}
    same_release = release_of(python).split(".")[:2] == [*map(str, sys.version_info[:2])]
    return same_release and own.isdisjoint(sys.stdlib_module_names)


@contextmanager
def forking_trials(patch: Any) -> Iterator[None]:
    """Let trials be forks while the body runs; the processes that they come from end with it."""
    with ExitStack() as stack:
        patch.setattr(workbench, "start", _Forking(stack).start)
        yield
