"""Change the endpoints and deployments of a workspace, and wait for the end of each change."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from modelship.errors import WorkspaceRequestError
from modelship.progress import Deadline, DeadlineExceededError
from modelship.targets.keys import ServiceKeys
from modelship.targets.online_endpoint.endpoint_traffic import (
    mirrored_in,
    shares_of,
    traffic_lost,
    without,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modelship.workspace.ml_workspace import MlWorkspace

__all__ = [
    "MADE_BY",
    "EndpointPlace",
    "is_deleting",
    "state_of",
]

MADE_BY: Final = "modelship.made"
"""The tag of what modelship created, and therefore may delete."""

_CHANGE_TIMEOUT_S: Final = 900.0
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 5.0
_ENDED: Final = frozenset({"Succeeded", "Failed", "Canceled"})
_ALL: Final = 100
# What a GET returns and a PUT sets; the rest is Azure's own.
_SETTABLE: Final = ("authMode", "description", "publicNetworkAccess", "traffic", "mirrorTraffic")
_CONFLICTS: Final = frozenset({409, 412})
_STALE_S: Final = 60.0
_Answer = TypeVar("_Answer")


def state_of(document: Mapping[str, Any]) -> str:
    """Return the provisioning state of an endpoint or a deployment."""
    return str((document.get("properties") or {}).get("provisioningState") or "Succeeded")


def is_deleting(document: Mapping[str, Any] | None) -> bool:
    """Return whether an endpoint or a deployment is about to disappear."""
    return document is not None and state_of(document) == "Deleting"


class EndpointPlace:
    """The endpoints of a workspace.

    Parameters
    ----------
    workspace : MlWorkspace
        The workspace.
    """

    def __init__(self, workspace: MlWorkspace) -> None:
        self.workspace = workspace

    def put(self, name: str, document: Mapping[str, Any], *, deadline: Deadline) -> dict[str, Any]:
        """Create or change an endpoint, and return it once the change is in effect."""
        workspace = self.workspace.within(deadline)
        operation = self._patiently(lambda: workspace.put_endpoint(name, document), deadline)
        return self.settled(name, deadline=deadline, operation=operation)

    def change(
        self, endpoint: Mapping[str, Any], changes: Mapping[str, Any], *, deadline: Deadline
    ) -> dict[str, Any]:
        """Change tags and properties of an endpoint, and return it once that is in effect."""
        properties = {key: value for key, value in changes.items() if key != "tags"}
        document = _changed(endpoint, **properties)
        document["tags"] = changes.get("tags", document["tags"])
        return self.put(str(endpoint["name"]), document, deadline=deadline)

    def put_deployment(
        self, name: str, deployment: str, document: Mapping[str, Any], *, deadline: Deadline
    ) -> str:
        """Create a deployment, and return the URL of the operation, which is not waited for."""
        workspace = self.workspace.within(deadline)

        def is_there() -> bool:  # then it is the deployment itself that is being changed
            return workspace.deployment(name, deployment) is not None

        return self._patiently(
            lambda: workspace.put_deployment(name, deployment, document),
            deadline,
            unless=is_there,
        )

    def settled(self, name: str, *, deadline: Deadline, operation: str = "") -> dict[str, Any]:
        """Return an endpoint once no change of it is in progress.

        Parameters
        ----------
        name : str
            The endpoint.
        deadline : Deadline
            The longest wait.
        operation : str
            The URL of the operation of the change.

        Raises
        ------
        WorkspaceRequestError
            If the change fails.
        DeadlineExceededError
            If it takes too long.
        """
        found: dict[str, Any] = {}
        workspace = self.workspace.within(deadline)

        def look() -> bool:
            found.clear()
            found.update(workspace.endpoint(name) or {})
            return not found or state_of(found) in _ENDED

        _wait(look, deadline)
        if not found or state_of(found) != "Succeeded":
            state = state_of(found) if found else "deleted"
            cause = self.workspace.operation_failure(operation) if operation else ""
            raise WorkspaceRequestError(
                self.workspace.name,
                f"change the endpoint {name!r}",
                cause.rstrip(".") or f"the endpoint is {state}",
                advice="Delete the endpoint, and deploy again.",
            )
        return found

    def route(
        self,
        name: str,
        traffic: Mapping[str, int],
        *,
        mirror: Mapping[str, int] | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        """Set which deployments get the requests to an endpoint, and which one copies.

        Parameters
        ----------
        name : str
            The endpoint.
        traffic : Mapping[str, int]
            The share of each deployment in percent.
        mirror : Mapping[str, int], optional
            The deployment that gets copies of a share of the requests. By default none does.
        deadline : Deadline, optional
            By default a quarter of an hour.

        Raises
        ------
        WorkspaceRequestError
            If the change fails, or another client has set other shares meanwhile.
        """
        deadline = deadline or Deadline(self.workspace.limit_s(_CHANGE_TIMEOUT_S))
        before = self.settled(name, deadline=deadline)
        wanted = {"traffic": dict(traffic), "mirrorTraffic": dict(mirror or {})}
        now = before.get("properties") or {}
        if shares_of(before) == wanted["traffic"] and not (
            now.get("mirrorTraffic") or wanted["mirrorTraffic"]
        ):
            return
        self.put(name, _changed(before, **wanted), deadline=deadline)
        self._await_shares(name, wanted["traffic"], before=shares_of(before))

    def accept(self, name: str, deployment: str, *, on: bool) -> None:
        """Route all requests to a deployment, or none."""
        endpoint = self.workspace.endpoint(name)
        if endpoint is None:
            return
        shares = shares_of(endpoint)
        if on:
            self.route(name, {deployment: _ALL})
        elif deployment in shares or deployment in mirrored_in(endpoint):
            self.route(name, without(shares, deployment))

    def delete_deployment(self, name: str, deployment: str, *, deadline: Deadline) -> None:
        """Delete a deployment that gets no more requests, and wait until it is gone."""
        workspace = self.workspace.within(deadline)
        self._patiently(lambda: workspace.delete_deployment(name, deployment), deadline)
        _wait(lambda: workspace.deployment(name, deployment) is None, deadline)

    def delete(self, name: str, *, deadline: Deadline) -> None:
        """Delete an endpoint with its deployments, and wait until it is gone."""
        workspace = self.workspace.within(deadline)
        self._patiently(lambda: workspace.delete_endpoint(name), deadline)
        self.await_end(name, deadline=deadline)

    def await_end(self, name: str, *, deadline: Deadline) -> None:
        """Wait until an endpoint that is being deleted is gone."""
        workspace = self.workspace.within(deadline)
        _wait(lambda: workspace.endpoint(name) is None, deadline)

    def keys(self, name: str) -> ServiceKeys:
        """Return the keys of an endpoint; with tokens, the token as both of them."""
        endpoint = self.workspace.endpoint(name) or {}
        mode = str((endpoint.get("properties") or {}).get("authMode") or "Key").casefold()
        if mode == "key":
            found = self.workspace.keys(name)
            return ServiceKeys(found.primary, found.secondary)
        is_entra = mode == "aadtoken"
        token = self.workspace.entra_token() if is_entra else self.workspace.token(name).value
        return ServiceKeys(token, token)

    def regenerate_key(self, name: str, which: Literal["primary", "secondary"]) -> None:
        """Replace one of the keys at random, and wait until that is in effect."""
        before = getattr(self.workspace.keys(name), which)
        self.workspace.regenerate_key(name, which)
        deadline = Deadline(_CHANGE_TIMEOUT_S)
        _wait(lambda: getattr(self.workspace.keys(name), which) != before, deadline)

    def deployments(self, name: str) -> Sequence[dict[str, Any]]:
        """Return the deployments of an endpoint, without those that are being deleted."""
        return [each for each in self.workspace.deployments(name) if not is_deleting(each)]

    def _await_shares(
        self, name: str, wanted: Mapping[str, int], *, before: Mapping[str, int]
    ) -> None:
        """Wait until the shares that were set can be read; others are those of another client."""
        found = before

        def look() -> bool:
            nonlocal found
            found = shares_of(self.workspace.endpoint(name) or {})
            # A read may still be answered with the state before the change.
            return found == wanted or found != before

        with suppress(DeadlineExceededError):
            _wait(look, Deadline(_STALE_S))
        if found != wanted:
            raise traffic_lost(name, self.workspace, wanted=wanted, found=found)

    def _patiently(
        self,
        call: Callable[[], _Answer],
        deadline: Deadline,
        *,
        unless: Callable[[], bool] = lambda: False,
    ) -> _Answer:
        """Send a change, again as long as another change of the same endpoint is in progress."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return call()
            except WorkspaceRequestError as error:
                if not _is_conflict(error) or deadline.remaining_s <= pause_s or unless():
                    raise
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)


def _is_conflict(error: WorkspaceRequestError) -> bool:
    """Return whether another change is in progress; Azure has several codes for that."""
    if "already" in f"{error.code} {error.cause}".casefold():
        return False  # the name is another endpoint's, and waiting does not change that
    return error.status in _CONFLICTS or "provisioning state" in error.cause.casefold()


def _wait(look: Callable[[], bool], deadline: Deadline) -> None:
    pause_s = _FIRST_PAUSE_S
    while not look():
        if not deadline.remaining_s:
            raise DeadlineExceededError
        time.sleep(min(pause_s, deadline.remaining_s))
        pause_s = min(pause_s * 1.3, _LONGEST_PAUSE_S)


def _changed(endpoint: Mapping[str, Any], **properties: Any) -> dict[str, Any]:
    """Return the body of a PUT that changes some properties of an endpoint and keeps the others."""
    now = endpoint.get("properties") or {}
    kept = {key: now[key] for key in _SETTABLE if now.get(key) is not None}
    return {
        "identity": _identity(endpoint.get("identity") or {}),
        "tags": dict(endpoint.get("tags") or {}),
        "properties": {**kept, **properties},
    }


def _identity(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return an identity without what Azure adds: the ids of its principals."""
    users = found.get("userAssignedIdentities") or {}
    kept = {"type": found.get("type") or "SystemAssigned"}
    return {**kept, "userAssignedIdentities": {each: {} for each in users}} if users else kept
