"""The state that all parts of an offline workspace share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from modelship.testing.offline.insights import Insights
from modelship.testing.offline.operations import Operations
from modelship.testing.offline.service_credentials import ServiceTokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelship.testing.offline.compute import Kind
    from modelship.testing.offline.document_store import Store
    from modelship.testing.offline.faults import Faults
    from modelship.testing.offline.identity import Identity
    from modelship.testing.offline.listeners import Listeners
    from modelship.testing.offline.request_guard import Guard
    from modelship.workspace.access import Access

__all__ = ["Context"]


@dataclass(frozen=True)
class Context:
    """The state that the parts of one workspace share.

    Parameters
    ----------
    identity : Identity
        Its names, ids, ports and keys.
    store : Store
        Where its state is stored.
    guard : Guard
        Authenticates requests; signs addresses.
    access : Access
        How modelship connects to it.
    faults : Faults
        The injected faults.
    listeners : Listeners
        Hold the sockets of the services' addresses.
    compute : {"process", "docker"}
        The kind of process or container that runs a service.
    base_image : str or None
        The base image.
    sealed : bool
        Whether no request reaches other hosts.
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
    listeners: Listeners
    compute: Kind
    base_image: str | None
    sealed: bool
    temporary: bool
    exported: Callable[[], dict[str, str]]

    @property
    def shared_keys(self) -> bool:
        """Whether its storage account permits its key; otherwise clients use their token."""
        return self.guard.shared_keys

    @property
    def front_key(self) -> str:
        """The key that the containers require from clients, in addition to the keys of services."""
        return self.identity.key_for("fronts")

    @cached_property
    def insights(self) -> Insights:
        """Receives what services send to Application Insights."""
        return Insights(self)

    @property
    def operations(self) -> Operations:
        """The operations that clients follow."""
        return Operations(self)

    @property
    def tokens(self) -> ServiceTokens:
        """Issues and verifies the tokens of services."""
        return ServiceTokens(key=self.identity.key_for("service tokens"))
