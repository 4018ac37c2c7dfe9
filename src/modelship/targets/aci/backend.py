"""AciBackend: services of an Azure ML workspace on Azure Container Instances."""

from __future__ import annotations

import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from modelship.bundle.layout import APART
from modelship.bundle.profile import PROFILES
from modelship.bundle.store import stage_source
from modelship.diagnosis import Facts
from modelship.errors import (
    DeploymentFailedError,
    ModelshipError,
    NameTakenError,
    WorkspaceError,
)
from modelship.progress import Steps
from modelship.targets.aci.environment import azure_differences, conda_specification
from modelship.targets.aci.following import follow
from modelship.targets.aci.models import check_places, registered_ids
from modelship.targets.aci.options import AciOptions, check_resources, check_script, check_tags
from modelship.targets.aci.records import Image
from modelship.targets.aci.services import Services
from modelship.targets.aci.tags import instance_id, read_record, record_tags
from modelship.targets.aci.updates import changes_of, configuration_of, is_fixed_alike
from modelship.targets.backend import Observation, Prepared, TargetBackend
from modelship.targets.keys import ServiceKeys
from modelship.targets.state import State
from modelship.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from modelship.bundle import ScoringBundle
    from modelship.bundle.profile import Profile
    from modelship.targets.aci.records import Operation, Service
    from modelship.targets.instance import Instance
    from modelship.targets.release import Release, Serving

__all__ = ["AciBackend"]

_STATES = {
    "Healthy": State.HEALTHY,
    "Unhealthy": State.UNHEALTHY,
    "Failed": State.FAILED,
    "Unschedulable": State.FAILED,
    "Deleting": State.DELETING,
}
_COMPUTE = "ACI"
# What differs in a service once something was done to it.
_TOUCHED = ("state", "kvTags", "environmentImageRequest", "containerResourceRequirements")
_PAUSE_S = 1.0


class AciBackend(TargetBackend):
    r"""Runs each service on Azure Container Instances.

    The workspace keeps the record, so any process with the same workspace finds a service; one
    that was deployed by other means is found too. Overwriting changes a service in its place,
    which keeps its scoring URI, wherever Azure ML can; what it cannot change so (cores, memory,
    location, network, encryption) makes it anew. If the new bundle fails, the old one is put back.

    Parameters
    ----------
    workspace : azureml.core.Workspace, Workspace, str or Path, optional
        An open workspace; or a ``config.json``, or a folder to look for it in and above. The
        current folder if nothing is given.
    subscription_id, resource_group, workspace_name : str, optional
        All three of them, in place of `workspace`.
    location, primary_key, secondary_key, dns_name_label, ssl_enabled, \
    ssl_cert_pem_file, ssl_key_pem_file, ssl_cname, vnet_name, subnet_name, cmk_vault_base_url, \
    cmk_key_name, cmk_key_version, enable_app_insights, collect_model_data, properties
        As in :class:`~modelship.targets.aci.options.AciOptions`.

    Raises
    ------
    InvalidOptionError
        If an option has a value that it cannot take, or needs another one.
    """

    name: ClassVar[str] = "aci"
    default_check: ClassVar[Literal["static", "trial"]] = "trial"

    def __init__(
        self,
        *,
        workspace: object = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        workspace_name: str | None = None,
        location: str | None = None,
        primary_key: str | None = None,
        secondary_key: str | None = None,
        dns_name_label: str | None = None,
        ssl_enabled: bool | None = None,
        ssl_cert_pem_file: str | Path | None = None,
        ssl_key_pem_file: str | Path | None = None,
        ssl_cname: str | None = None,
        vnet_name: str | None = None,
        subnet_name: str | None = None,
        cmk_vault_base_url: str | None = None,
        cmk_key_name: str | None = None,
        cmk_key_version: str | None = None,
        enable_app_insights: bool | None = None,
        collect_model_data: bool | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> None:
        self._where = {
            "subscription_id": subscription_id,
            "resource_group": resource_group,
            "workspace_name": workspace_name,
        }
        self._given_workspace = workspace
        self._opened: Workspace | None = None
        self._options = AciOptions(
            location=location,
            auth_enabled=True if primary_key or secondary_key else None,
            primary_key=primary_key,
            secondary_key=secondary_key,
            dns_name_label=dns_name_label,
            ssl_enabled=ssl_enabled,
            ssl_cert_pem_file=ssl_cert_pem_file,
            ssl_key_pem_file=ssl_key_pem_file,
            ssl_cname=ssl_cname,
            vnet_name=vnet_name,
            subnet_name=subnet_name,
            cmk_vault_base_url=cmk_vault_base_url,
            cmk_key_name=cmk_key_name,
            cmk_key_version=cmk_key_version,
            enable_app_insights=enable_app_insights,
            collect_model_data=collect_model_data,
            properties={} if properties is None else properties,
        )
        self._replaced: dict[str, _Replaced] = {}

    serves: ClassVar[frozenset[str]] = frozenset({"auth"})

    @property
    def options(self) -> Mapping[str, object]:
        recorded = self._options.recorded()
        del recorded["auth_enabled"]  # it is how a bundle is served
        return recorded

    def check_serving(self, serving: Serving) -> None:
        super().check_serving(serving)
        self._options.serving(serving)

    @property
    def _workspace(self) -> Workspace:
        if self._opened is None:
            self._opened = Workspace.open(self._given_workspace, **self._where)
        return self._opened

    @property
    def _services(self) -> Services:
        return Services(self._workspace)

    @property
    def profile(self) -> Profile:
        return PROFILES["aci"]

    def prepare(self, release: Release, steps: Steps) -> Prepared:
        bundle = release.bundle
        check_resources(bundle.resources)
        check_tags(bundle.tags)
        check_script(bundle.entry_script)
        with steps.step("Check what Azure ML is to install"):
            conda_specification(bundle, timeout_s=max(1.0, steps.deadline.remaining_s))
            differences = azure_differences(bundle)
        for difference in differences:
            steps.say(f"  on Azure ML: {difference}")
        with steps.step("Open the workspace"):
            _ = self._workspace
        with steps.step("Register the model" + ("s" if len(bundle.models) > 1 else "")):
            model_ids = registered_ids(bundle, self._workspace, steps)
        check_places(bundle, model_ids, steps)
        return Prepared(release)

    def start(self, draft: Instance, prepared: Prepared, steps: Steps) -> Instance:
        release = prepared.release
        name, services = draft.name, self._services.within(steps.deadline)
        present = services.payload(name)
        if present is not None:
            if present.get("computeType") != _COMPUTE:  # listed nowhere here, and not ours to end
                raise NameTakenError(name=name, target=self.name)
            self._replaced[draft.instance_id] = _Replaced(present, steps.deadline.timeout_s)
        with _image(release.bundle, name=name) as image:
            try:
                poll = self._submit(draft, release, image, present=present, steps=steps)
            except WorkspaceError:
                if not self._service_of(draft):
                    raise
                self._await_end(draft, steps)  # it was taken, and the answer was lost
            else:
                follow(poll, name=name, services=services, steps=steps)
        service = services.get(name)
        return draft.at(service.scoring_uri) if service else draft

    def instances(self, name: str | None = None) -> Sequence[Instance]:
        records = [read_record(service) for service in self._services.list()]
        return [each for each in records if name in {None, each.name}]

    def observe(self, instance: Instance) -> Observation:
        service = self._service_of(instance)
        if service is None:
            return Observation(State.FAILED)
        state = _STATES.get(service.state, State.TRANSITIONING)
        return Observation(state, Facts(error=service.error))

    def logs(self, instance: Instance) -> str:
        return self._services.logs(instance.name) if self._service_of(instance) else ""

    def stop(self, instance: Instance, *, grace_s: float = 5.0) -> None:  # noqa: ARG002 - Azure ML gives its own
        # What the instance was to replace is put back, unless it is stopped itself: then the
        # replacement has succeeded, and it is gone already.
        before = self._replaced.pop(instance.instance_id, None)
        if before is not None and before.payload.get("state") == str(State.HEALTHY):
            self._put_back(instance.name, before)
            return
        for new, replacing in list(self._replaced.items()):
            payload = replacing.payload
            replaced = instance_id(payload.get("kvTags") or {}, name=payload["name"])
            if replaced == instance.instance_id:
                del self._replaced[new]
        if self._service_of(instance):
            self._services.delete(instance.name)

    def keys(self, instance: Instance) -> ServiceKeys:
        """Return the keys of a service."""
        return ServiceKeys(*self._services.keys(instance.name))

    def regenerate_key(
        self, instance: Instance, which: Literal["primary", "secondary"], *, value: str | None
    ) -> None:
        """Make one of the keys anew, at random or as `value`."""
        self._services.regenerate_key(instance.name, which, value=value)

    def _service_of(self, instance: Instance) -> Service | None:
        """Return the service of this name if it is this instance that it runs."""
        service = self._services.get(instance.name)
        if service and instance_id(service.tags, name=service.name) == instance.instance_id:
            return service
        return None

    def _submit(
        self,
        draft: Instance,
        release: Release,
        image: Image,
        *,
        present: Mapping[str, Any] | None,
        steps: Steps,
    ) -> Callable[[], Operation]:
        bundle, options = release.bundle, self._options.serving(release.serving)
        tags = dict(record_tags(draft))
        common: dict[str, Any] = {
            "model_ids": registered_ids(bundle, self._workspace, steps),
            "image": image,
        }
        services = self._services.within(steps.deadline)
        if present is not None and options.can_update(present, bundle.resources):
            # An update takes an empty description for none, and leaves the old one.
            description = bundle.description or " "
            told = {**options.changes(), "tags": tags, "description": description}
            return services.update(draft.name, changes=told, **common)
        configuration = {
            **_left_as_they_are(present),
            **options.configuration(),
            "cpu_cores": bundle.resources.cpu_cores,
            "memory_gb": bundle.resources.memory_gb,
            "tags": tags,
            "description": bundle.description,
        }
        return services.deploy(
            draft.name, configuration=configuration, overwrite=present is not None, **common
        )

    def _await_end(self, draft: Instance, steps: Steps) -> None:
        """Wait for the end of a deployment of which nothing is known but the service's state."""
        with steps.step("Wait for Azure ML"):
            while self.observe(draft).state is State.TRANSITIONING:
                steps.deadline.check()
                time.sleep(min(_PAUSE_S, steps.deadline.remaining_s))

    def _put_back(self, name: str, before: _Replaced) -> None:
        """Let a service be again what it was, unless it still is that.

        That may take as long as the deployment that has failed was given.
        """
        steps = Steps(name, timeout_s=before.timeout_s)
        services = self._services.within(steps.deadline)
        payload, now = before.payload, services.payload(name) or {}
        if all(now.get(key) == payload.get(key) for key in _TOUCHED):
            return
        try:
            poll = _submit_again(services, payload, now=now)
            follow(poll, name=name, services=services, steps=steps)
        except (ModelshipError, TimeoutError) as error:
            cause = error.message if isinstance(error, ModelshipError) else "it took too long"
            raise DeploymentFailedError(
                name=name,
                target=self.name,
                state=str(State.FAILED),
                problem="the new bundle failed, and the old one could not be put back: "
                + cause.rstrip("."),
            ) from error


@dataclass(frozen=True)
class _Replaced:
    """What the workspace told of a service before it was changed, and how long that might take."""

    payload: Mapping[str, Any]
    timeout_s: float


def _submit_again(
    services: Services, payload: Mapping[str, Any], *, now: Mapping[str, Any]
) -> Callable[[], Operation]:
    name = payload["name"]
    common: dict[str, Any] = {
        "model_ids": payload["environmentImageRequest"]["modelIds"],
        "image": payload,
    }
    if now and is_fixed_alike(now, payload):
        return services.update(name, changes=changes_of(payload), **common)
    configuration = configuration_of(payload)
    return services.deploy(name, configuration=configuration, overwrite=True, **common)


def _left_as_they_are(present: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what a service that is made anew keeps of the one before, unless it is told not to."""
    before = changes_of(present or {})
    kept = {option: before[option] for option in ("auth_enabled", "enable_app_insights")}
    return {option: value for option, value in kept.items() if value is not None}


@contextmanager
def _image(bundle: ScoringBundle, *, name: str) -> Iterator[Image]:
    """Write the script's files into a folder for as long as the body runs."""
    conda = conda_specification(bundle)
    with tempfile.TemporaryDirectory(prefix="modelship-") as scratch:
        folder = Path(scratch) / APART
        stage_source(bundle, folder)
        script = bundle.entry_script
        if len(bundle.source) == 1:
            yield Image(f"{name}-env", conda, str(folder / script))
        else:
            yield Image(f"{name}-env", conda, script, str(folder))
