"""Define LocalBackend: what the targets of this machine share, which are addresses and keys."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal

from modelship.errors import UnsupportedError
from modelship.targets.address import IS_SUPPORTED, Gates
from modelship.targets.backend import TargetBackend

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping
    from pathlib import Path

    from modelship.targets.instance import Instance
    from modelship.targets.keys import ServiceKeys
    from modelship.targets.release import Serving

__all__ = ["LocalBackend"]


class LocalBackend(TargetBackend):
    """A place on this machine, whose names have addresses, and whose services may have keys."""

    _has_gates: ClassVar[bool] = IS_SUPPORTED

    def __init__(self) -> None:
        self._gates = Gates(self.name)

    @abstractmethod
    def _folder(self, instance: Instance) -> Path:
        """Return the folder of an instance, with its gate."""

    @abstractmethod
    def _read_keys(self, instance: Instance) -> ServiceKeys | None:
        """Return the keys of an instance; None if it requires none."""

    @abstractmethod
    def _write_keys(self, instance: Instance, keys: ServiceKeys) -> None:
        """Replace the keys of an instance."""

    def _variables(self, app_root: str) -> Mapping[str, str]:  # noqa: ARG002 - for subclasses
        """Return additional environment variables of a service; for subclasses."""
        return {}

    def check_serving(self, serving: Serving) -> None:
        super().check_serving(serving)
        serving.program.check_own(auth=serving.auth)

    def address(self, instance: Instance) -> socket.socket:
        return self._gates.address_of(self._folder(instance))

    def accept(self, instance: Instance, *, on: bool) -> None:
        if instance.own_uri:  # else it has only that, and serves it while it runs
            self._gates.tell(instance, self._folder(instance), on=on)

    def lend(self, instance: Instance) -> socket.socket:
        return self._gates.lend(self._folder(instance))

    def keys(self, instance: Instance) -> ServiceKeys:
        keys = self._read_keys(instance)
        if keys is None:
            raise UnsupportedError(target=self.name, ability="keys without Serving(auth=True)")
        return keys

    def regenerate_key(
        self, instance: Instance, which: Literal["primary", "secondary"], *, value: str | None
    ) -> None:
        self._write_keys(instance, self.keys(instance).replace(which, value))

    def _keys_of(self, name: str) -> ServiceKeys | None:
        """Return the keys that clients of the service use, if it currently requires one."""
        return next(filter(None, map(self._read_keys, self.instances(name))), None)
