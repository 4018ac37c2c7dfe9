"""The deployments of managed online endpoints: their calls in Azure's resource manager."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from modelship.targets.logtail import last_lines
from modelship.targets.state import State
from modelship.testing.offline.json_exchange import json_response
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.service_documents import OWN, begun, what_runs
from modelship.testing.offline.v2.arm_operations import accepted, with_operation
from modelship.testing.offline.v2.arm_refusals import (
    ArmRefusalError,
    bad_request,
    conflict,
    not_found,
)
from modelship.testing.offline.v2.deployment_requests import (
    SHAPE,
    check_deployment,
    check_quota,
    image_request,
    managed_deployments,
    resources_of,
)
from modelship.testing.offline.v2.online_documents import (
    arm_state,
    deployment_key,
    front_name,
    new_deployment,
    shares,
    shown_deployment,
)
from modelship.testing.offline.v2.online_endpoints import ENDPOINTS
from modelship.testing.offline.v2.online_logs import container_log, storage_log

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.offline_context import Context
    from modelship.testing.offline.service_rollouts import Rollouts
    from modelship.testing.offline.v2.online_endpoints import OnlineEndpoints

__all__ = ["OnlineDeployments"]

_EVERY: Final = f"{ENDPOINTS}/<endpoint>/deployments"
_ONE: Final = f"{_EVERY}/<name>"
_MOST_DEPLOYMENTS: Final = 20
_MOST_LINES: Final = 5000


class OnlineDeployments(Part):
    """The deployments of a workspace, each of which runs in a container.

    Parameters
    ----------
    context : Context
        The state that the parts of the workspace share.
    rollouts : Rollouts
        Starts and stops deployments.
    endpoints : OnlineEndpoints
        Has the endpoints.
    """

    def __init__(self, context: Context, rollouts: Rollouts, endpoints: OnlineEndpoints) -> None:
        super().__init__(context)
        self._documents = context.store.documents("services")
        self._operations = context.store.documents("operations")
        self._rollouts = rollouts
        self._endpoints = endpoints
        self._creating = threading.Lock()  # so that quota checks run one after the other

    @answers("online-deployments.create", "PUT", _ONE, shape=SHAPE, refusal=ArmRefusalError)
    def _put(self, request: Request, endpoint: str, name: str, body: dict[str, Any]) -> Response:
        key = deployment_key(endpoint, name)
        with self._creating, self._rollouts.changing(front_name(endpoint)):
            before = self._documents.get(key)
            document = self._checked(endpoint, name, body, before)
            operation = self._apply(key, document, before)
            return with_operation(
                self._shown(self._require(endpoint, name)),
                status=200 if before else 201,
                operation=operation,
                kind="od",
                request=request,
                identity=self._identity,
            )

    @answers("online-deployments.get", "GET", _ONE, refusal=ArmRefusalError)
    def _get(self, endpoint: str, name: str) -> dict[str, Any]:
        self._endpoints.require(endpoint)
        return self._shown(self._require(endpoint, name))

    @answers("online-deployments.list", "GET", _EVERY, refusal=ArmRefusalError)
    def _list(self, endpoint: str) -> dict[str, Any]:
        self._endpoints.require(endpoint)
        return {"value": [self._shown(each) for each in self._of(endpoint)]}

    @answers("online-deployments.delete", "DELETE", _ONE, refusal=ArmRefusalError)
    def _delete(self, request: Request, endpoint: str, name: str) -> Response:
        key = deployment_key(endpoint, name)
        with self._rollouts.changing(front_name(endpoint)):
            if self._documents.get(key) is None:
                return json_response(None, status=204)
            self._check_no_traffic(endpoint, name)
            self._rollouts.remove(key)
            self._documents.delete(key)
            operation = self._rollouts.renewed(front_name(endpoint))
            return accepted(operation, "od", request, self._identity)

    @answers("online-deployments.logs", "POST", f"{_ONE}/getLogs", refusal=ArmRefusalError)
    def _logs(self, endpoint: str, name: str, body: dict[str, Any]) -> dict[str, str]:
        document = self._rollouts.refresh(self._require(endpoint, name))
        tail = body.get("tail")
        lines = tail if isinstance(tail, int) and tail > 0 else _MOST_LINES
        if body.get("containerType") == "StorageInitializer":
            return {"content": last_lines(storage_log(document), lines)}
        output = self._rollouts.logs(deployment_key(endpoint, name))
        return {"content": container_log(document, last_lines(output, lines))}

    def _checked(
        self, endpoint: str, name: str, wanted: dict[str, Any], before: dict[str, Any] | None
    ) -> dict[str, Any]:
        """Return the document of a requested deployment, or refuse the request."""
        self._endpoints.require(endpoint)
        settings = check_deployment(name, wanted)
        if before is not None and before["state"] == State.TRANSITIONING:
            raise conflict(
                f"Cannot update the deployment '{name}' in endpoint '{endpoint}' because it is in "
                f"{self._state(before)} provisioning state."
            )
        if before is None and len(self._of(endpoint)) >= _MOST_DEPLOYMENTS:
            raise bad_request(
                f"The endpoint '{endpoint}' has {_MOST_DEPLOYMENTS} deployments, which is the most."
            )
        others = managed_deployments(self._store, without=deployment_key(endpoint, name))
        check_quota(settings, others)
        document = new_deployment(
            endpoint,
            name,
            wanted,
            request=image_request(self._store, wanted, compute=self._context.compute),
            resources=resources_of(settings),
            before=before,
        )
        document[OWN]["is_new"] = before is None
        return document

    def _apply(self, key: str, document: dict[str, Any], before: dict[str, Any] | None) -> str:
        """Store the document of a deployment and start it, if need be; return the operation."""
        if before and before["state"] == State.HEALTHY and what_runs(document) == what_runs(before):
            kept = ("state", "error", "scoringUri")
            self._documents.put(key, document | {field: before[field] for field in kept})
            operation = self._rollouts.renewed(document[OWN]["endpoint"])
            own = self._require_key(key)[OWN]
            self._documents.change(key, **{OWN: {**own, "operation": operation}})
            return operation
        self._documents.put(key, begun(document, before=before) if before else document)
        return self._rollouts.deploy(key)

    def _check_no_traffic(self, endpoint: str, name: str) -> None:
        document = self._endpoints.require(endpoint)
        for field in ("traffic", "mirrorTraffic"):
            if share := shares(document, field).get(name):
                raise bad_request(
                    f"The deployment '{name}' cannot be deleted: its {field} is {share:g} %. Set "
                    "it to 0 first."
                )

    def _shown(self, document: dict[str, Any]) -> dict[str, Any]:
        return shown_deployment(
            document,
            workspace=self._identity.path,
            location=self._identity.location,
            state=self._state(document),
        )

    def _state(self, document: dict[str, Any]) -> str:
        operation = self._operations.get(document[OWN]["operation"])
        found = operation["state"] if operation else "Running"
        return arm_state(found, is_new=bool(document[OWN].get("is_new")))

    def _of(self, endpoint: str) -> list[dict[str, Any]]:
        front = front_name(endpoint)
        return [each for each in self._documents.all() if each[OWN].get("endpoint") == front]

    def _require(self, endpoint: str, name: str) -> dict[str, Any]:
        found = self._documents.get(deployment_key(endpoint, name))
        if found is None:
            raise not_found("online deployment", name)
        return found

    def _require_key(self, key: str) -> dict[str, Any]:
        return self._documents.require(key, "ResourceNotFound", f"There is no {key}.")
