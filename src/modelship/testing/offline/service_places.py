"""The places that services run on, by their names in the protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline import aci
from modelship.testing.offline.aks import aks_services as aks
from modelship.testing.offline.service_requests import bad

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["ENDPOINT", "Place", "place_of"]

ENDPOINT: Final = "AKSENDPOINT"
"""The protocol's name for an endpoint: versions of a service on Kubernetes, at one address."""


@dataclass(frozen=True)
class Place:
    """How requests for a service on one place are validated and stored.

    Parameters
    ----------
    check : Callable
        Refuses an invalid request for a service.
    new_document : Callable
        Returns the document of a service from its request.
    changed : Callable
        Returns the document of a service after a JSON patch.
    """

    check: Callable[[Mapping[str, Any]], None]
    new_document: Callable[[Mapping[str, Any]], dict[str, Any]]
    changed: Callable[..., dict[str, Any]]


_PLACES: Final = {
    "ACI": Place(aci.check, aci.new_document, aci.changed),
    "AKS": Place(aks.check, aks.new_document, aks.changed),
}


def place_of(wanted: Mapping[str, Any]) -> Place:
    """Return the place where a service runs, or is to run.

    Raises
    ------
    RefusalError
        If there is no such place here.
    """
    kind = str(wanted.get("computeType"))
    if kind not in _PLACES:
        places = ", ".join([*_PLACES, ENDPOINT])
        raise bad(f"An offline workspace has no {kind}; it has {places}.")
    return _PLACES[kind]
