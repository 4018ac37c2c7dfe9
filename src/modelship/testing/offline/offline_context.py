"""What all parts of an offline workspace share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelship.testing.offline.compute import Kind
    from modelship.testing.offline.document_store import Store
    from modelship.testing.offline.faults import Faults
    from modelship.testing.offline.identity import Identity
    from modelship.testing.offline.insights import Insights
    from modelship.testing.offline.listeners import Listeners
    from modelship.testing.offline.request_guard import Guard
    from modelship.workspace.access import Access

__all__ = ["Context"]


@dataclass(frozen=True)
class Context:
    """What the parts of one workspace share.

    Parameters
    ----------
    identity : Identity
        Its names, ids, ports and keys.
    store : Store
        Where its state is kept.
    guard : Guard
        Who is let in; signs addresses.
    access : Access
        How modelship connects to it.
    faults : Faults
        What goes wrong, on request.
    insights : Insights
        Takes in what services send to Application Insights.
    listeners : Listeners
        Hold the sockets of the services' addresses.
    compute : {"process", "docker"}
        What runs a service.
    base_image : str or None
        What images are built upon.
    sealed : bool
        Whether nothing reaches other hosts.
    temporary : bool
        Whether its folder is removed at the end.
    exported : Callable
        Returns the variables with which a client finds the workspace.
    """

    identity: Identity
    store: Store
    guard: Guard
    access: Access
    faults: Faults
    insights: Insights
    listeners: Listeners
    compute: Kind
    base_image: str | None
    sealed: bool
    temporary: bool
    exported: Callable[[], dict[str, str]]

    @property
    def front_key(self) -> str:
        """What the containers want to see of whoever asks them, beside the keys of services."""
        return self.identity.key_for("fronts")
