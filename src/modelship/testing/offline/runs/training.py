"""The services for training, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelship.testing.offline.runs.executions import Executions
from modelship.testing.offline.runs.experiments import Experiments
from modelship.testing.offline.runs.history import History
from modelship.testing.offline.runs.interpreters import Interpreters
from modelship.testing.offline.runs.jobs import Jobs
from modelship.testing.offline.runs.metrics import Metrics
from modelship.testing.offline.runs.records import Records
from modelship.testing.offline.runs.snapshots import Snapshots
from modelship.testing.offline.runs.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelship.testing.offline.artifacts import Artifacts
    from modelship.testing.offline.document_store import Store
    from modelship.testing.offline.identity import Identity
    from modelship.testing.offline.offline_app import Call
    from modelship.testing.offline.request_guard import Guard
    from modelship.workspace.access import Access

__all__ = ["Training"]


class Training:
    """Experiments, their runs, and what runs them.

    Parameters
    ----------
    store : Store
        Keeps everything.
    identity : Identity
        The workspace.
    guard : Guard
        Signs addresses.
    artifacts : Artifacts
        Has the files of runs.
    access : Access
        Signs the tokens of runs.
    exported : Callable
        Returns the variables by which Azure's hosts lead to the workspace.
    """

    def __init__(
        self,
        store: Store,
        *,
        identity: Identity,
        guard: Guard,
        artifacts: Artifacts,
        access: Access,
        exported: Callable[[], Mapping[str, str]],
    ) -> None:
        records = Records(store)
        experiments = Experiments(store)
        snapshots = Snapshots(store, artifacts=artifacts)
        surroundings = Surroundings(identity, access=access, exported=exported)
        self._jobs = Jobs(
            store,
            records=records,
            interpreters=Interpreters(store),
            surroundings=surroundings,
        )
        self._jobs.recover()
        self._parts = (
            experiments,
            History(records, experiments=experiments, artifacts=artifacts, access=access),
            Metrics(store, records=records),
            snapshots,
            Executions(
                store,
                guard=guard,
                experiments=experiments,
                records=records,
                snapshots=snapshots,
                jobs=self._jobs,
                port=identity.ports["http"],
            ),
        )

    def close(self) -> None:
        """End the scripts that run."""
        self._jobs.close()

    def calls(self) -> list[Call]:
        """Return what it answers."""
        return [call for part in self._parts for call in part.calls()]
