"""Say that a size of machine is not in the list of the region, which is no reason to refuse it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelship.errors import WorkspaceError
from modelship.errors.base_error import nearest
from modelship.targets.online_endpoint.deployment_settings import DEFAULT_INSTANCE_TYPE
from modelship.targets.online_endpoint.instance_types import INSTANCE_TYPES

if TYPE_CHECKING:
    from modelship.progress import Steps
    from modelship.targets.online_endpoint.target_options import TargetOptions
    from modelship.workspace.ml_workspace import MlWorkspace

__all__ = ["say_unlisted_size"]


def say_unlisted_size(options: TargetOptions, workspace: MlWorkspace, steps: Steps) -> None:
    """Show a line if the size is neither documented nor in the list of the region.

    The list is that of compute clusters, so a size that it lacks may still be one for endpoints.
    Without a list, nothing is shown.
    """
    if options.machine is not None:
        return
    name = options.instance_type or DEFAULT_INSTANCE_TYPE
    try:
        region, sizes = workspace.machine_sizes()
    except WorkspaceError:
        return
    if sizes and name.casefold() not in {each.casefold() for each in sizes}:
        known = [*sizes, *(each.name for each in INSTANCE_TYPES.values())]
        where = f"the sizes that Azure ML lists for {region}"
        steps.say(
            f"  instance_type {name!r} is not among {where}{nearest(name, known)}: "
            "Azure may refuse it"
        )
