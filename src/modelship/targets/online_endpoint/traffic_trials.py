"""Change the traffic of an endpoint for a trial, and give it back to whom it belonged before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from modelship.targets.online_endpoint.endpoint_traffic import mirrored_in, shares_of, traffic_lost

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.targets.online_endpoint.endpoint_place import EndpointPlace

__all__ = ["TrafficTrial"]

_ALL: Final = 100


@dataclass
class TrafficTrial:
    """The traffic of one endpoint while a new deployment is tried.

    Parameters
    ----------
    name : str
        The endpoint.
    new : str
        The instance that is tried.
    """

    name: str
    new: str
    _before: dict[str, int] = field(default_factory=dict)
    _mirrored_before: dict[str, int] = field(default_factory=dict)
    _wanted: Mapping[str, int] | None = None

    def set(
        self, place: EndpointPlace, shares: Mapping[str, int], mirror: Mapping[str, int]
    ) -> None:
        """Set the traffic of the next step.

        Raises
        ------
        WorkspaceRequestError
            If another client has changed it since the last one.
        """
        self.require_own(place)
        if self._wanted is None:
            endpoint = place.workspace.endpoint(self.name) or {}
            self._before = shares_of(endpoint)
            self._mirrored_before = {**mirrored_in(endpoint)}
        place.route(self.name, shares, mirror=mirror)
        self._wanted = shares

    def require_own(self, place: EndpointPlace) -> None:
        """Refuse to go on if another client has changed the traffic.

        Raises
        ------
        WorkspaceRequestError
            If it has: perhaps someone wants to stop the new release.
        """
        found = self._found(place)
        if self._wanted is not None and found != self._wanted:
            raise traffic_lost(self.name, place.workspace, wanted=self._wanted, found=found)

    def undo(self, place: EndpointPlace, old: str) -> None:
        """Set the traffic as it was before the trial, unless another client has changed it since.

        If a deployment that had a share is gone, all requests are routed to the deployment `old`.
        """
        found = self._found(place)
        if found and found != self._wanted:
            return
        there = {each["name"] for each in place.deployments(self.name)}
        is_whole = bool(self._before) and there.issuperset({*self._before, *self._mirrored_before})
        before = self._before if is_whole else {old: _ALL}
        place.route(self.name, before, mirror=self._mirrored_before if is_whole else None)

    def _found(self, place: EndpointPlace) -> dict[str, int]:
        return shares_of(place.workspace.endpoint(self.name) or {})
