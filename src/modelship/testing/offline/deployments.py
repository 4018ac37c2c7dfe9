"""The beginning of deployments, and the operations that a client follows them by."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from modelship.testing.offline.reaper import Reaper

if TYPE_CHECKING:
    from pathlib import Path

    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.addresses import Addresses
    from modelship.testing.offline.compute import Kind
    from modelship.testing.offline.operations import Operations
    from modelship.testing.offline.service_rollouts import Rollouts

__all__ = ["Deployments"]


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
        self._folder = folder
        self._kind = kind
        self._operations = operations
        self._rollouts = rollouts
        self._addresses = addresses
        self._reaper: Reaper | None = None
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
            if self._reaper is None:
                self._reaper = Reaper(self._folder, kind=self._kind)

    def close(self) -> None:
        """End the reaper: whatever it would have ended has ended."""
        if self._reaper is not None:
            self._reaper.close()
