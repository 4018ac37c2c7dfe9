"""Define AciBackend: services of an Azure ML workspace on Azure Container Instances."""

from __future__ import annotations

import copy
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from modelship.bundle.profile import PROFILES
from modelship.diagnosis import Facts
from modelship.errors import (
    DeploymentFailedError,
    ModelshipError,
    NameTakenError,
)
from modelship.targets.aci.aci_environment import azure_differences, conda_specification
from modelship.targets.aci.aci_history import WorkspaceJournal
from modelship.targets.aci.aci_options import AciOptions, check_resources, check_script, check_tags
from modelship.targets.aci.azure_services import Services
from modelship.targets.aci.making import AciPrepared, Earlier, Maker
from modelship.targets.aci.service_records import read_record
from modelship.targets.backend import Observation, TargetBackend
from modelship.targets.keys import ServiceKeys
from modelship.targets.registered_models import check_places, registered_ids
from modelship.targets.state import State
from modelship.targets.workspace_releases import WorkspaceReleases
from modelship.workspace import Workspace
from modelship.workspace.model_record import RELEASES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from modelship.bundle.profile import Profile
    from modelship.progress import Deadline, Steps
    from modelship.targets.backend import Prepared
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
# Features that Azure ML provides on Container Instances, and their alternatives.
_REFUSED = {
    "server": "'azmlinfsrv', which Azure ML starts; modelship's server runs on the targets "
    "'process' and 'docker'",
    "port": "no value: Azure assigns the address of the service; dns_name_label= of the target "
    "sets its first part",
    "limits": "no value: the limits are those of Azure Container Instances",
    "server_options": "no value: Azure ML starts its server with its own settings; the targets "
    "'process' and 'docker' support them",
    "secrets": "none: Azure ML shows the variables of such a service to everyone who can read the "
    "workspace, and has no other store. Deploy on 'process' or 'docker', or let init() read "
    "it from your own store",
}


class AciBackend(TargetBackend):
    r"""Runs each service on Azure Container Instances.

    The workspace keeps the record, so any process with the same workspace finds a service, also one
    that was deployed by other means. Overwriting updates a service in place, which keeps its
    scoring URI, wherever Azure ML can; changes that an update cannot make (cores, memory, location,
    network, encryption) recreate the service. If the new bundle fails, the old one is restored. The
    workspace keeps the history of each service and its releases as registered models.

    Parameters
    ----------
    workspace : azureml.core.Workspace, Workspace, str or Path, optional
        An open workspace; or a ``config.json``, or a folder in which (and above which) to look for
        it. Default: the current folder.
    subscription_id, resource_group, workspace_name : str, optional
        All three of them, instead of `workspace`.
    location, primary_key, secondary_key, dns_name_label, ssl_enabled, \
    ssl_cert_pem_file, ssl_key_pem_file, ssl_cname, vnet_name, subnet_name, cmk_vault_base_url, \
    cmk_key_name, cmk_key_version, enable_app_insights, collect_model_data, properties
        As in :class:`~modelship.targets.aci.aci_options.AciOptions`.

    Raises
    ------
    InvalidOptionError
        If an option has an invalid value, or requires another one.
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
        self._deadline: Deadline | None = None
        self._options = AciOptions(
            location=location,
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
        self._earlier: dict[str, Earlier] = {}

    serves: ClassVar[frozenset[str]] = frozenset({"auth", "workers", "variables"})

    @property
    def options(self) -> Mapping[str, object]:
        recorded = self._options.recorded()
        del recorded["auth_enabled"]  # it belongs to Serving
        return recorded

    def check_serving(self, serving: Serving) -> None:
        super().check_serving(serving)
        self._options.serving(serving)

    def _without(self, option: str) -> str:
        return _REFUSED.get(option) or super()._without(option)

    @property
    def _workspace(self) -> Workspace:
        if self._opened is None:
            self._opened = Workspace.open(self._given_workspace, **self._where)
        return self._opened

    @property
    def _services(self) -> Services:
        return Services(self._workspace, deadline=self._deadline)

    def within(self, deadline: Deadline) -> AciBackend:
        workspace = self._workspace
        limited = copy.copy(self)
        limited._opened, limited._deadline = workspace.within(deadline), deadline  # noqa: SLF001 - of its own class
        return limited

    @property
    def profile(self) -> Profile:
        return PROFILES["aci"]

    def prepare(self, release: Release, steps: Steps) -> AciPrepared:
        bundle = release.bundle
        check_resources(bundle.resources)
        check_tags(bundle.tags)
        check_script(bundle.entry_script)
        with steps.step("Check the packages for Azure ML"):
            conda_specification(bundle, timeout_s=max(1.0, steps.deadline.remaining_s))
            differences = azure_differences(bundle)
        for difference in differences:
            steps.say(f"  on Azure ML: {difference}")
        with steps.step("Open the workspace"):
            _ = self._workspace
        with steps.step("Register the model" + ("s" if len(bundle.models) > 1 else "")):
            model_ids = registered_ids(bundle, self._workspace, steps)
        check_places(bundle, model_ids, steps)
        return AciPrepared(release, tuple(model_ids))

    def start(self, draft: Instance, prepared: Prepared, steps: Steps) -> Instance:
        name = draft.name
        if self._services.within(steps.deadline).payload(name) is not None:
            # On another compute it is not listed here, and not ours to stop.
            raise NameTakenError(name=name, target=self.name)
        options = self._options.serving(prepared.release.serving)
        return self._maker(name, steps).make(draft, _ours(prepared), options)

    def replace(
        self, current: Instance, draft: Instance, prepared: Prepared, steps: Steps
    ) -> Instance:
        """Update the service in place where Azure ML can, or else recreate it.

        # The current state in the workspace is already in the history.
        """
        name = current.name
        self._earlier.pop(name, None)  # from an earlier change
        maker = self._maker(name, steps)
        payload = maker.settled()
        if payload is None:  # it was deleted meanwhile
            self._earlier[name] = Earlier({})
            return self.start(draft, prepared, steps)
        self._earlier[name] = earlier = maker.earlier(payload)
        options = self._options.serving(prepared.release.serving)
        return maker.make(draft, _ours(prepared), options, earlier=earlier)

    def restore(self, current: Instance, steps: Steps) -> None:
        """Restore the service to the state in which it last served; this has the whole timeout.

        A service that has never served is removed.
        """
        name = current.name
        earlier = self._earlier.pop(name, None)
        if earlier is None:  # nothing was sent
            return
        steps = steps.anew()
        if not earlier.has_served:
            earlier = self.journal(name).last_served()
        if earlier is None:
            self._services.within(steps.deadline).delete(name)
            return
        try:
            self._maker(name, steps).make_again(earlier)
        except (ModelshipError, TimeoutError) as error:
            cause = error.message if isinstance(error, ModelshipError) else "it timed out"
            raise DeploymentFailedError(
                name=name,
                target=self.name,
                state=str(State.FAILED),
                problem="the new bundle failed, and the old one could not be restored: "
                + cause.rstrip("."),
            ) from error

    def instances(self, name: str | None = None) -> Sequence[Instance]:
        services = self._services
        found = services.list() if name is None else [services.get(name)]
        return [read_record(service) for service in found if service is not None]

    def observe(self, instance: Instance) -> Observation:
        service = self._services.of(instance)
        if service is None:
            return Observation(State.FAILED)
        state = _STATES.get(service.state, State.TRANSITIONING)
        return Observation(state, partial(Facts, error=service.error))

    def logs(self, instance: Instance) -> str:
        return self._services.logs(instance.name) if self._services.of(instance) else ""

    def stop(self, instance: Instance, *, grace_s: float = 5.0) -> None:  # noqa: ARG002 - Azure ML gives its own
        if self._services.of(instance):
            self._services.delete(instance.name)

    def journal(self, name: str) -> WorkspaceJournal:
        return WorkspaceJournal(self._services, name=name)

    def releases(self, name: str) -> WorkspaceReleases:
        model_name = f"{RELEASES}{name}"
        return WorkspaceReleases(
            self._workspace, model_name=model_name, target=self.name, name=name
        )

    def keys(self, instance: Instance) -> ServiceKeys:
        """Return the keys of a service."""
        return ServiceKeys(*self._services.keys(instance.name))

    def regenerate_key(
        self, instance: Instance, which: Literal["primary", "secondary"], *, value: str | None
    ) -> None:
        """Regenerate one of the keys, at random or as `value`."""
        self._services.regenerate_key(instance.name, which, value=value)

    def _maker(self, name: str, steps: Steps) -> Maker:
        return Maker(self._services, name=name, steps=steps)


def _ours(prepared: Prepared) -> AciPrepared:
    assert isinstance(prepared, AciPrepared)  # noqa: S101 - prepare() has made it
    return prepared
