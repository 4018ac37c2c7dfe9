"""Assemble an offline workspace from the parts that answer its calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelship.testing.offline.artifacts import Artifacts
from modelship.testing.offline.blobs import Blobs
from modelship.testing.offline.computes import Computes
from modelship.testing.offline.control import Control
from modelship.testing.offline.data.datasets import Datasets
from modelship.testing.offline.data.datastores import Datastores
from modelship.testing.offline.data.storage_containers import Containers
from modelship.testing.offline.data.vault import Vault
from modelship.testing.offline.environments.building import EnvironmentBuilds
from modelship.testing.offline.environments.environment_places import Places
from modelship.testing.offline.environments.environment_registry import Environments
from modelship.testing.offline.insights import Telemetry
from modelship.testing.offline.login import Login, ServicePrincipal
from modelship.testing.offline.model_routes import Models
from modelship.testing.offline.nocode.no_code import NoCode
from modelship.testing.offline.operations import Operations
from modelship.testing.offline.packages.image_registry import Registry
from modelship.testing.offline.packages.packaging import Packages
from modelship.testing.offline.resource_routes import Resources
from modelship.testing.offline.runs.training import Training
from modelship.testing.offline.service_routes import Services
from modelship.testing.offline.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import ExitStack

    from modelship.testing.offline.offline_app import Call
    from modelship.testing.offline.offline_context import Context

__all__ = ["open_parts"]


def open_parts(context: Context, stack: ExitStack) -> tuple[Call, ...]:
    """Start the services that ran before, and return all calls that the workspace answers.

    Everything running is stopped when `stack` is unwound.
    """
    context.store.clear_drafts()
    services = Services(context)
    stack.callback(services.close)
    services.start()
    return (*_calls(context, stack), *services.calls())


def _calls(context: Context, stack: ExitStack) -> Iterator[Call]:
    identity, store = context.identity, context.store
    blobs = Blobs(store, guard=context.guard)
    artifacts = Artifacts(
        store,
        blobs=blobs,
        upload_endpoint=f"https://127.0.0.1:{identity.ports['https']}",
        account=identity.storage_account,
    )
    training = Training(
        store,
        identity=identity,
        guard=context.guard,
        artifacts=artifacts,
        access=context.access,
        exported=context.exported,
    )
    stack.callback(training.close)
    parts = (
        Control(identity),
        Resources(identity, store=store),
        Login(ServicePrincipal.of(identity), access=context.access),
        Telemetry(context.insights),
        Computes(store, identity),
        Models(store),
        blobs,
        artifacts,
        Containers(store),
        Datastores(store, identity, sealed=context.sealed),
        Datasets(store),
        Vault(store),
        training,
    )
    for part in parts:
        yield from part.calls()
    yield from _image_calls(context, stack)


def _image_calls(context: Context, stack: ExitStack) -> Iterator[Call]:
    """Yield the calls of the parts that build images without deploying them."""
    store, identity = context.store, context.identity
    registry = Registry(
        f"127.0.0.1:{identity.ports['http']}", password=identity.key_for("registry")
    )
    # Image names are removed from the engine if the whole workspace is removed.
    stack.callback(registry.close, forget=context.temporary)
    workers = Workers()
    stack.callback(workers.close)
    environments = Environments(store)
    operations = Operations(store, guard=context.guard)
    places = Places(
        store,
        default=context.compute,
        base_image=context.base_image,
        registry=registry,
        operations=operations,
    )
    builds = EnvironmentBuilds(store, environments, operations, places, workers)
    packages = Packages(store, environments, operations, places, NoCode(store), workers)
    for part in (registry, environments, builds, packages):
        yield from part.calls()
