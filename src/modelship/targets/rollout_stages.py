"""Define Stages: what a new release has to pass before all requests are routed to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelship.errors import InvalidOptionError, UnsupportedError
from modelship.evaluation import Gate
from modelship.routing import Canary, Shadow
from modelship.routing.router import require_router
from modelship.targets.backend import SupportsLend, SupportsShares

if TYPE_CHECKING:
    from modelship.targets.backend import TargetBackend
    from modelship.targets.instance import Instance

__all__ = ["Stages"]


@dataclass(frozen=True)
class Stages:
    """The stages that a new release has to pass before all requests are routed to it.

    Parameters
    ----------
    gate : Gate, optional
        It is evaluated, before any request of a client is routed to it.
    shadow : Shadow, optional
        Copies of requests are sent to it, before any request itself.
    canary : Canary, optional
        A growing share of the requests is routed to it.
    """

    gate: Gate | None = None
    shadow: Shadow | None = None
    canary: Canary | None = None

    @classmethod
    def checked(cls, *, gate: object, rollout: object, shadow: object) -> Stages:
        """Return the requested stages.

        Raises
        ------
        InvalidOptionError
            If one has an invalid type or value.
        """
        canary = Canary() if rollout == "canary" else rollout
        if not isinstance(gate, Gate | None):
            raise InvalidOptionError("gate", gate, "a Gate, such as Gate(evaluator, accuracy=0.9)")
        if not isinstance(canary, Canary | None):
            raise InvalidOptionError("rollout", rollout, "'canary', a Canary(...) or None")
        if not isinstance(shadow, Shadow | None):
            raise InvalidOptionError("shadow", shadow, "a Shadow(...) or None")
        return cls(gate, shadow, canary)

    @property
    def needs_traffic(self) -> bool:
        """Whether requests of clients are needed."""
        return self.shadow is not None or self.canary is not None

    def require(self, backend: TargetBackend, *, way: str, current: Instance | None) -> None:
        """Raise UnsupportedError if a place does not support them when it replaces `current`.

        Raises
        ------
        MissingExtraError
            If the packages of the router are needed and not installed.
        """
        if self.needs_traffic and isinstance(backend, SupportsLend):
            require_router()
        if current is None:
            return
        if self.gate is not None and way != "side by side":
            ability = f"gate for a name whose service it replaces {way}: it would already serve"
            raise UnsupportedError(target=backend.name, ability=ability)
        shares = isinstance(backend, SupportsShares)
        lends = isinstance(backend, SupportsLend) and bool(current.own_uri)
        if self.needs_traffic and not ((shares or lends) and way == "side by side"):
            ability = "canary or shadow here: the name has no address of its own"
            raise UnsupportedError(target=backend.name, ability=ability)
