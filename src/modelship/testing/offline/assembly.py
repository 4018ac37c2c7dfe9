"""Assemble an offline workspace from the parts that answer its calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelship.testing.offline.aks.endpoints import Endpoints
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
from modelship.testing.offline.login import Login
from modelship.testing.offline.model_routes import Models
from modelship.testing.offline.nocode.no_code import NoCode
from modelship.testing.offline.packages.image_registry import Registry
from modelship.testing.offline.packages.packaging import Packages
from modelship.testing.offline.profiling.profiles import Profiles
from modelship.testing.offline.registries.registry_assets import RegistryAssets
from modelship.testing.offline.registries.registry_imports import RegistryImports
from modelship.testing.offline.registries.registry_resources import RegistryResources
from modelship.testing.offline.runs.executions import Executions
from modelship.testing.offline.runs.experiments import Experiments
from modelship.testing.offline.runs.jobs import Jobs
from modelship.testing.offline.runs.run_history import History
from modelship.testing.offline.runs.run_metrics import Metrics
from modelship.testing.offline.runs.run_records import Records
from modelship.testing.offline.runs.snapshots import Snapshots
from modelship.testing.offline.service_checks import Checks
from modelship.testing.offline.service_credentials import Credentials
from modelship.testing.offline.service_rollouts import Rollouts
from modelship.testing.offline.service_routes import Services
from modelship.testing.offline.v2.arm_assets import ArmAssets
from modelship.testing.offline.v2.arm_datastores import ArmDatastores
from modelship.testing.offline.v2.arm_operations import ArmOperations
from modelship.testing.offline.v2.batch_deployments import BatchDeployments
from modelship.testing.offline.v2.batch_endpoints import BatchEndpoints
from modelship.testing.offline.v2.batch_jobs import BatchJobs
from modelship.testing.offline.v2.machine_sizes import MachineSizes
from modelship.testing.offline.v2.online_deployments import OnlineDeployments
from modelship.testing.offline.v2.online_endpoints import OnlineEndpoints
from modelship.testing.offline.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import ExitStack

    from modelship.testing.offline.offline_app import Call, Part
    from modelship.testing.offline.offline_context import Context

__all__ = ["open_parts"]


def open_parts(context: Context, stack: ExitStack) -> tuple[Call, ...]:
    """Start the services that ran before, and return all calls that the workspace answers.

    Everything running is stopped when `stack` is unwound.
    """
    context.store.clear_drafts()
    rollouts = Rollouts(context)
    stack.callback(rollouts.close)
    rollouts.start()
    parts = (
        *_state_parts(context, stack),
        *_image_parts(context, stack),
        *_service_parts(context, rollouts),
    )
    return tuple(call for part in parts for call in part.calls())


def _state_parts(context: Context, stack: ExitStack) -> Iterator[Part]:
    artifacts = Artifacts(context)
    datastores = Datastores(context)
    parts = (
        *(Control, Login, Models, Blobs, Containers, Datasets, Vault, Computes),
        *(RegistryResources, RegistryAssets, MachineSizes),
    )
    yield from (kind(context) for kind in parts)
    yield datastores
    yield ArmDatastores(context, datastores)
    yield ArmAssets(context, datastores.container_of)
    yield RegistryImports(context, datastores.container_of)
    yield context.insights
    yield artifacts
    yield from _training_parts(context, stack, artifacts, datastores)


def _training_parts(
    context: Context, stack: ExitStack, artifacts: Artifacts, datastores: Datastores
) -> Iterator[Part]:
    store = context.store
    records, experiments = Records(store), Experiments(context)
    snapshots = Snapshots(context, artifacts)
    jobs = Jobs(context, records)
    stack.callback(jobs.close)
    jobs.recover()
    yield experiments
    yield History(records, experiments, artifacts, context.access)
    yield Metrics(context, records)
    yield snapshots
    yield Executions(
        context, experiments=experiments, records=records, snapshots=snapshots, jobs=jobs
    )
    endpoints = BatchEndpoints(context)
    deployments = BatchDeployments(context, endpoints)
    yield endpoints
    yield deployments
    yield BatchJobs(
        context,
        endpoints,
        deployments,
        container_of=datastores.container_of,
        runs=(experiments, records, jobs),
    )


def _service_parts(context: Context, rollouts: Rollouts) -> Iterator[Part]:
    endpoints = Endpoints(context, rollouts)
    checks = Checks(context, endpoints)
    yield Services(context, rollouts, endpoints=endpoints, checks=checks)
    yield checks
    yield Profiles(context, rollouts)
    yield Credentials(context, rollouts)
    yield context.operations
    online = OnlineEndpoints(context, rollouts)
    yield online
    yield OnlineDeployments(context, rollouts, online)
    yield ArmOperations(context)


def _image_parts(context: Context, stack: ExitStack) -> Iterator[Part]:
    """Yield the parts that build images without deploying them."""
    store, identity = context.store, context.identity
    registry = Registry(
        f"127.0.0.1:{identity.ports['http']}", password=identity.key_for("registry")
    )
    # Image names are removed from the engine if the whole workspace is removed.
    stack.callback(registry.close, forget=context.temporary)
    workers = Workers()
    stack.callback(workers.close)
    environments = Environments(context)
    operations, places = context.operations, Places(context, registry)
    builds = EnvironmentBuilds(store, environments, operations, places, workers)
    packages = Packages(store, environments, operations, places, workers, NoCode(store))
    yield from (registry, environments, builds, packages)
