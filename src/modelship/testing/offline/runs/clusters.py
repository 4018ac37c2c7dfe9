"""Clusters of Azure Machine Learning: what the SDK reads of one that stands for this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.moments import moment

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["aml_cluster", "most_nodes"]

_SCALE: Final = {
    "minNodeCount": 0,
    "maxNodeCount": 1,
    "nodeIdleTimeBeforeScaleDown": "PT1800S",
}
_NODES: Final = (
    *("preparingNodeCount", "runningNodeCount", "idleNodeCount"),
    *("unusableNodeCount", "leavingNodeCount", "preemptedNodeCount"),
)


def aml_cluster(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of a cluster: it has no nodes, and this machine runs its scripts.

    Parameters
    ----------
    asked : Mapping[str, Any]
        Those of the request; what is missing there has Azure's default.
    """
    scale = asked.get("scaleSettings")
    return {
        "vmSize": asked.get("vmSize") or "Standard_NC6",
        "vmPriority": asked.get("vmPriority") or "Dedicated",
        "scaleSettings": {**_SCALE, **(scale if isinstance(scale, dict) else {})},
        "subnet": asked.get("subnet"),
        "remoteLoginPortPublicAccess": asked.get("remoteLoginPortPublicAccess") or "NotSpecified",
        "allocationState": "Steady",
        "allocationStateTransitionTime": moment(),
        "currentNodeCount": 0,
        "targetNodeCount": 0,
        "nodeStateCounts": dict.fromkeys(_NODES, 0),
        "errors": None,
    }


def most_nodes(cluster: Mapping[str, Any]) -> int:
    """Return how many scripts may run on a cluster at once."""
    found = cluster["properties"]["properties"].get("scaleSettings")
    most = found.get("maxNodeCount") if isinstance(found, dict) else None
    return most if isinstance(most, int) and most > 0 else 1
