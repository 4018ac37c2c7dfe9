"""Route service addresses: which front routes to which containers, and who has access."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelship.testing.offline.aks.aks_services import limits_of
from modelship.testing.offline.aks.endpoint_versions import shares
from modelship.testing.offline.routes import Route, Target
from modelship.testing.offline.service_documents import (
    MANAGED,
    OWN,
    allowed_origins,
    is_on_kubernetes,
    key_of,
)
from modelship.testing.offline.v2.managed_routes import managed_route

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from modelship.testing.offline.document_store import Documents
    from modelship.testing.offline.front import Fronts
    from modelship.testing.offline.offline_context import Context

__all__ = ["Addresses"]


class Addresses:
    """Routes the address of each service to its current containers, according to the documents.

    A version of an endpoint has no address of its own: it is served at the endpoint's address. So
    is a deployment of a managed online endpoint.

    Parameters
    ----------
    context : Context
        The state that the parts of the workspace share.
    fronts : Fronts
        What listens.
    """

    def __init__(self, context: Context, *, fronts: Fronts) -> None:
        store = context.store
        self._services = store.documents("services")
        self._endpoints = store.documents("endpoints")
        self._online = store.documents("online-endpoints")
        self._context = context
        self._fronts = fronts
        self._tokens = context.tokens
        self._serving: dict[str, tuple[str, int]] = {}

    def lead(self, key: str, place: tuple[str, int]) -> str:
        """Route to a container that is healthy now, and return the scoring URI.

        Parameters
        ----------
        key : str
            The key of the document that the container belongs to.
        place : tuple[str, int]
            The host and port of the container.
        """
        self._serving[key] = place
        return self.announce(_front_of(key))

    def announce(self, name: str) -> str:
        """Open the address of a service or endpoint, and return the scoring URI."""
        document = self._document(name)
        port = self._fronts.open(name, port=document[OWN].get("port"))
        self._holder(name).change(name, **{OWN: document[OWN] | {"port": port}})
        self.renew(name)
        return f"http://127.0.0.1:{port}{_prefix_of(document)}/score"

    def renew(self, name: str) -> None:
        """Update the front of a service or endpoint, if it has one, from the current documents."""
        if not self._fronts.is_open(name):
            return
        document = self._document(name)
        members = [each for each in self._services.all() if _front_of(key_of(each)) == name]
        serving = [
            (each, self._serving[key]) for each in members if (key := key_of(each)) in self._serving
        ]
        tokens = self._tokens.of(name)
        if document["computeType"] == MANAGED:
            checks = {"amltoken": tokens, "aadtoken": self._context.guard.takes}
            faults = self._context.faults
            names = [each["name"] for each in members]
            route = managed_route(
                document, names=names, serving=serving, tokens=checks, faults=faults
            )
        else:
            route = _route_to(document, members, serving=serving, tokens=tokens)
        self._fronts.point(name, route)

    def block(self, key: str) -> None:
        """Stop routing to the container of a document."""
        if self._serving.pop(key, None) is not None:
            self.renew(_front_of(key))

    def drain(self, place: tuple[str, int]) -> None:
        """Wait until a container that is no longer routed to has answered, at most some seconds."""
        self._fronts.drain(place)

    def shut(self, name: str) -> None:
        """Release the address of a service or endpoint; does nothing if it has none."""
        self._fronts.shut(name)

    def close(self) -> None:
        """Release all addresses. Safe to call twice."""
        self._fronts.close()

    def _holder(self, name: str) -> Documents:
        if self._online.get(name) is not None:
            return self._online
        return self._services if self._endpoints.get(name) is None else self._endpoints

    def _document(self, name: str) -> dict[str, Any]:
        document = self._holder(name).get(name)
        if document is None:
            raise KeyError(name)
        return document


def _front_of(key: str) -> str:
    """Return the name of the service or endpoint at whose address a container is served."""
    return key.partition(".")[0]


def _prefix_of(document: Mapping[str, Any]) -> str:
    """Return the part before ``/score`` in the path of a service's scoring URI."""
    return f"/api/v1/service/{document['name']}" if is_on_kubernetes(document) else ""


def _route_to(
    document: Mapping[str, Any],
    members: Iterable[Mapping[str, Any]],
    *,
    serving: Iterable[tuple[Mapping[str, Any], tuple[str, int]]],
    tokens: Callable[[bytes], bool],
) -> Route:
    """Return the route of the front of a service or endpoint.

    `members` are the documents of an endpoint's versions, or a service's own; `serving` those that
    have a healthy container, each with its host and port; `tokens` checks bearer tokens.
    """
    keys = document[OWN]["keys"]
    opening = (keys["primaryKey"].encode(), keys["secondaryKey"].encode())
    by_version = shares(members)
    return Route(
        tuple(_target(each, place, by_version) for each, place in serving),
        keys=opening if document["authEnabled"] else (),
        takes_token=tokens if document.get("aadAuthEnabled") else None,
        origins=frozenset(allowed_origins(document)),
        prefix=_prefix_of(document).encode(),
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
