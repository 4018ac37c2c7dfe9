"""Refuse requests about another subscription, resource group or workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelship.testing.offline.json_exchange import RefusalError

if TYPE_CHECKING:
    from modelship.testing.offline.identity import Identity

__all__ = ["check_scope", "same_name"]

_KIND: Final = "Microsoft.MachineLearningServices/workspaces"


def check_scope(
    identity: Identity, subscription: str, group: str = "", workspace: str = ""
) -> None:
    """Refuse a request for another subscription, group or workspace.

    Raises
    ------
    RefusalError
        404, as the resource manager does.
    """
    if not same_name(subscription, identity.subscription_id):
        message = f"The subscription '{subscription}' could not be found."
        raise RefusalError(404, "SubscriptionNotFound", message)
    if group and not same_name(group, identity.resource_group):
        message = f"Resource group '{group}' could not be found."
        raise RefusalError(404, "ResourceGroupNotFound", message)
    if workspace and not same_name(workspace, identity.workspace_name):
        what = f"The Resource '{_KIND}/{workspace}' under resource group '{group}'"
        raise RefusalError(404, "ResourceNotFound", f"{what} was not found.")


def same_name(one: str, other: str) -> bool:
    """Compare two names as the resource manager does."""
    return one.casefold() == other.casefold()
