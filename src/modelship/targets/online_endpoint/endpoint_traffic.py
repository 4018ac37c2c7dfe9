"""Read the traffic of an endpoint: which deployment gets which share of the requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.errors import WorkspaceRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelship.workspace.ml_workspace import MlWorkspace

__all__ = ["BY", "CREATED", "leader_of", "mirrored_in", "shares_of", "traffic_lost", "without"]

CREATED: Final = "modelship.created"
"""The tag with the time at which the instance of a deployment was started."""

BY: Final = "modelship.by"
"""The tag with the user who deployed it, ``user@host``."""

_ALL: Final = 100


def shares_of(endpoint: Mapping[str, Any]) -> dict[str, int]:
    """Return the share of each deployment that gets requests, in percent."""
    traffic = (endpoint.get("properties") or {}).get("traffic") or {}
    return {str(name): int(share) for name, share in traffic.items() if share}


def leader_of(endpoint: Mapping[str, Any], deployments: Sequence[Mapping[str, Any]]) -> str:
    """Return the name of the deployment that gets the most requests; ``""`` if none gets any.

    Of two with the same share it is the older one: during a canary, the new one is not proven yet.
    """
    shares = shares_of(endpoint)
    there = [each for each in deployments if each["name"] in shares]
    there.sort(key=_created)
    names = [str(each["name"]) for each in there]
    return max(names, key=lambda name: shares[name], default="")


def _created(deployment: Mapping[str, Any]) -> str:
    """Return when the release of a deployment was deployed, in ISO 8601."""
    tags, system = deployment.get("tags") or {}, deployment.get("systemData") or {}
    return str(tags.get(CREATED) or system.get("createdAt") or "")


def mirrored_in(endpoint: Mapping[str, Any]) -> Mapping[str, int]:
    """Return the share of the requests of which a deployment gets copies, in percent."""
    return (endpoint.get("properties") or {}).get("mirrorTraffic") or {}


def without(shares: Mapping[str, int], deployment: str) -> dict[str, int]:
    """Return the shares without one deployment, whose share goes to the largest of the others."""
    others = {name: share for name, share in shares.items() if name != deployment}
    if others:
        largest = max(others, key=lambda name: others[name])
        others[largest] += _ALL - sum(others.values())
    return others


def traffic_lost(
    name: str, workspace: MlWorkspace, *, wanted: Mapping[str, int], found: Mapping[str, int]
) -> WorkspaceRequestError:
    """Return the error of an endpoint whose traffic another client has changed.

    It says who deployed the deployment that gets most of the requests now, if that is known.
    """
    by = _deployer(name, workspace, found)
    who = f" ({by} deployed that)" if by else ""
    return WorkspaceRequestError(
        workspace.name,
        f"keep the traffic of {name!r}",
        f"another client has set it to {_shown(found)} instead of {_shown(wanted)}{who}",
        advice="Find out who changes the traffic of this endpoint, and deploy again.",
    )


def _deployer(name: str, workspace: MlWorkspace, shares: Mapping[str, int]) -> str:
    largest = max(shares, key=lambda each: shares[each], default="")
    found = workspace.deployment(name, largest) if largest else None
    return str(((found or {}).get("tags") or {}).get(BY) or "")


def _shown(shares: Mapping[str, int]) -> str:
    return ", ".join(f"{name}: {share} %" for name, share in shares.items()) or "nothing"
