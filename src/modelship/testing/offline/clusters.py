"""Clusters: the properties that the SDK reads; this machine stands for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.moments import moment

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["aks_cluster", "aml_cluster", "most_nodes"]

# The defaults of AksCompute.provisioning_configuration().
_AKS: Final = {
    "agentCount": 3,
    "agentVmSize": "Standard_D3_v2",
    "clusterPurpose": "FastProd",
    "loadBalancerType": "PublicIp",
    "loadBalancerSubnet": None,
}
# The defaults of AmlCompute.provisioning_configuration().
_AML: Final = {
    "vmSize": "Standard_NC6",
    "vmPriority": "Dedicated",
    "subnet": None,
    "remoteLoginPortPublicAccess": "NotSpecified",
}
_SCALE: Final = {
    "minNodeCount": 0,
    "maxNodeCount": 1,
    "nodeIdleTimeBeforeScaleDown": "PT1800S",
}
_NODES: Final = ("preparing", "running", "idle", "unusable", "leaving", "preempted")


def aks_cluster(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of a Kubernetes cluster, without the keys of its certificates.

    Parameters
    ----------
    asked : Mapping[str, Any]
        Those of the request; missing ones get Azure's defaults.
    """
    return {
        **_filled(asked, _AKS),
        "clusterFqdn": "127.0.0.1",
        "systemServices": [],
        "sslConfiguration": {**_object(asked, "sslConfiguration", status="Disabled"), "key": None},
    }


def aml_cluster(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of an AmlCompute: it has no nodes; this machine runs its scripts.

    Parameters
    ----------
    asked : Mapping[str, Any]
        As for :func:`aks_cluster`.
    """
    return {
        **_filled(asked, _AML),
        "scaleSettings": {**_SCALE, **_object(asked, "scaleSettings")},
        "allocationState": "Steady",
        "allocationStateTransitionTime": moment(),
        "currentNodeCount": 0,
        "targetNodeCount": 0,
        "nodeStateCounts": {f"{name}NodeCount": 0 for name in _NODES},
        "errors": None,
    }


def most_nodes(cluster: Mapping[str, Any]) -> int:
    """Return the maximum number of scripts that run on an AmlCompute at once."""
    most = _object(cluster["properties"]["properties"], "scaleSettings").get("maxNodeCount")
    return most if isinstance(most, int) and most > 0 else 1


def _filled(asked: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {name: asked.get(name) or default for name, default in defaults.items()}


def _object(asked: Mapping[str, Any], name: str, **default: Any) -> dict[str, Any]:
    found = asked.get(name)
    return found if isinstance(found, dict) else default
