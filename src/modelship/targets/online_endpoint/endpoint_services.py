"""Define EndpointServices: the deployments that run in a workspace."""

from __future__ import annotations

import time
from abc import abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

from modelship.diagnosis import Facts
from modelship.errors import InvalidOptionError, WorkspaceError
from modelship.progress import Deadline
from modelship.targets.backend import Observation, TargetBackend
from modelship.targets.logtail import last_lines
from modelship.targets.online_endpoint.deployment_records import (
    deployment_name,
    instance_id,
    read_instance,
)
from modelship.targets.online_endpoint.endpoint_place import (
    MADE_BY,
    EndpointPlace,
    is_deleting,
    state_of,
)
from modelship.targets.online_endpoint.endpoint_traffic import leader_of, shares_of, traffic_lost
from modelship.targets.online_endpoint.iso_durations import ms_of_iso
from modelship.targets.online_endpoint.setting_checks import check_seconds, check_switch
from modelship.targets.online_endpoint.traffic_trials import TrafficTrial
from modelship.targets.settling import may_go_on
from modelship.targets.state import State
from modelship.targets.workspace_history import RegistryJournal
from modelship.targets.workspace_releases import WorkspaceReleases
from modelship.workspace.model_record import HISTORY, RELEASES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelship.targets.instance import Instance
    from modelship.targets.keys import ServiceKeys
    from modelship.workspace.ml_workspace import MlWorkspace

__all__ = ["EndpointServices"]

_STATES: Final = {
    "Succeeded": State.HEALTHY,
    "Scaling": State.HEALTHY,
    "Failed": State.FAILED,
    "Canceled": State.FAILED,
    "Deleting": State.DELETING,
}
_ROUTING: Final = "azureml-model-deployment"
_ENDPOINT: Final = ".endpoint"  # no service on Container Instances has a dot in its name
_STOP_TIMEOUT_S: Final = 1800.0
_LOG_LINES: Final = 10_000
_REQUEST_TIMEOUT_MS: Final = 5000  # Azure's default
_LONGEST_DRAIN_S: Final = 180.0  # the longest request timeout
_ALL: Final = 100


class EndpointServices(TargetBackend):
    """What can be done with a deployment that is there; a subclass makes new ones.

    Parameters
    ----------
    keep_previous : bool
        Whether a replaced deployment is kept without traffic.
    drain_s : float, optional
        How long a replaced deployment stays after its last request was routed, in seconds.

    Raises
    ------
    InvalidOptionError
        If one is another value.
    """

    def __init__(self, *, keep_previous: bool, drain_s: float | None) -> None:
        check_switch("keep_previous", keep_previous)
        check_seconds("drain_s", drain_s, most=_LONGEST_DRAIN_S)
        self._keeps = keep_previous
        self._drain_s = drain_s
        self._operations: dict[str, str] = {}  # by instance: that which made it
        self._trials: dict[str, TrafficTrial] = {}  # by service
        self._seen: dict[str, dict[str, int]] = {}  # by instance: the traffic when it was started
        self._taken: set[str] = set()  # services whose traffic another client has changed

    @property
    @abstractmethod
    def _workspace(self) -> MlWorkspace:
        """The workspace; opened on first use."""

    @property
    def _place(self) -> EndpointPlace:
        return EndpointPlace(self._workspace)

    def instances(self, name: str | None = None) -> Sequence[Instance]:
        workspace = self._workspace
        endpoints = workspace.endpoints() if name is None else [workspace.endpoint(name)]
        there = [each for each in endpoints if each is not None and not is_deleting(each)]
        return [each for endpoint in there for each in self._of_endpoint(endpoint)]

    def _of_endpoint(self, endpoint: Mapping[str, Any]) -> list[Instance]:
        """Return the deployments that are ours, and those to which requests are routed."""
        found = self._place.deployments(endpoint["name"])
        leader = leader_of(endpoint, found)
        return [
            read_instance(each, endpoint=endpoint, routed=each["name"] == leader)
            for each in found
            if MADE_BY in (each.get("tags") or {}) or each["name"] == leader
        ]

    def observe(self, instance: Instance) -> Observation:
        found = self._deployment(instance)
        if found is None:
            return Observation(State.FAILED)
        state = _STATES.get(state_of(found), State.TRANSITIONING)
        return Observation(state, partial(self._facts, instance, found))

    def logs(self, instance: Instance) -> str:
        return self.log_end(instance, lines=_LOG_LINES)

    def log_end(self, instance: Instance, *, lines: int) -> str:
        found = self._deployment(instance)
        if found is None:
            return ""
        ask = partial(self._workspace.logs, instance.name, found["name"], tail=lines)
        downloads = ask(container="storage") if state_of(found) == "Failed" else ""
        # The state of the instances comes first, whatever the number of lines.
        return last_lines(downloads + ask(container="server"), lines)

    def stop(self, instance: Instance, *, grace_s: float = 5.0) -> None:  # noqa: ARG002 - Azure ML gives its own
        name, workspace = instance.name, self._workspace
        deadline = Deadline(workspace.limit_s(_STOP_TIMEOUT_S))
        endpoint = workspace.endpoint(name)
        if endpoint is None or is_deleting(endpoint):
            return
        found = self._deployment(instance)
        # By name: the states in two answers differ if a change is in progress.
        mine = found["name"] if found else ""
        others = [each for each in self._place.deployments(name) if each["name"] != mine]
        is_unused = not others and MADE_BY in (endpoint.get("tags") or {})
        if is_unused and not any(map(may_go_on, self.journal(name).changes())):
            self._place.delete(name, deadline=deadline)
        elif found is not None:
            self._place.accept(name, found["name"], on=False)
            self._place.delete_deployment(name, found["name"], deadline=deadline)

    def retire(self, instance: Instance, *, grace_s: float = 5.0) -> None:
        """Delete a replaced deployment; keep the one that has just served, if that is wanted."""
        if self._keeps and instance.routed and not instance.broken:
            self.accept(instance, on=False)
            return
        if instance.routed and not instance.broken:
            self._drain(instance)
        self.stop(instance, grace_s=grace_s)

    def _drain(self, instance: Instance) -> None:
        """Wait for the last requests that were routed to an instance.

        What Azure does with them when it deletes their deployment is not documented. After the
        request timeout the endpoint has answered them.
        """
        timeout_ms = self.request_timeout_ms(instance) or _REQUEST_TIMEOUT_MS
        wanted_s = timeout_ms / 1000 if self._drain_s is None else self._drain_s
        time.sleep(self._workspace.limit_s(wanted_s))

    def accept(self, instance: Instance, *, on: bool) -> None:
        """Route all requests to the instance, or none; after a failed trial, all as before it."""
        found = self._deployment(instance)
        if found is None:
            return
        trial = self._trials.pop(instance.name, None) if on else None
        if trial is not None and trial.new != instance.instance_id:
            trial.undo(self._place, found["name"])
            return
        if trial is not None:
            trial.require_own(self._place)
        elif on and instance.name in self._taken:  # undoing a switch: what the other has set stays
            self._taken.discard(instance.name)
            return
        elif on:
            self._require_as_seen(instance)
        self._place.accept(instance.name, found["name"], on=on)

    def _note_traffic(self, new: Instance, endpoint: Mapping[str, Any]) -> None:
        """Remember the traffic of an endpoint before a new instance is proven."""
        self._seen[new.instance_id] = shares_of(endpoint)
        self._taken.discard(new.name)

    def _require_as_seen(self, instance: Instance) -> None:
        """Refuse to route requests to a new instance if another client has routed them meanwhile.

        One that has routed them to the same deployment has deployed the same release.

        Raises
        ------
        WorkspaceRequestError
            If it has; the message says who, if that is known.
        """
        seen = self._seen.pop(instance.instance_id, None)
        found = shares_of(self._workspace.endpoint(instance.name) or {})
        if seen is not None and found not in (seen, {deployment_name(instance): _ALL}):
            self._taken.add(instance.name)
            raise traffic_lost(instance.name, self._workspace, wanted=seen, found=found)

    def share(self, new: Instance, old: Instance, *, percent: int) -> None:
        """Route a part of the requests to the new instance, and the others to the old one."""
        shares = {deployment_name(new): percent, deployment_name(old): _ALL - percent}
        self._try_traffic(new, {name: share for name, share in shares.items() if share})

    def mirror(self, new: Instance, old: Instance, *, percent: int) -> None:
        """Route all requests to the old instance, and copies of a part of them to the new one."""
        mirror = {deployment_name(new): percent} if percent else {}
        self._try_traffic(new, {deployment_name(old): _ALL}, mirror=mirror)

    def _try_traffic(
        self, new: Instance, shares: Mapping[str, int], *, mirror: Mapping[str, int] | None = None
    ) -> None:
        trial = self._trials.get(new.name)
        if trial is None or trial.new != new.instance_id:
            trial = self._trials[new.name] = TrafficTrial(new.name, new.instance_id)
        trial.set(self._place, shares, mirror or {})

    def direct_headers(self, instance: Instance) -> Mapping[str, str]:
        """Return the header that selects the deployment of an instance."""
        return {_ROUTING: deployment_name(instance)}

    def journal(self, name: str) -> RegistryJournal:
        """Return the history of a service, which the workspace keeps."""
        model_name = f"{HISTORY}{name}{_ENDPOINT}"
        before = partial(self._before, name)
        return RegistryJournal(self._workspace, model_name=model_name, name=name, before=before)

    def releases(self, name: str) -> WorkspaceReleases:
        """Return the releases of a service, which the workspace keeps."""
        model_name = f"{RELEASES}{name}{_ENDPOINT}"
        return WorkspaceReleases(
            self._workspace, model_name=model_name, target=self.name, name=name
        )

    def request_timeout_ms(self, instance: Instance) -> int | None:
        """Return how long the endpoint waits for an answer; None if that cannot be read."""
        try:
            found = self._deployment(instance)
            settings = ((found or {}).get("properties") or {}).get("requestSettings") or {}
            return ms_of_iso(str(settings.get("requestTimeout")))
        except (WorkspaceError, ValueError):  # the answer itself is what the caller has to know
            return None

    def keys(self, instance: Instance) -> ServiceKeys:
        """Return the keys of an endpoint, or its token as both of them."""
        return self._place.keys(instance.name)

    def regenerate_key(
        self, instance: Instance, which: Literal["primary", "secondary"], *, value: str | None
    ) -> None:
        """Regenerate one of the keys at random."""
        if value is not None:
            expected = "no value: Azure ML makes the keys of an endpoint itself"
            raise InvalidOptionError("value", "(not shown)", expected)
        self._place.regenerate_key(instance.name, which)

    def _deployment(self, instance: Instance) -> dict[str, Any] | None:
        """Return the deployment that runs an instance; None if it is gone, or runs another one."""
        found = self._workspace.deployment(instance.name, deployment_name(instance))
        if found is None or instance_id(found, endpoint=instance.name) != instance.instance_id:
            return None
        return found

    def _facts(self, instance: Instance, deployment: Mapping[str, Any]) -> Facts:
        """Return why a deployment failed, as Azure reports it."""
        properties = (deployment.get("properties") or {}).get("properties") or {}
        url = self._operations.get(instance.instance_id) or properties.get("AzureAsyncOperationUri")
        if not url:
            return Facts()
        try:
            failure = self._workspace.operation_failure(str(url))
        except WorkspaceError:  # an old operation is forgotten
            return Facts()
        return Facts(problem=failure, error={"message": failure} if failure else None)

    def _before(self, name: str) -> tuple[Mapping[str, Any], str]:
        """Return the endpoint and its deployments as they are, without secrets."""
        endpoint = self._workspace.endpoint(name)
        if endpoint is None:
            return {}, ""
        deployments = [*map(_without_variables, self._place.deployments(name))]
        return {"endpoint": endpoint, "deployments": deployments}, state_of(endpoint)


def _without_variables(deployment: Mapping[str, Any]) -> dict[str, Any]:
    """Return a deployment without the values of its variables, which may be secret."""
    properties = dict(deployment.get("properties") or {})
    if found := properties.get("environmentVariables"):
        properties["environmentVariables"] = dict.fromkeys(found, "(not kept)")
    return {**deployment, "properties": properties}
