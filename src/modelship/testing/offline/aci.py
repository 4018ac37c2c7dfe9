"""Validate and store services on Container Instances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline import deployment_failures as failures
from modelship.testing.offline.json_exchange import RefusalError
from modelship.testing.offline.service_documents import base_document
from modelship.testing.offline.service_requests import (
    check_changed,
    check_request,
    patched,
    resources,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["changed", "check", "new_document"]

# The limits of Container Instances for a Linux container group.
_MOST_CORES: Final = 4.0
_MOST_MEMORY_GB: Final = 16.0

_AS_GIVEN: Final = (
    *("cname", "dnsNameLabel", "sslCertificate"),
    *("encryptionProperties", "vnetConfiguration", "dataCollection"),
)
_CHANGEABLE: Final = frozenset(
    {
        *("kvTags", "description", "properties", "authEnabled", "environmentImageRequest"),
        *("sslEnabled", "sslCertificate", "sslKey", "cname", "appInsightsEnabled"),
    }
)


def check(wanted: Mapping[str, Any]) -> None:
    """Refuse an invalid request for a service.

    Raises
    ------
    RefusalError
        With the status and the message of the response.
    """
    check_request(wanted)
    asked = resources(wanted)
    if asked["cpu"] > _MOST_CORES or asked["memoryInGB"] > _MOST_MEMORY_GB:
        message = failures.overloaded(asked["cpu"], asked["memoryInGB"])
        raise RefusalError(400, "ResourceRequestExceeded", message)


def new_document(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of a service that is about to be deployed.

    Parameters
    ----------
    wanted : Mapping[str, Any]
        The request, with a location.
    """
    return {
        **base_document(wanted),
        **{field: wanted.get(field) for field in _AS_GIVEN},
        **dict.fromkeys(("publicIp", "publicFqdn", "sslKey")),  # a key that is not used here
        "sslEnabled": bool(wanted.get("sslEnabled")),
        "computeType": "ACI",
        "location": wanted["location"],
        "containerResourceRequirements": resources(wanted),
    }


def changed(document: Mapping[str, Any], patch: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the document of a service with a JSON patch (RFC 6902) applied.

    Raises
    ------
    RefusalError
        If the patch changes a field that cannot be changed.
    """
    new = patched(document, patch, changeable=_CHANGEABLE, kind="an ACI service")
    check_changed(new)
    return new | {"sslKey": None}
