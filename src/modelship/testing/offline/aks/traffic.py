"""What the router of a cluster does with requests: which version gets how many, and how fast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.routes import Limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["ALL", "assigned", "limits_of", "shares"]

ALL: Final = 100
"""All requests, in percent."""


def assigned(versions: Iterable[Mapping[str, Any]]) -> float:
    """Return the sum of the traffic percentages of an endpoint's versions."""
    return sum(each.get("trafficPercentile") or 0 for each in versions)


def shares(versions: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Return the percentage of requests that each version of an endpoint gets, by name.

    What is not assigned to any version goes to the default one.
    """
    found = list(versions)
    rest = ALL - assigned(found)
    return {
        each["name"]: (each.get("trafficPercentile") or 0) + (rest if each.get("isDefault") else 0)
        for each in found
    }


def limits_of(document: Mapping[str, Any]) -> Limits:
    """Return what the router allows the requests to a service or to a version.

    With autoscaling it allows what the greatest number of replicas would take.
    """
    autoscaler = document["autoScaler"]
    is_scaled = autoscaler["autoscaleEnabled"]
    replicas = autoscaler["maxReplicas"] if is_scaled else document["numReplicas"]
    return Limits(
        at_once=max(1, replicas * document["maxConcurrentRequestsPerContainer"]),
        wait_s=document["maxQueueWaitMs"] / 1000,
        timeout_s=document["scoringTimeoutMs"] / 1000,
    )
