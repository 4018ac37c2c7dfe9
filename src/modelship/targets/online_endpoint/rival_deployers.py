"""Refuse to deploy while another user deploys the same release.

The lock of a name covers one machine. Two machines with the same release use the same deployment,
whose name is made of the digest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.errors import TargetUnavailableError
from modelship.shown import local_time
from modelship.targets.online_endpoint.deployment_records import deployment_name, instance_id
from modelship.targets.online_endpoint.endpoint_place import state_of
from modelship.targets.online_endpoint.endpoint_traffic import BY, CREATED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.targets.instance import Instance
    from modelship.workspace.ml_workspace import MlWorkspace

__all__ = ["refuse_beside_another"]

_IN_PROGRESS: Final = frozenset({"Creating", "Updating", "Scaling"})
_ADVICE: Final = (
    "Wait until that deployment has ended, and deploy again: if it has succeeded, there is nothing "
    "left to do. If its deployer was terminated, delete the deployment first: "
    "az ml online-deployment delete --endpoint-name {endpoint} --name {deployment}."
)


def refuse_beside_another(draft: Instance, workspace: MlWorkspace) -> None:
    """Refuse to start an instance whose deployment another deployer is making.

    Raises
    ------
    TargetUnavailableError
        If there is such a deployment; the message says who is making it.
    """
    name = deployment_name(draft)
    found = workspace.deployment(draft.name, name)
    if found is None or state_of(found) not in _IN_PROGRESS:
        return
    if instance_id(found, endpoint=draft.name) != draft.instance_id:
        raise TargetUnavailableError(
            target="online-endpoint",
            cause=f"{_who(found)}: its deployment {name} is {state_of(found)}",
            advice=_ADVICE.format(endpoint=draft.name, deployment=name),
        )


def _who(deployment: Mapping[str, Any]) -> str:
    tags = deployment.get("tags") or {}
    since = f" (since {local_time(tags[CREATED])})" if CREATED in tags else ""
    by = tags.get(BY) or "another user"
    return f"{by} is deploying the same release{since}"
