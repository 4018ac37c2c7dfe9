"""Kubernetes clusters: what the SDK reads of one that was created or attached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["cluster"]

# What AksCompute.provisioning_configuration() says of its defaults.
_DEFAULTS: Final = {
    "agentCount": 3,
    "agentVmSize": "Standard_D3_v2",
    "clusterPurpose": "FastProd",
    "loadBalancerType": "PublicIp",
    "loadBalancerSubnet": None,
}


def cluster(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of a cluster; its certificates are taken in, and their keys forgotten.

    Parameters
    ----------
    asked : Mapping[str, Any]
        Those of the request; what is missing there has Azure's default.
    """
    ssl = asked.get("sslConfiguration")
    given = ssl if isinstance(ssl, dict) else {"status": "Disabled"}
    return {
        **{name: asked.get(name) or default for name, default in _DEFAULTS.items()},
        "clusterFqdn": "127.0.0.1",
        "systemServices": [],
        "sslConfiguration": {**given, "key": None},
    }
