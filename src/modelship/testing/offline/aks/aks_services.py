"""Validate and store services on Kubernetes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.json_exchange import check_shape
from modelship.testing.offline.routes import Limits
from modelship.testing.offline.service_documents import base_document
from modelship.testing.offline.service_requests import (
    bad,
    check_changed,
    check_request,
    patched,
    resources,
)
from modelship.testing.offline.shapes import NUMBER, optional

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = [
    "OF_VERSIONS",
    "changed",
    "check",
    "check_doors",
    "doors",
    "limits_of",
    "new_document",
    "settled",
]

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
_OBJECTS: Final = ("autoScaler", "livenessProbeRequirements", "dataCollection")
_SHAPE: Final = {
    **dict.fromkeys((*_NUMBERS, "numReplicas"), optional(*NUMBER)),
    **dict.fromkeys(_NAMES, optional(str)),
    **dict.fromkeys(_OBJECTS, optional(dict)),
    "containerResourceRequirements": optional(dict),
}

OF_VERSIONS: Final = frozenset(
    {
        *("kvTags", "description", "properties", "environmentImageRequest", "numReplicas"),
        *("containerResourceRequirements", *_OBJECTS, *_NUMBERS),
    }
)
"""The fields that can change, of a service and of a version of an endpoint."""

_CHANGEABLE: Final = OF_VERSIONS | {
    *("authEnabled", "aadAuthEnabled", "appInsightsEnabled", "namespace")
}


def check(wanted: Mapping[str, Any]) -> None:
    """Refuse an invalid request for a service.

    Raises
    ------
    RefusalError
        With the status and the message of the response.
    """
    check_request(wanted)
    _check_settings(wanted)


def new_document(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of a service that is about to be deployed.

    Parameters
    ----------
    wanted : Mapping[str, Any]
        The request.
    """
    as_given = (
        *(*_NAMES, *_OBJECTS, *_NUMBERS),
        *("containerResourceRequirements", "numReplicas", "storageInitEnabled"),
    )
    document = {
        **base_document(wanted),
        **{field: wanted.get(field) for field in as_given},
        **doors(wanted),
        "computeType": "AKS",
    }
    return settled(document)


def settled(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document with defaults for everything that is not set.

    A service has either a number of replicas or an autoscaler.
    """
    scaler = document.get("autoScaler") or {}
    collection = document.get("dataCollection") or {}
    asked = document.get("containerResourceRequirements") or {}
    count = document.get("numReplicas")
    is_scaled = bool(scaler.get("autoscaleEnabled", not count))
    scaled = _filled(scaler, _AUTOSCALER)
    scaled["maxReplicas"] = max(scaled["minReplicas"], scaled["maxReplicas"])
    return {
        **document,
        **_filled(document, _NUMBERS),
        "autoScaler": {
            "autoscaleEnabled": is_scaled,
            **(scaled if is_scaled else dict.fromkeys(_AUTOSCALER)),
        },
        "numReplicas": None if is_scaled else count or 1,
        "containerResourceRequirements": {
            **resources(document),
            **{field: asked.get(field) for field in _LIMITS},
        },
        "livenessProbeRequirements": _filled(
            document.get("livenessProbeRequirements") or {}, PROBE
        ),
        "dataCollection": {
            field: bool(collection.get(field)) for field in ("eventHubEnabled", "storageEnabled")
        },
    }


def changed(
    document: Mapping[str, Any],
    patch: Sequence[Mapping[str, Any]],
    *,
    changeable: frozenset[str] = _CHANGEABLE,
) -> dict[str, Any]:
    """Return the document of a service with a JSON patch (RFC 6902) applied.

    Parameters
    ----------
    document : Mapping[str, Any]
        The current document.
    patch : Sequence[Mapping[str, Any]]
        The operations.
    changeable : frozenset[str]
        The fields that may change.

    Raises
    ------
    RefusalError
        If the patch changes a field that cannot be changed.
    """
    new = patched(document, patch, changeable=changeable, kind="a service on AKS")
    check_changed(new)
    _check_settings(new)
    paths = {each["path"] for each in patch}
    if "/numReplicas" in paths and "/autoScaler/autoscaleEnabled" not in paths:
        new["autoScaler"] = None  # a fixed number replaces autoscaling
    return settled(new)


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


def _filled(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {field: given.get(field) or default for field, default in defaults.items()}


def _check_settings(wanted: Mapping[str, Any]) -> None:
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


def _numbers(wanted: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the name and the value of each numeric setting that is given."""
    settings = (
        *((wanted, name) for name in (*_NUMBERS, "numReplicas")),
        *((wanted.get("autoScaler") or {}, name) for name in _AUTOSCALER),
        *((wanted.get("livenessProbeRequirements") or {}, name) for name in PROBE),
        *((wanted.get("containerResourceRequirements") or {}, name) for name in _RESOURCES),
    )
    yield from ((name, place[name]) for place, name in settings if place.get(name))
