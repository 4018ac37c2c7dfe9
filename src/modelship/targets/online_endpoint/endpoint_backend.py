"""Define OnlineEndpointBackend: releases as deployments of managed online endpoints."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from modelship.bundle.profile import PROFILES
from modelship.errors import WorkspaceRequestError
from modelship.targets.backend import Prepared
from modelship.targets.instance import Instance
from modelship.targets.online_endpoint.deployment_records import deployment_name, record_tags
from modelship.targets.online_endpoint.endpoint_assets import (
    registered_code,
    registered_environment,
    registered_model,
)
from modelship.targets.online_endpoint.endpoint_changes import changes_wanted
from modelship.targets.online_endpoint.endpoint_place import MADE_BY, is_deleting
from modelship.targets.online_endpoint.endpoint_rules import (
    REFUSED,
    check_bundle,
    check_serving,
    deployment_settings,
    say_quota,
)
from modelship.targets.online_endpoint.endpoint_services import EndpointServices
from modelship.targets.online_endpoint.rival_deployers import refuse_beside_another
from modelship.targets.online_endpoint.target_options import DEFAULT_IMAGE, TargetOptions
from modelship.targets.online_endpoint.unlisted_sizes import say_unlisted_size
from modelship.targets.state import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.bundle import ScoringBundle
    from modelship.bundle.profile import Profile
    from modelship.progress import Deadline, Steps
    from modelship.targets.release import Release, Serving
    from modelship.workspace.ml_workspace import MlWorkspace

__all__ = ["OnlineEndpointBackend"]


@dataclass(frozen=True)
class OnlinePrepared(Prepared):
    """A release whose parts are registered.

    Parameters
    ----------
    model_id : str or None
        The id of the model.
    environment_id, code_id : str
        The ids of the environment and of the source; the latter is empty for a container with both.
    """

    model_id: str | None = None
    environment_id: str = ""
    code_id: str = ""


class OnlineEndpointBackend(EndpointServices):
    """Runs each service as a managed online endpoint of an Azure ML workspace.

    The name of a service is that of its endpoint, and a release is a deployment, named by its
    digest. A new one gets no requests until it has passed its checks; then one change of the
    endpoint's traffic routes all requests to it. History and releases are registered models.

    Parameters
    ----------
    workspace : azure.ai.ml.MLClient, MlWorkspace, str or Path, optional
        An open workspace; or a ``config.json``, or a folder in which (and above which) to look for
        it. Default: the current folder.
    subscription_id, resource_group, workspace_name : str, optional
        All three of them, instead of `workspace`.
    instance_type : str, optional
        The size of the virtual machines. Default: ``"Standard_DS3_v2"``.
    instance_count : int, optional
        Their number, 1 to 50. Default: 1.
    request_settings : Mapping, optional
        ``request_timeout_ms`` (up to 180000; Azure's default is 5000) and
        ``max_concurrent_requests_per_instance``, which is the number of workers.
    liveness_probe, readiness_probe : Mapping, optional
        ``initial_delay``, ``period``, ``timeout`` in seconds; ``success_threshold``,
        ``failure_threshold``.
    scale_settings : Mapping, optional
        ``{"type": "default"}``: Azure Monitor scales managed deployments.
    app_insights_enabled : bool, optional
        Send logs to Application Insights.
    egress_public_network_access : str, optional
        ``"enabled"`` or ``"disabled"``: whether the service can reach the internet.
    data_collector : Mapping, optional
        Which requests and answers Azure ML keeps.
    base_image : str, optional
        The image on which Azure ML, or with a registry this machine, installs the lock's packages.
    registry : str, optional
        A repository such as ``"myregistry.azurecr.io/digits"``. The image of the service is then
        built here and pushed there, with either server; Azure ML builds nothing.
    auth_mode : str, optional
        Of the endpoint: ``"key"``, ``"aml_token"`` or ``"aad_token"``.
    public_network_access : str, optional
        Of the endpoint: ``"enabled"`` or ``"disabled"``.
    identity : Mapping, optional
        Of the endpoint: ``{"type": "user_assigned", "user_assigned_identities": [id]}``.
    endpoint_tags : Mapping[str, str], optional
        Tags of the endpoint.
    keep_previous : bool
        Keep the replaced deployment running, and paid, so that a rollback only changes the traffic.
    drain_s : float, optional
        Seconds that a replaced deployment stays, 0 to 180. Default: its request timeout.

    Raises
    ------
    InvalidOptionError
        If an option has an invalid value.
    """

    name: ClassVar[str] = "online-endpoint"
    default_check: ClassVar[Literal["static", "trial"]] = "trial"
    serves: ClassVar[frozenset[str]] = frozenset({"auth", "workers", "variables"})

    def __init__(
        self,
        *,
        workspace: object = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        workspace_name: str | None = None,
        instance_type: str | None = None,
        instance_count: int | None = None,
        request_settings: Mapping[str, Any] | None = None,
        liveness_probe: Mapping[str, Any] | None = None,
        readiness_probe: Mapping[str, Any] | None = None,
        scale_settings: Mapping[str, Any] | None = None,
        app_insights_enabled: bool | None = None,
        egress_public_network_access: str | None = None,
        data_collector: Mapping[str, Any] | None = None,
        base_image: str | None = None,
        registry: str | None = None,
        auth_mode: str | None = None,
        public_network_access: str | None = None,
        identity: Mapping[str, Any] | None = None,
        endpoint_tags: Mapping[str, str] | None = None,
        keep_previous: bool = False,
        drain_s: float | None = None,
    ) -> None:
        super().__init__(keep_previous=keep_previous, drain_s=drain_s)
        self._where = {
            "subscription_id": subscription_id,
            "resource_group": resource_group,
            "workspace_name": workspace_name,
        }
        self._given_workspace = workspace
        self._opened: MlWorkspace | None = None
        self._options = TargetOptions(
            instance_type=instance_type,
            instance_count=instance_count,
            request_settings=request_settings,
            liveness_probe=liveness_probe,
            readiness_probe=readiness_probe,
            scale_settings=scale_settings,
            app_insights_enabled=app_insights_enabled,
            egress_public_network_access=egress_public_network_access,
            data_collector=data_collector,
            base_image=base_image,
            registry=registry,
            auth_mode=auth_mode,
            public_network_access=public_network_access,
            identity=identity,
            endpoint_tags=endpoint_tags,
        )
        if registry is not None:  # the container is ours, and not Azure's
            self.serves = self.serves | {"server", "server_options"}  # type: ignore[misc]  # see above

    @classmethod
    def at(cls, workspace: MlWorkspace, **options: Any) -> OnlineEndpointBackend:
        """Return the target in a workspace that is open."""
        made = cls(**options)
        made._given_workspace = made._opened = workspace
        return made

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process opens the same target with; it connects itself."""
        return {**vars(self), "_opened": None}

    @property
    def options(self) -> Mapping[str, object]:
        return self._options.recorded()

    @property
    def profile(self) -> Profile:
        return self._options.limited(PROFILES[self.name])

    def check_serving(self, serving: Serving) -> None:
        super().check_serving(serving)
        check_serving(serving, self._options)

    def check_bundle(self, bundle: ScoringBundle) -> None:
        check_bundle(bundle, self._options)
        if self._options.registry is not None:
            from modelship.targets.online_endpoint.custom_container import check_engine

            check_engine()

    def _without(self, option: str) -> str:
        return REFUSED.get(option) or super()._without(option)

    @property
    def _workspace(self) -> MlWorkspace:
        return self._opened or self._open()

    def _open(self, deadline: Deadline | None = None) -> MlWorkspace:
        from modelship.workspace.ml_workspace import open_ml

        self._opened = open_ml(self._given_workspace, deadline=deadline, **self._where)
        return self._opened

    def within(self, deadline: Deadline) -> OnlineEndpointBackend:
        workspace = self._opened or self._open(deadline)
        limited = copy.copy(self)
        limited._opened = workspace.within(deadline)  # noqa: SLF001 - of its own class
        return limited

    def prepare(self, release: Release, steps: Steps) -> OnlinePrepared:
        record_tags(Instance.draft(release, name="service"))  # refuses one with too many
        with steps.step("Open the workspace"):
            workspace = self._workspace.within(steps.deadline)
        say_unlisted_size(self._options, workspace, steps)
        if (registry := self._options.registry) is not None:
            from modelship.targets.online_endpoint.custom_container import pushed_environment

            image = self._options.base_image
            environment_id = pushed_environment(
                release, workspace, registry=registry, base_image=image, steps=steps
            )
            return OnlinePrepared(release, environment_id=environment_id)
        with steps.step("Register the model"):
            model_id = registered_model(release.bundle, workspace, steps)
        with steps.step("Register the environment and the code"):
            image = self._options.base_image or DEFAULT_IMAGE
            environment_id = registered_environment(release.bundle, workspace, image=image)
            code_id = registered_code(release.bundle, workspace)
        return OnlinePrepared(release, model_id, environment_id, code_id)

    def start(self, draft: Instance, prepared: Prepared, steps: Steps) -> Instance:
        assert isinstance(prepared, OnlinePrepared)  # noqa: S101 - prepare() has made it
        endpoint = self._endpoint(draft.name, steps)
        kept = self._kept(draft)
        self._note_traffic(kept or draft, endpoint)
        if kept is not None:
            steps.say("  its deployment is still there")
            return kept
        say_quota(self._options, steps)
        settings = deployment_settings(prepared.release, self._options)
        document = replace(settings, tags=record_tags(draft)).to_arm(
            location="",
            model=prepared.model_id,
            environment=prepared.environment_id,
            code=prepared.code_id or None,
            scoring_script=prepared.release.bundle.entry_script,
        )
        del document["location"]  # the workspace adds its own
        name = deployment_name(draft)
        refuse_beside_another(draft, self._workspace.within(steps.deadline))
        put = self._place.put_deployment
        try:
            operation = put(draft.name, name, document, deadline=steps.deadline)
        except WorkspaceRequestError:
            refuse_beside_another(draft, self._workspace.within(steps.deadline))
            raise
        self._operations[draft.instance_id] = operation
        return draft.at(str(endpoint["properties"].get("scoringUri") or ""))

    def _kept(self, draft: Instance) -> Instance | None:
        """Return the instance of the draft's release that was kept when it was replaced."""
        digest = draft.release.digest
        for each in self.instances(draft.name):
            is_same = each.release.digest == digest and not each.routed
            if is_same and self.observe(each).state is State.HEALTHY:
                return each
        return None

    def _endpoint(self, name: str, steps: Steps) -> Mapping[str, Any]:
        """Return the endpoint of a service; create it if there is none, or adjust it."""
        found = self._workspace.within(steps.deadline).endpoint(name)
        if is_deleting(found):
            self._place.await_end(name, deadline=steps.deadline)
            found = None
        if found is not None:
            found = self._place.settled(name, deadline=steps.deadline)
            changes = changes_wanted(found, self._options)
            change = self._place.change
            return change(found, changes, deadline=steps.deadline) if changes else found
        settings = self._options.endpoint
        tags = {**settings.tags, MADE_BY: "endpoint"}
        document = replace(settings, tags=tags).to_arm(location="")
        del document["location"]
        steps.say(f"  creating the endpoint {name!r}")
        return self._place.put(name, document, deadline=steps.deadline)
