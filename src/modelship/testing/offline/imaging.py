"""What makes images without deploying them: environments, packages and a registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelship.testing.offline.environments.building import EnvironmentBuilds
from modelship.testing.offline.environments.environment_places import Places
from modelship.testing.offline.environments.environment_registry import Environments
from modelship.testing.offline.nocode.no_code import NoCode
from modelship.testing.offline.operations import Operations
from modelship.testing.offline.packages.image_registry import Registry
from modelship.testing.offline.packages.packaging import Packages
from modelship.testing.offline.workers import Workers

if TYPE_CHECKING:
    from modelship.testing.offline.compute import Kind
    from modelship.testing.offline.document_store import Store
    from modelship.testing.offline.identity import Identity
    from modelship.testing.offline.offline_app import Call
    from modelship.testing.offline.request_guard import Guard

__all__ = ["Imaging"]


class Imaging:
    """The environments of a workspace, and the images that are made of them.

    Parameters
    ----------
    store : Store
        Keeps them.
    identity : Identity
        The workspace; its port and a password of its own are those of the registry.
    guard : Guard
        Signs the addresses of logs.
    compute : {"process", "docker"}
        Where the services of the workspace run; environments are built for that.
    base_image : str, optional
        What images stand on.
    temporary : bool
        Whether the workspace is removed when it is closed.
    """

    def __init__(
        self,
        store: Store,
        identity: Identity,
        *,
        guard: Guard,
        compute: Kind,
        base_image: str | None,
        temporary: bool,
    ) -> None:
        self._temporary = temporary
        self._workers = Workers()
        self._registry = registry = Registry(
            f"127.0.0.1:{identity.ports['http']}", password=identity.key_for("registry")
        )
        operations = Operations(store, guard=guard)
        environments = Environments(store)
        places = Places(
            store,
            default=compute,
            base_image=base_image,
            registry=registry,
            operations=operations,
        )
        builds = EnvironmentBuilds(store, environments, operations, places, self._workers)
        nocode = NoCode(store)
        packages = Packages(store, environments, operations, places, nocode, self._workers)
        self._parts = (registry, environments, builds, packages)

    def close(self) -> None:
        """Wait for builds; take the names of images away from the engine if all of it goes."""
        self._workers.close()
        self._registry.close(forget=self._temporary)

    def calls(self) -> list[Call]:
        """Return what the workspace answers."""
        return [call for part in self._parts for call in part.calls()]
