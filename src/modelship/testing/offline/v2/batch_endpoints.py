"""Batch endpoints: their calls in Azure's resource manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.errors import InvalidNameError
from modelship.targets.online_endpoint.endpoint_names import check_endpoint_name
from modelship.testing.offline.control import WS
from modelship.testing.offline.json_exchange import json_response, optional
from modelship.testing.offline.moments import moment
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.v2.arm_operations import accepted, with_operation
from modelship.testing.offline.v2.arm_refusals import ArmRefusalError, bad_request, not_found
from modelship.testing.offline.v2.batch_documents import deployment_key, shown_batch_endpoint

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.offline_context import Context

__all__ = ["BATCH_ENDPOINTS", "DATA_PLANE", "BatchEndpoints"]

BATCH_ENDPOINTS: Final = f"{WS}/batchEndpoints"
"""The path of all batch endpoints, as a rule of werkzeug's routing."""

DATA_PLANE: Final = "/mferp/managementfrontend"
"""What precedes a path of the resource manager at the service that starts and lists jobs."""

_ONE: Final = f"{BATCH_ENDPOINTS}/<endpoint>"
_SHAPE: Final = {
    "tags": optional(dict),
    "location": optional(str),
    "properties": {
        "authMode": optional(str),
        "description": optional(str),
        "defaults": optional(dict),
        "properties": optional(dict),
    },
}


class BatchEndpoints(Part):
    """The batch endpoints of a workspace."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._documents = context.store.documents("batch-endpoints")
        self._deployments = context.store.documents("batch-deployments")
        self._operations = context.operations

    def require(self, endpoint: str) -> dict[str, Any]:
        """Return the document of an endpoint, or refuse the request about it."""
        found = self._documents.get(endpoint)
        if found is None:
            raise not_found("batch endpoint", endpoint)
        return found

    def ended(self, name: str) -> str:
        """Return the id of an operation that has succeeded: there is nothing to wait for."""
        operation = self._operations.begin(name, kind="BatchEndpoint")
        self._operations.end(operation, "Succeeded")
        return operation

    @answers("batch-endpoints.create", "PUT", _ONE, shape=_SHAPE, refusal=ArmRefusalError)
    def _put(self, request: Request, endpoint: str, body: dict[str, Any]) -> Response:
        with self._documents.lock:
            before = self._documents.get(endpoint)
            self._check(endpoint, body)
            now = moment()
            document = {
                "name": endpoint,
                "location": body.get("location") or self._identity.location,
                "tags": body.get("tags") or {},
                "properties": {k: each for k, each in body["properties"].items() if each},
                "created": before["created"] if before else now,
                "changed": now,
            }
            self._documents.put(endpoint, document)
        return with_operation(
            self._shown(document),
            status=200 if before else 201,
            operation=self.ended(endpoint),
            kind="be",
            request=request,
            identity=self._identity,
        )

    @answers("batch-endpoints.get", "GET", _ONE, refusal=ArmRefusalError)
    def _get(self, endpoint: str) -> dict[str, Any]:
        return self._shown(self.require(endpoint))

    @answers("batch-endpoints.list", "GET", BATCH_ENDPOINTS, refusal=ArmRefusalError)
    def _list(self) -> dict[str, Any]:
        return {"value": [self._shown(each) for each in self._documents.all()]}

    @answers("batch-endpoints.delete", "DELETE", _ONE, refusal=ArmRefusalError)
    def _delete(self, request: Request, endpoint: str) -> Response:
        """Remove an endpoint with its deployments; its jobs stay."""
        with self._deployments.lock:  # none is added meanwhile
            if not self._documents.delete(endpoint):
                return json_response(None, status=204)
            for each in self._deployments.all():
                if each["endpoint"] == endpoint:
                    self._deployments.delete(deployment_key(endpoint, each["name"]))
        return accepted(self.ended(endpoint), "be", request, self._identity)

    def _check(self, endpoint: str, wanted: dict[str, Any]) -> None:
        try:
            check_endpoint_name(endpoint)
        except InvalidNameError as error:
            raise bad_request(str(error), code="BadArgument") from None
        mode = str(wanted["properties"].get("authMode") or "AADToken")
        if mode.casefold() != "aadtoken":
            raise bad_request(f"The authMode of a batch endpoint is AADToken, not {mode}.")
        name = (wanted["properties"].get("defaults") or {}).get("deploymentName")
        if name and self._deployments.get(deployment_key(endpoint, str(name))) is None:
            raise bad_request(
                f"The default deployment '{name}' is not in the endpoint '{endpoint}'."
            )

    def _shown(self, document: dict[str, Any]) -> dict[str, Any]:
        ours = self._identity
        place = f"{DATA_PLANE}{ours.path}/batchEndpoints/{document['name']}/jobs"
        uri = f"http://127.0.0.1:{ours.ports['http']}{place}"
        return shown_batch_endpoint(document, workspace=ours.path, scoring_uri=uri)
