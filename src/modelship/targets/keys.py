"""Define Keys: the keys of a service, and the interface of targets with keys."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from modelship.documents import DocumentError, parse, read_regular, record, text
from modelship.errors import StorageError
from modelship.staging import storing, write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from modelship.targets.instance import Instance

__all__ = ["ServiceKeys", "SupportsKeys", "read_keys", "write_keys"]

_KEY_BYTES = 24
_MOST_BYTES = 2**16
_SCHEMA = record(dict.fromkeys(("primary", "secondary"), text(pattern=r"\S{1,1000}")))


@dataclass(frozen=True)
class ServiceKeys:
    """The two keys of a service; either is accepted. They are secrets, and not shown.

    Attributes
    ----------
    primary, secondary : str
        The token that follows ``Authorization: Bearer``.
    """

    primary: str = field(repr=False)
    secondary: str = field(repr=False)

    @staticmethod
    def new() -> ServiceKeys:
        """Return two random keys."""
        return ServiceKeys(_random(), _random())

    def replace(self, which: Literal["primary", "secondary"], value: str | None) -> ServiceKeys:
        """Return the keys with one of them regenerated, at random or as `value`."""
        return replace(self, **{which: value or _random()})

    @staticmethod
    def from_json(text: str | bytes) -> ServiceKeys:
        """Parse the result of :meth:`to_json`.

        Raises
        ------
        StorageError
            If it is something else. The message does not quote it: it may hold a key.
        """
        try:
            return ServiceKeys(**_SCHEMA(parse(text), ""))
        except ValueError:
            raise StorageError(
                path="the file of the service's keys",
                cause="it does not contain two keys",
                advice="Deploy it again with overwrite=True (--overwrite): it gets new keys.",
            ) from None

    def to_json(self) -> str:
        """Return the keys in the form that modelship's server reads; as secret as the keys."""
        return json.dumps({"primary": self.primary, "secondary": self.secondary})


@runtime_checkable
class SupportsKeys(Protocol):
    """A backend whose services may require a key."""

    def keys(self, instance: Instance) -> ServiceKeys:
        """Return the keys of an instance."""

    def regenerate_key(
        self, instance: Instance, which: Literal["primary", "secondary"], *, value: str | None
    ) -> None:
        """Regenerate one of the keys, at random or as `value`."""


def _random() -> str:
    return secrets.token_urlsafe(_KEY_BYTES)


def read_keys(file: Path) -> ServiceKeys | None:
    """Return the keys in a file, which the server reloads on changes; None if there is none."""
    try:
        with storing(file):
            content = read_regular(file, most_bytes=_MOST_BYTES)
    except FileNotFoundError:
        return None
    except DocumentError:  # none of our files is so large, or a link
        content = b""
    return ServiceKeys.from_json(content)


def write_keys(file: Path, keys: ServiceKeys) -> None:
    """Write the keys into a private file, atomically, so that no reader sees half of it."""
    write_atomic(file, keys.to_json(), mode=0o600)
