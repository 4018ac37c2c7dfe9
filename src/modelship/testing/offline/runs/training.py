"""The services for training, combined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.runs.executions import Executions
from modelship.testing.offline.runs.experiments import Experiments
from modelship.testing.offline.runs.interpreters import Interpreters
from modelship.testing.offline.runs.jobs import Jobs
from modelship.testing.offline.runs.run_history import History
from modelship.testing.offline.runs.run_metrics import Metrics
from modelship.testing.offline.runs.run_records import Records
from modelship.testing.offline.runs.snapshots import Snapshots

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelship.testing.offline.artifacts import Artifacts
    from modelship.testing.offline.document_store import Store
    from modelship.testing.offline.identity import Identity
    from modelship.testing.offline.offline_app import Call
    from modelship.testing.offline.request_guard import Guard
    from modelship.workspace.access import Access

__all__ = ["Training"]

_TOKEN_LIFETIME_S: Final = 24 * 3600
_NOT_FOR_SCRIPTS: Final = "AZUREML_SERVICE_PRINCIPAL_"


class Training:
    """Experiments, their runs, and the parts that run them.

    Parameters
    ----------
    store : Store
        Keeps everything.
    identity : Identity
        The workspace.
    guard : Guard
        Signs addresses.
    artifacts : Artifacts
        Stores the files of runs.
    access : Access
        Signs the tokens of runs.
    exported : Callable
        Returns the variables that route Azure's hosts to the workspace.
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
        self._identity = identity
        self._access = access
        self._exported = exported
        records, experiments = Records(store), Experiments(store)
        snapshots = Snapshots(store, artifacts=artifacts)
        self._jobs = Jobs(
            store, records=records, interpreters=Interpreters(store), variables=self._variables
        )
        self._jobs.recover()
        port = identity.ports["http"]
        self._parts = (
            experiments,
            History(records, experiments, artifacts, access),
            Metrics(store, records=records),
            snapshots,
            Executions(store, guard, experiments, records, snapshots, self._jobs, port),
        )

    def close(self) -> None:
        """Stop the running scripts."""
        self._jobs.close()

    def calls(self) -> list[Call]:
        """Return the calls that it answers."""
        return [call for part in self._parts for call in part.calls()]

    def _variables(self, run: Mapping[str, Any]) -> dict[str, str]:
        """Return the variables that identify the run to the SDK in a script."""
        ours = self._identity
        api = f"https://{ours.location}.api.azureml.ms"
        exported = {
            name: value
            for name, value in self._exported().items()
            if not name.startswith(_NOT_FOR_SCRIPTS)  # a run has its own token
        }
        own = {
            "RUN_ID": run["runId"],
            "ARM_SUBSCRIPTION": ours.subscription_id,
            "ARM_RESOURCEGROUP": ours.resource_group,
            "ARM_WORKSPACE_NAME": ours.workspace_name,
            "ARM_PROJECT_NAME": run["experimentName"],
            "WORKSPACE_ID": ours.workspace_id,
            "EXPERIMENT_ID": run["experimentId"],
            "SERVICE_ENDPOINT": api,
            "DISCOVERY_SERVICE_ENDPOINT": f"{api}/discovery/workspaces/{ours.workspace_id}",
            "RUN_TOKEN": self._access.token(lifetime_s=_TOKEN_LIFETIME_S),
        }
        prefixed = {f"AZUREML_{name}": value for name, value in own.items()}
        return exported | prefixed | {"PYTHONUNBUFFERED": "1"}
