"""From the documents of a service or an endpoint to where its front leads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelship.testing.offline.aks.aks_services import limits_of
from modelship.testing.offline.aks.endpoint_versions import shares
from modelship.testing.offline.routes import Route, Target
from modelship.testing.offline.service_documents import OWN, allowed_origins, is_on_kubernetes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["prefix_of", "route_to"]


def prefix_of(document: Mapping[str, Any]) -> str:
    """Return what stands before ``/score`` in the path of a service's scoring URI."""
    return f"/api/v1/service/{document['name']}" if is_on_kubernetes(document) else ""


def route_to(
    document: Mapping[str, Any],
    members: Iterable[Mapping[str, Any]],
    *,
    serving: Iterable[tuple[Mapping[str, Any], tuple[str, int]]],
    tokens: Callable[[bytes], bool],
) -> Route:
    """Return where the front of a service or endpoint leads.

    Parameters
    ----------
    document : Mapping[str, Any]
        That of the service or endpoint.
    members : Iterable[Mapping[str, Any]]
        The documents of an endpoint's versions; of a service, its own.
    serving : Iterable[tuple]
        Those of them that have a healthy container, each with its host and port.
    tokens : Callable[[bytes], bool]
        Whether a bearer token is one for this service.
    """
    keys = document[OWN]["keys"]
    opening = (keys["primaryKey"].encode(), keys["secondaryKey"].encode())
    by_version = shares(members)
    return Route(
        tuple(_target(each, place, by_version) for each, place in serving),
        keys=opening if document["authEnabled"] else (),
        takes_token=tokens if document.get("aadAuthEnabled") else None,
        origins=frozenset(allowed_origins(document)),
        prefix=prefix_of(document).encode(),
        is_router=is_on_kubernetes(document),
    )


def _target(
    document: Mapping[str, Any], place: tuple[str, int], by_version: Mapping[str, float]
) -> Target:
    if not is_on_kubernetes(document):
        return Target(place)
    if not document[OWN].get("endpoint"):
        return Target(place, limits=limits_of(document))
    version = document["name"]
    return Target(place, version=version, share=by_version[version], limits=limits_of(document))
