"""Observe a service while its release changes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from modelship.testing import cases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self  # for type checkers only: Python 3.10 lacks it

    from modelship.targets import Deployment, ReleaseRecord
    from modelship.targets.instance import Instance

__all__ = ["Callers", "Told"]

# Without a pause, callers take the CPU time that the change needs.
_PAUSE_S = 0.02


class Callers:
    """Threads that send requests to a service in a loop, with a short pause between them.

    Each thread sends at least one request.

    Parameters
    ----------
    deployment : Deployment
        The service.
    count : int
        The number of threads.
    """

    def __init__(self, deployment: Deployment, *, count: int = 2) -> None:
        self.answers: list[object] = []
        self.failures: list[Exception] = []
        self._deployment = deployment
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._call, daemon=True) for _ in range(count)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _call(self) -> None:
        self._send()  # however short the change is
        while not self._ended.wait(_PAUSE_S):
            self._send()

    def _send(self) -> None:
        try:
            self.answers.append(self._deployment.run(cases.ROWS, timeout_s=30.0))
        except Exception as error:  # noqa: BLE001 - any exception is a lost request
            self.failures.append(error)


class Told:
    """What is observed of a name that is deployed, updated, badly updated and rolled back."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.addresses: list[str] = []
        self.answers: list[object] = []
        self.releases: list[ReleaseRecord] = []
        self.lost: Sequence[Exception] = ()
        self.answered_meanwhile: Sequence[object] = ()
        self.around_failure: Sequence[Instance] = ()
        self.after_failure: object = None
        self.look()

    def look(self) -> None:
        self.addresses.append(self.deployment.scoring_uri)
        self.answers.append(self.deployment.run(cases.ROWS))
        self.releases.append(self.deployment.release)
