"""Find containers on an engine that others share, and the address of their name.

The address survives the replacement of a container.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modelship.progress import Deadline
from modelship.runtime.images import labels
from modelship.runtime.images.engine import connected
from modelship.state_paths import exclusive_on_machine
from modelship.targets.address import (
    ROUTED,
    address_for,
    fetch,
    has_lost_it,
    port_of,
)
from modelship.targets.docker import container as containers
from modelship.targets.docker.journal import EngineJournal
from modelship.targets.instance import serving_first
from modelship.targets.local_backend import LocalBackend

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Sequence

    from modelship.runtime.images.inspection import Container
    from modelship.targets.history import Journal
    from modelship.targets.instance import Instance
    from modelship.targets.release import Release

__all__ = ["AddressedContainers"]

_NOWHERE: Final = Path("/nonexistent")


class AddressedContainers(LocalBackend):
    """The part of the docker target that finds containers, locks names and handles addresses.

    A container gets the address, a listening socket of this machine, if the engine runs on this
    machine. Otherwise its own port is the address.
    """

    def __init__(self) -> None:
        super().__init__()
        self._folders: dict[str, Path] = {}

    @property
    def _namespace(self) -> str:
        """The namespace that separates its containers from others; a subclass has its own."""
        return self.name

    def instances(self, name: str | None = None) -> Sequence[Instance]:
        with connected() as engine:
            found = engine.containers(labels=[f"{labels.TARGET}={self._namespace}", labels.RECORD])
        return [each for each in map(self._read, found) if name in {None, each.name}]

    @contextmanager
    def alone(self, name: str, *, timeout_s: float) -> Iterator[None]:
        """Lock the name: also against other homes of this machine, which share the engine."""
        with connected() as engine:
            shared = f"{engine.identity()}/{self._namespace}/{name}"
        deadline = Deadline(timeout_s)
        with (
            super().alone(name, timeout_s=timeout_s),
            exclusive_on_machine(shared, timeout_s=deadline.remaining_s),
        ):
            yield

    def journal(self, name: str) -> Journal:
        """Return the history of a name, which the engine stores."""
        return EngineJournal(self._namespace, name)

    def runs_beside(self, release: Release, current: Instance | None) -> bool:
        """Return whether two instances can run at once: on one port, if they can share it."""
        if current is not None and self._folder(current).exists():
            return not current.own_uri or self._shares(current)  # without one, it does not run
        return current is None or not current.direct_uri or release.serving.port is None

    def _address_for(self, name: str, port: int | None) -> socket.socket:
        older = serving_first(self.instances(name))
        with connected() as engine:
            found = [engine.container(each.instance_id) for each in older]
        ours = [each for each in found if each is not None and labels.GATE in each.labels]
        last = port_of(containers.read_record(ours[0]).scoring_uri) if ours else None
        return address_for(map(self._folder_of, ours), port=port, last=last)

    def _shares(self, instance: Instance) -> bool:
        """Return whether an instance passes on the address of its name."""
        shared = fetch(self._folder(instance))
        if shared is not None:
            shared.close()
        return shared is not None

    def _folder(self, instance: Instance) -> Path:
        """Return the folder of an instance's gate.

        It is in a label, which never changes: a switch need not query the engine again.
        """
        if instance.instance_id not in self._folders:
            with connected() as engine:
                container = engine.container(instance.instance_id)
            if container is None:
                return _NOWHERE
            self._folders[instance.instance_id] = self._folder_of(container)
        return self._folders[instance.instance_id]

    @staticmethod
    def _folder_of(container: Container) -> Path:
        return Path(container.labels.get(labels.GATE) or _NOWHERE)

    def _read(self, container: Container) -> Instance:
        """Return the record of a container, with whether it serves the address of its name.

        After a restart a container has lost the address, and its own port is its address. If this
        user cannot read the folder, the container is assumed to serve the address.
        """
        record = containers.read_record(container)
        folder = self._folder_of(container)
        with suppress(OSError):
            if record.own_uri and folder.is_dir():
                if has_lost_it(folder):
                    return replace(record.at(record.own_uri), lost_uri=record.scoring_uri)
                return replace(record, routed=(folder / ROUTED).exists())
        return record
