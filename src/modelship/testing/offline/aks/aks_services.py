"""Validate and store services on Kubernetes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.json_exchange import NUMBER, check_shape, filled, optional
from modelship.testing.offline.routes import Limits
from modelship.testing.offline.service_places import Place
from modelship.testing.offline.service_requests import bad, resources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["AKS", "OF_VERSIONS", "PROBE", "Kubernetes", "check_doors", "doors", "limits_of"]

# The defaults of AksWebservice.deploy_configuration().
_AUTOSCALER: Final = {
    "minReplicas": 1,
    "maxReplicas": 10,
    "targetUtilization": 70,
    "refreshPeriodInSeconds": 1,
}
PROBE: Final = {
    "initialDelaySeconds": 310,
    "periodSeconds": 10,
    "timeoutSeconds": 2,
    "successThreshold": 1,
    "failureThreshold": 3,
}
"""The default liveness probe of a service."""

_NUMBERS: Final = {
    "maxConcurrentRequestsPerContainer": 1,
    "maxQueueWaitMs": 500,
    "scoringTimeoutMs": 60_000,
}
_LIMITS: Final = ("cpuLimit", "memoryInGBLimit", "gpu")
_RESOURCES: Final = ("cpu", "memoryInGB", *_LIMITS)
_NAMES: Final = ("computeName", "namespace")
_DOORS: Final = ("authEnabled", "aadAuthEnabled")
_OBJECTS: Final = ("autoScaler", "livenessProbeRequirements", "dataCollection")
_SHAPE: Final = {
    **dict.fromkeys((*_NUMBERS, "numReplicas"), optional(*NUMBER)),
    **dict.fromkeys(_OBJECTS, optional(dict)),
}

OF_VERSIONS: Final = frozenset(
    {
        *("kvTags", "description", "properties", "environmentImageRequest", "numReplicas"),
        *("containerResourceRequirements", *_OBJECTS, *_NUMBERS),
    }
)
"""The fields that can change, of a service and of a version of an endpoint."""


class Kubernetes(Place):
    """A Kubernetes cluster."""

    name = "AKS"
    kind = "a service on AKS"
    given = (
        *(*_NAMES, *_OBJECTS, *_NUMBERS, *_DOORS),
        *("containerResourceRequirements", "numReplicas", "storageInitEnabled"),
    )

    def changed(
        self, document: Mapping[str, Any], patch: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        paths = {each["path"] for each in patch}
        if "/numReplicas" in paths and "/autoScaler/autoscaleEnabled" not in paths:
            # A fixed number replaces autoscaling.
            patch = [*patch, {"op": "remove", "path": "/autoScaler"}]
        return super().changed(document, patch)

    def _check_settings(self, wanted: Mapping[str, Any]) -> None:
        check_shape(wanted, _SHAPE)
        for name, value in _numbers(wanted):
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not is_number or not 0 < value < math.inf:
                raise bad(f"{name} is {value!r}; it must be a number above 0.")
        asked = wanted.get("containerResourceRequirements") or {}
        for name, limit in (("cpu", "cpuLimit"), ("memoryInGB", "memoryInGBLimit")):
            if (asked.get(limit) or math.inf) < (asked.get(name) or 0):
                raise bad(f"{limit} is {asked[limit]:g}, below the {asked[name]:g} of {name}.")
        check_doors(wanted)

    def _settled(self, document: Mapping[str, Any]) -> dict[str, Any]:
        collection = document.get("dataCollection") or {}
        asked = document.get("containerResourceRequirements") or {}
        probe = document.get("livenessProbeRequirements") or {}
        return {
            **document,
            **doors(document),
            **filled(document, _NUMBERS),
            **_replication(document),
            "containerResourceRequirements": {
                **resources(document),
                **{field: asked.get(field) for field in _LIMITS},
            },
            "livenessProbeRequirements": filled(probe, PROBE),
            "dataCollection": {
                field: bool(collection.get(field))
                for field in ("eventHubEnabled", "storageEnabled")
            },
        }


AKS: Final = Kubernetes(
    OF_VERSIONS | {*_DOORS, "appInsightsEnabled", "namespace"},
)
"""Kubernetes, for services that are not versions of an endpoint."""


def limits_of(document: Mapping[str, Any]) -> Limits:
    """Return the limits of a cluster's router for requests to a service or to a version.

    With autoscaling it allows as much as the maximum number of replicas would.
    """
    autoscaler = document["autoScaler"]
    is_scaled = autoscaler["autoscaleEnabled"]
    replicas = autoscaler["maxReplicas"] if is_scaled else document["numReplicas"]
    return Limits(
        at_once=max(1, replicas * document["maxConcurrentRequestsPerContainer"]),
        wait_s=document["maxQueueWaitMs"] / 1000,
        timeout_s=document["scoringTimeoutMs"] / 1000,
    )


def check_doors(wanted: Mapping[str, Any]) -> None:
    """Refuse a service or an endpoint that would accept both keys and tokens.

    Raises
    ------
    RefusalError
        With the status and the message of the response.
    """
    if wanted.get("authEnabled") and wanted.get("aadAuthEnabled"):
        raise bad("authEnabled and aadAuthEnabled cannot both be true.")


def doors(wanted: Mapping[str, Any]) -> dict[str, bool]:
    """Return the authentication of a service or an endpoint: a key, unless it requests tokens."""
    takes_token = bool(wanted.get("aadAuthEnabled"))
    takes_key = wanted.get("authEnabled")
    return {
        "authEnabled": not takes_token if takes_key is None else bool(takes_key),
        "aadAuthEnabled": takes_token,
    }


def _replication(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the number of replicas of a service, or its autoscaler: it has one of them."""
    scaler, count = document.get("autoScaler") or {}, document.get("numReplicas")
    if not scaler.get("autoscaleEnabled", not count):
        off = {"autoscaleEnabled": False, **dict.fromkeys(_AUTOSCALER)}
        return {"autoScaler": off, "numReplicas": count or 1}
    scaled = filled(scaler, _AUTOSCALER)
    scaled["maxReplicas"] = max(scaled["minReplicas"], scaled["maxReplicas"])
    return {"autoScaler": {"autoscaleEnabled": True, **scaled}, "numReplicas": None}


def _numbers(wanted: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the name and the value of each numeric setting that is given."""
    settings = (
        *((wanted, name) for name in (*_NUMBERS, "numReplicas")),
        *((wanted.get("autoScaler") or {}, name) for name in _AUTOSCALER),
        *((wanted.get("livenessProbeRequirements") or {}, name) for name in PROBE),
        *((wanted.get("containerResourceRequirements") or {}, name) for name in _RESOURCES),
    )
    yield from ((name, place[name]) for place, name in settings if place.get(name))
