"""The beginning of deployments, and what ends them when the workspace itself was killed.

For that a process waits until its standard input ends, as it does with the process that holds the
other end, however that comes about. Then it ends the containers.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from modelship.testing.offline.compute import Compute

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.addresses import Addresses
    from modelship.testing.offline.compute import Kind
    from modelship.testing.offline.operations import Operations
    from modelship.testing.offline.service_rollouts import Rollouts

__all__ = ["Deployments", "reap"]

_ENDING_S = 30.0
# Modules are found where this process finds them, and never in the folder that it happens to be in.
_PROGRAM = (
    "import os, sys; _, path, kind, folder = sys.argv; sys.path[:] = path.split(os.pathsep); "
    f"from {__name__} import reap; reap(folder, kind=kind)"
)


class Deployments:
    """Begins deployments, and answers with where to follow them.

    Parameters
    ----------
    folder : Path
        That of the workspace.
    kind : {"process", "docker"}
        What its containers are.
    operations : Operations
        Where whoever waits can follow.
    rollouts : Rollouts
        Brings services up.
    addresses : Addresses
        Lead to them.
    """

    def __init__(
        self,
        folder: Path,
        *,
        kind: Kind,
        operations: Operations,
        rollouts: Rollouts,
        addresses: Addresses,
    ) -> None:
        self._place = (kind, str(folder))
        self._operations = operations
        self._rollouts = rollouts
        self._addresses = addresses
        self._reaper: subprocess.Popen[bytes] | None = None
        self._guarding = threading.Lock()

    def begin(self, request: Request, key: str) -> Response:
        """Deploy the service of this key as its document says, and answer at once."""
        self.call_reaper()
        operation = self._operations.begin(key)
        self._rollouts.begin(key, operation=operation)
        return self._operations.accepted(operation, request)

    def done(self, request: Request, name: str) -> Response:
        """Let the front of a service or endpoint judge anew; the operation has succeeded."""
        self._addresses.renew(name)
        operation = self._operations.begin(name)
        self._operations.end(operation, "Succeeded")
        return self._operations.accepted(operation, request)

    def call_reaper(self) -> None:
        """See to it that the containers end with this process, even if it is killed."""
        with self._guarding:
            if self._reaper is not None:
                return
            path = os.pathsep.join(str(Path(each).absolute()) for each in sys.path if each)
            self._reaper = subprocess.Popen(
                [sys.executable, "-I", "-c", _PROGRAM, path, *self._place],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # so that Ctrl-C is for the workspace alone
            )

    def close(self) -> None:
        """End the reaper: whatever it would have ended has ended."""
        if self._reaper is None:
            return
        try:
            self._reaper.communicate(timeout=_ENDING_S)
        except subprocess.TimeoutExpired:
            self._reaper.kill()
            self._reaper.communicate()


def reap(folder: str, *, kind: Kind) -> None:
    """Wait for the end of the workspace, and end what it left."""
    sys.stdin.read()
    Compute(Path(folder), kind=kind).stop_all()
