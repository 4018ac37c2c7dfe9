"""What an offline workspace is made of: the parts that answer calls, and how they fit together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from modelship.testing.offline.artifacts import Artifacts
from modelship.testing.offline.blobs import Blobs
from modelship.testing.offline.computes import Computes
from modelship.testing.offline.control import Control
from modelship.testing.offline.data.datasets import Datasets
from modelship.testing.offline.data.datastores import Datastores
from modelship.testing.offline.data.storage_containers import Containers
from modelship.testing.offline.data.vault import Vault
from modelship.testing.offline.imaging import Imaging
from modelship.testing.offline.login import Login, ServicePrincipal
from modelship.testing.offline.model_routes import Models
from modelship.testing.offline.resource_routes import Resources
from modelship.testing.offline.runs.training import Training
from modelship.testing.offline.service_routes import Services
from modelship.testing.offline.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import ExitStack

    from modelship.testing.offline.document_store import Store
    from modelship.testing.offline.faults import Faults
    from modelship.testing.offline.identity import Identity
    from modelship.testing.offline.insights import Insights
    from modelship.testing.offline.listeners import Listeners
    from modelship.testing.offline.offline_app import Call
    from modelship.testing.offline.request_guard import Guard
    from modelship.workspace.access import Access

__all__ = ["Assembly"]


@dataclass(frozen=True)
class Assembly:
    """What the parts of one workspace share, and the parts themselves once it is opened.

    Parameters
    ----------
    identity : Identity
        Its names, ids, ports and keys.
    store : Store
        Where its state is kept.
    guard : Guard
        Who is let in.
    access : Access
        How modelship connects to it.
    faults : Faults
        What goes wrong, on request.
    insights : Insights
        Takes in what services send.
    listeners : Listeners
        Hold the sockets of the services.
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
    compute: Literal["process", "docker"]
    base_image: str | None
    sealed: bool
    temporary: bool
    exported: Callable[[], dict[str, str]]

    def open(self, stack: ExitStack) -> tuple[Call, ...]:
        """Start the services that ran before, and return every call that the workspace answers.

        What runs is ended when `stack` is unwound.
        """
        self.store.clear_drafts()
        services = self._services()
        stack.callback(services.close)
        services.start()
        return (*self._calls(stack), *services.calls())

    def _services(self) -> Services:
        return Services(
            self.store,
            guard=self.guard,
            front_key=self.identity.key_for("fronts"),
            token_key=self.identity.key_for("service tokens"),
            faults=self.faults,
            insights=self.insights,
            container=f"azureml-blobstore-{self.identity.workspace_id}",
            compute=self.compute,
            base_image=self.base_image,
            location=self.identity.location,
            listeners=self.listeners,
        )

    def _calls(self, stack: ExitStack) -> Iterator[Call]:
        blobs = Blobs(self.store, guard=self.guard)
        artifacts = Artifacts(
            self.store,
            blobs=blobs,
            upload_endpoint=f"https://127.0.0.1:{self.identity.ports['https']}",
            account=self.identity.storage_account,
        )
        training = self._training(artifacts)
        stack.callback(training.close)
        images = self._images()
        stack.callback(images.close)
        parts = (
            Control(self.identity),
            Resources(self.identity, store=self.store),
            Login(ServicePrincipal.of(self.identity), access=self.access),
            Telemetry(self.insights),
            images,
            Computes(self.store, self.identity),
            Models(self.store),
            blobs,
            artifacts,
            Containers(self.store),
            Datastores(self.store, self.identity, sealed=self.sealed),
            Datasets(self.store),
            Vault(self.store),
            training,
        )
        for part in parts:
            yield from part.calls()

    def _training(self, artifacts: Artifacts) -> Training:
        return Training(
            self.store,
            identity=self.identity,
            guard=self.guard,
            artifacts=artifacts,
            access=self.access,
            exported=self.exported,
        )

    def _images(self) -> Imaging:
        return Imaging(
            self.store,
            self.identity,
            guard=self.guard,
            compute=self.compute,
            base_image=self.base_image,
            temporary=self.temporary,
        )
