"""Run containers behind the address of their name, which survives their replacement."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modelship.runtime.images import labels
from modelship.runtime.images.engine import connected
from modelship.state_paths import state_folder
from modelship.targets.address import (
    IS_SUPPORTED,
    ROUTED,
    Gates,
    address_for,
    fetch,
    has_lost_it,
    port_of,
    uri_of,
)
from modelship.targets.backend import TargetBackend
from modelship.targets.docker import container as containers
from modelship.targets.docker import gates
from modelship.targets.instance import serving_first

if TYPE_CHECKING:
    import socket

    from modelship.progress import Steps
    from modelship.runtime.images.engine import Engine
    from modelship.runtime.images.inspection import Container
    from modelship.targets.backend import Prepared
    from modelship.targets.instance import Instance
    from modelship.targets.release import Release

__all__ = ["AddressedContainers"]

_NOWHERE: Final = Path("/nonexistent")
_NO_ADDRESS: Final = (
    "note: this engine cannot hand the address of a name over to a container. Requests go to the "
    "container's own port; to keep that when the service is updated, name one: Serving(port=...)"
)


class AddressedContainers(TargetBackend):
    """The part of the docker target that handles addresses.

    A container gets the address, a listening socket of this machine, if the engine runs on this
    machine. Otherwise its own port is the address.
    """

    _has_gates: bool = IS_SUPPORTED

    def __init__(self) -> None:
        self._gates = Gates(self.name)
        self._is_refused = False  # a gate, through the engine
        self._folders: dict[str, Path] = {}

    @property
    @abstractmethod
    def _namespace(self) -> str:
        """The namespace that separates its containers from others."""

    @abstractmethod
    def _run(
        self,
        engine: Engine,
        instance: Instance,
        prepared: Prepared,
        steps: Steps,
        *,
        port: int | None,
        folder: Path | None = None,
    ) -> None:
        """Create and start a container, which is published on `port` and mounts `folder`."""

    def runs_beside(self, release: Release, current: Instance | None) -> bool:
        """Return whether two instances can run at once: on one port, if they can share it."""
        if current is not None and self._folder(current).exists():
            return not current.own_uri or self._shares(current)  # without one, it does not run
        return current is None or not current.direct_uri or release.serving.port is None

    def start(self, draft: Instance, prepared: Prepared, steps: Steps) -> Instance:
        with connected() as engine:
            if self._has_gates:
                started = self._start_with_gate(engine, draft, prepared, steps)
                if started is not None:
                    return started
                steps.say(_NO_ADDRESS)
            self._run(engine, draft, prepared, steps, port=prepared.release.serving.port)
            container = engine.container(draft.instance_id)
        return containers.at(draft, container) if container else draft

    def address(self, instance: Instance) -> socket.socket:
        return self._gates.address_of(self._folder(instance))

    def accept(self, instance: Instance, *, on: bool) -> None:
        if instance.own_uri:  # else it has only that, and serves it while it runs
            self._gates.tell(instance, self._folder(instance), on=on)

    def lend(self, instance: Instance) -> socket.socket:
        return self._gates.lend(self._folder(instance))

    def _start_with_gate(
        self, engine: Engine, draft: Instance, prepared: Prepared, steps: Steps
    ) -> Instance | None:
        """Start a container that has a gate; None if none can be passed to it."""
        if self._is_refused or not engine.is_here:
            return None
        folder = state_folder() / self._namespace / draft.instance_id
        with (
            self._address_for(draft.name, prepared.release.serving.port) as address,
            gates.offered(folder) as (calls, handover),
        ):
            instance = draft.at(uri_of(address))
            try:
                self._run(engine, instance, prepared, steps, port=None, folder=folder)
            except FileNotFoundError:  # the engine sees other folders than this process
                self._refuse(folder)
                return None
            leash = gates.taken(handover, may_come=lambda: _may_come(engine, instance, steps))
            container = engine.container(instance.instance_id)
            if leash is not None:
                with suppress(OSError):  # it exits
                    self._gates.hand_over(instance, leash, address=address, calls=calls)
            elif container is not None and containers.answers_itself(container):
                engine.remove(container, grace_s=0)
                self._refuse(folder)
                return None
        return containers.at(instance, container) if container else instance

    def _refuse(self, folder: Path) -> None:
        gates.remove(folder)
        self._is_refused = True

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
        """Return the folder of an instance's gate, whoever started it.

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
                    return record.at(record.own_uri)
                return replace(record, routed=(folder / ROUTED).exists())
        return record


def _may_come(engine: Engine, instance: Instance, steps: Steps) -> bool:
    """Return whether a container may still connect for its gate, before its first answer."""
    steps.deadline.check()
    found = engine.container(instance.instance_id)
    if found is None or containers.settled_state(found):
        return False
    return not containers.answers_itself(found)
