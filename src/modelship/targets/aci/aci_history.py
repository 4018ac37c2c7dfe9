"""Store the history of a service on Container Instances, with what is needed to restore it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelship.documents import parse, read_regular
from modelship.targets.aci.making import Earlier
from modelship.targets.workspace_history import RECORD_BEFORE, STATE_BEFORE, RegistryJournal
from modelship.workspace.model_record import HISTORY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.targets.aci.azure_services import Services
    from modelship.workspace import RegisteredModel

__all__ = ["WorkspaceJournal"]

_MOST_BYTES: Final = 2**24
_HEALTHY: Final = "Healthy"
_SECRET: Final = frozenset({"sslKey", "keys"})


class WorkspaceJournal(RegistryJournal):
    """The changes of a service that its workspace keeps.

    Parameters
    ----------
    services : Services
        The services of the workspace.
    name : str
        The service's name.
    """

    def __init__(self, services: Services, *, name: str) -> None:
        def before() -> tuple[Mapping[str, Any], str]:
            found = services.payload(name) or {}
            kept = {key: value for key, value in found.items() if key not in _SECRET}
            return kept, str(found.get("state") or "")

        workspace = services.workspace
        super().__init__(workspace, model_name=f"{HISTORY}{name}", name=name, before=before)

    def last_served(self) -> Earlier | None:
        """Return the record of the service when it last served, if no change has completed since.

        That is the case after a change that failed or was interrupted. The keys are not included:
        they are stored nowhere.
        """
        for change, model in self.kept():
            if change.outcome not in {"under way", "failed"}:
                return None
            if model.properties.get(STATE_BEFORE) == _HEALTHY:
                return Earlier(self._payload(model))
        return None

    def _payload(self, model: RegisteredModel) -> Mapping[str, Any]:
        with tempfile.TemporaryDirectory(prefix="modelship-") as scratch:
            self._workspace.download(model.model_id, Path(scratch))
            payload: dict[str, Any] = parse(
                read_regular(Path(scratch, RECORD_BEFORE), most_bytes=_MOST_BYTES)
            )
        return payload
