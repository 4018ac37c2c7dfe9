"""Keys: what a service asks for, and the ability of a target to tell it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from modelship.targets.backend import Instance

__all__ = ["ServiceKeys", "SupportsKeys"]


@dataclass(frozen=True)
class ServiceKeys:
    """The two keys of a service; either is taken. They are secrets, and not shown.

    Attributes
    ----------
    primary, secondary : str
        What goes after ``Authorization: Bearer``.
    """

    primary: str = field(repr=False)
    secondary: str = field(repr=False)


@runtime_checkable
class SupportsKeys(Protocol):
    """A backend whose services may ask for a key."""

    def keys(self, instance: Instance) -> ServiceKeys:
        """Return the keys of an instance."""

    def regenerate_key(
        self, instance: Instance, which: Literal["primary", "secondary"], *, value: str | None
    ) -> None:
        """Make one of the keys anew, at random or as `value`."""
