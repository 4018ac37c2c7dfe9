"""The services for training, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelship.testing.offline.runs.experiments import Experiments
from modelship.testing.offline.runs.history import History
from modelship.testing.offline.runs.metrics import Metrics
from modelship.testing.offline.runs.records import Records
from modelship.testing.offline.runs.snapshots import Snapshots

if TYPE_CHECKING:
    from modelship.testing.offline.app import Call
    from modelship.testing.offline.artifacts import Artifacts
    from modelship.testing.offline.store import Store
    from modelship.workspace.access import Access

__all__ = ["Training"]


class Training:
    """Experiments, their runs, and what runs them.

    Parameters
    ----------
    store : Store
        Keeps everything.
    artifacts : Artifacts
        Has the files of runs.
    access : Access
        Signs the tokens of runs.
    """

    def __init__(self, store: Store, *, artifacts: Artifacts, access: Access) -> None:
        records = Records(store)
        experiments = Experiments(store)
        self._parts = (
            experiments,
            History(records, experiments=experiments, artifacts=artifacts, access=access),
            Metrics(store, records=records),
            Snapshots(store, artifacts=artifacts),
        )

    def calls(self) -> list[Call]:
        """Return what it answers."""
        return [call for part in self._parts for call in part.calls()]
