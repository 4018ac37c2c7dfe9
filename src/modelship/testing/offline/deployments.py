"""Start deployments, and stop what they run if the workspace itself is killed.

For the latter, a process waits until its standard input is closed, which happens however the
workspace's process exits. Then it stops the containers.
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
# Import modules from the same places as this process, never from the current folder.
_PROGRAM = (
    "import os, sys; _, path, kind, folder = sys.argv; sys.path[:] = path.split(os.pathsep); "
    f"from {__name__} import reap; reap(folder, kind=kind)"
)


class Deployments:
    """Starts deployments, and responds with the operation to follow.

    Parameters
    ----------
    folder : Path
        The folder of the workspace.
    kind : {"process", "docker"}
        The kind of containers.
    operations : Operations
        The operations that clients follow.
    rollouts : Rollouts
        Starts services.
    addresses : Addresses
        Route to the services.
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
        """Start to deploy the service of this key as its document says, and return at once."""
        self.call_reaper()
        operation = self._operations.begin(key)
        self._rollouts.begin(key, operation=operation)
        return self._operations.accepted(operation, request)

    def done(self, request: Request, name: str) -> Response:
        """Update the front of a service or endpoint; the operation has succeeded."""
        self._addresses.renew(name)
        operation = self._operations.begin(name)
        self._operations.end(operation, "Succeeded")
        return self._operations.accepted(operation, request)

    def call_reaper(self) -> None:
        """Ensure that the containers are stopped when this process exits, even if it is killed."""
        with self._guarding:
            if self._reaper is not None:
                return
            path = os.pathsep.join(str(Path(each).absolute()) for each in sys.path if each)
            self._reaper = subprocess.Popen(
                [sys.executable, "-I", "-c", _PROGRAM, path, *self._place],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # so that Ctrl-C only reaches the workspace
            )

    def close(self) -> None:
        """Stop the reaper: everything that it would stop has stopped."""
        if self._reaper is None:
            return
        try:
            self._reaper.communicate(timeout=_ENDING_S)
        except subprocess.TimeoutExpired:
            self._reaper.kill()
            self._reaper.communicate()


def reap(folder: str, *, kind: Kind) -> None:
    """Wait for the workspace to exit, and stop what it left running."""
    sys.stdin.read()
    Compute(Path(folder), kind=kind).stop_all()
