"""Read the traffic of an endpoint: which deployment gets which share of the requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.errors import WorkspaceRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["CREATED", "leader_of", "mirrored_in", "shares_of", "traffic_lost", "without"]

CREATED: Final = "modelship.created"
"""The tag with the time at which the instance of a deployment was started."""

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
    name: str, *, workspace: str, wanted: Mapping[str, int], found: Mapping[str, int]
) -> WorkspaceRequestError:
    """Return the error of an endpoint whose traffic another client has changed."""
    return WorkspaceRequestError(
        workspace,
        f"keep the traffic of {name!r}",
        f"another client has set it to {_shown(found)} instead of {_shown(wanted)}",
        advice="Find out who changes the traffic of this endpoint, and deploy again.",
    )


def _shown(shares: Mapping[str, int]) -> str:
    return ", ".join(f"{name}: {share} %" for name, share in shares.items()) or "nothing"
