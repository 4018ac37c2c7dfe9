"""The places that services run on: how requests for them are validated and stored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final

from modelship.testing.offline import deployment_failures as failures
from modelship.testing.offline.json_exchange import RefusalError
from modelship.testing.offline.service_documents import base_document
from modelship.testing.offline.service_requests import check_request, patched, resources

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["ACI", "Place"]

# The limits of Container Instances for a Linux container group.
_MOST_CORES: Final = 4.0
_MOST_MEMORY_GB: Final = 16.0


class Place(ABC):
    """A place that services run on.

    Parameters
    ----------
    changeable : frozenset[str]
        The fields of a service that may change, with the fields inside them.
    """

    name: ClassVar[str]
    """Its name in the protocol."""

    kind: ClassVar[str]
    """What a service on it is called in messages."""

    given: ClassVar[tuple[str, ...]]
    """The fields that are stored as they are requested, in addition to those of all services."""

    def __init__(self, changeable: frozenset[str]) -> None:
        self._changeable = changeable

    def check(self, wanted: Mapping[str, Any]) -> None:
        """Refuse an invalid request for a service, or its document.

        Raises
        ------
        RefusalError
            With the status and the message of the response.
        """
        check_request(wanted)
        self._check_settings(wanted)

    def new_document(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Return the document of a requested service that is about to be deployed."""
        given = {field: wanted.get(field) for field in self.given}
        return self._settled({**base_document(wanted), **given, "computeType": self.name})

    def changed(
        self, document: Mapping[str, Any], patch: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """Return the document of a service with a JSON patch (RFC 6902) applied.

        Raises
        ------
        RefusalError
            If the patch changes a field that cannot be changed.
        """
        new = patched(document, patch, changeable=self._changeable, kind=self.kind)
        self.check(new)
        return self._settled(new)

    @abstractmethod
    def _check_settings(self, wanted: Mapping[str, Any]) -> None:
        """Refuse settings that are invalid on this place."""

    @abstractmethod
    def _settled(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return a document with defaults for everything that is not set."""


class _ContainerInstances(Place):
    name = "ACI"
    kind = "an ACI service"
    given = (
        *("cname", "dnsNameLabel", "sslCertificate", "sslEnabled", "location"),
        *("encryptionProperties", "vnetConfiguration", "dataCollection"),
        "containerResourceRequirements",
    )

    def _check_settings(self, wanted: Mapping[str, Any]) -> None:
        asked = resources(wanted)
        if asked["cpu"] > _MOST_CORES or asked["memoryInGB"] > _MOST_MEMORY_GB:
            message = failures.overloaded(asked["cpu"], asked["memoryInGB"])
            raise RefusalError(400, "ResourceRequestExceeded", message)

    def _settled(self, document: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **document,
            **dict.fromkeys(("publicIp", "publicFqdn", "sslKey")),  # a key that is not used here
            "sslEnabled": bool(document["sslEnabled"]),
            "containerResourceRequirements": resources(document),
        }


ACI: Final = _ContainerInstances(
    frozenset(
        {
            *("kvTags", "description", "properties", "authEnabled", "environmentImageRequest"),
            *("sslEnabled", "sslCertificate", "sslKey", "cname", "appInsightsEnabled"),
        }
    )
)
"""Container Instances."""
