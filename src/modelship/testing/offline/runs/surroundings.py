"""The environment variables of a submitted script, from which the SDK in it knows its run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelship.testing.offline.identity import Identity
    from modelship.workspace.access import Access

__all__ = ["Surroundings"]

_TOKEN_LIFETIME_S: Final = 24 * 3600
_NOT_FOR_SCRIPTS: Final = "AZUREML_SERVICE_PRINCIPAL_"


class Surroundings:
    """Says what is around a script that runs.

    Parameters
    ----------
    identity : Identity
        The workspace.
    access : Access
        Signs the tokens of runs.
    exported : Callable
        Returns the variables by which Azure's hosts lead to the workspace.
    """

    def __init__(
        self, identity: Identity, *, access: Access, exported: Callable[[], Mapping[str, str]]
    ) -> None:
        self._identity = identity
        self._access = access
        self._exported = exported

    def variables(self, run: Mapping[str, Any]) -> dict[str, str]:
        """Return the variables of a run, but for those that its script asks for."""
        ours = self._identity
        api = f"https://{ours.location}.api.azureml.ms"
        exported = {
            name: value
            for name, value in self._exported().items()
            if not name.startswith(_NOT_FOR_SCRIPTS)  # a run has a token of its own
        }
        return {
            **exported,
            "AZUREML_RUN_ID": run["runId"],
            "AZUREML_ARM_SUBSCRIPTION": ours.subscription_id,
            "AZUREML_ARM_RESOURCEGROUP": ours.resource_group,
            "AZUREML_ARM_WORKSPACE_NAME": ours.workspace_name,
            "AZUREML_ARM_PROJECT_NAME": run["experimentName"],
            "AZUREML_WORKSPACE_ID": ours.workspace_id,
            "AZUREML_EXPERIMENT_ID": run["experimentId"],
            "AZUREML_SERVICE_ENDPOINT": api,
            "AZUREML_DISCOVERY_SERVICE_ENDPOINT": (
                f"{api}/discovery/workspaces/{ours.workspace_id}"
            ),
            "AZUREML_RUN_TOKEN": self._access.token(lifetime_s=_TOKEN_LIFETIME_S),
            "PYTHONUNBUFFERED": "1",
        }
