"""The deployments of batch endpoints: their calls in Azure's resource manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.errors import InvalidNameError
from modelship.targets.online_endpoint.endpoint_names import check_deployment_name
from modelship.testing.offline.json_exchange import json_response, optional
from modelship.testing.offline.moments import moment
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.v2.arm_operations import accepted, with_operation
from modelship.testing.offline.v2.arm_refusals import ArmRefusalError, bad_request, not_found
from modelship.testing.offline.v2.batch_documents import deployment_key, shown_batch_deployment
from modelship.testing.offline.v2.batch_endpoints import BATCH_ENDPOINTS
from modelship.testing.offline.v2.batch_plans import parts_of
from modelship.testing.offline.v2.batch_settings import batch_settings

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.offline_context import Context
    from modelship.testing.offline.v2.batch_endpoints import BatchEndpoints

__all__ = ["BatchDeployments"]

_EVERY: Final = f"{BATCH_ENDPOINTS}/<endpoint>/deployments"
_ONE: Final = f"{_EVERY}/<name>"
_SHAPE: Final = {
    "tags": optional(dict),
    "location": optional(str),
    "properties": {
        "model": optional(dict),
        "compute": optional(str),
        "codeConfiguration": optional(dict),
        "environmentId": optional(str),
        "environmentVariables": optional(dict),
        "resources": optional(dict),
        "retrySettings": optional(dict),
        "properties": optional(dict),
    },
}


class BatchDeployments(Part):
    """The deployments of the batch endpoints of a workspace: nothing runs until a job starts.

    Parameters
    ----------
    context : Context
        The state that the parts of the workspace share.
    endpoints : BatchEndpoints
        Has the endpoints.
    """

    def __init__(self, context: Context, endpoints: BatchEndpoints) -> None:
        super().__init__(context)
        self._documents = context.store.documents("batch-deployments")
        self._endpoints = endpoints

    def require(self, endpoint: str, name: str) -> dict[str, Any]:
        """Return the document of a deployment, or refuse the request about it."""
        self._endpoints.require(endpoint)
        found = self._documents.get(deployment_key(endpoint, name))
        if found is None:
            raise not_found("batch deployment", f"{endpoint}/{name}")
        return found

    @answers("batch-deployments.create", "PUT", _ONE, shape=_SHAPE, refusal=ArmRefusalError)
    def _put(self, request: Request, endpoint: str, name: str, body: dict[str, Any]) -> Response:
        self._endpoints.require(endpoint)
        self._check(name, body["properties"])
        with self._documents.lock:
            self._endpoints.require(endpoint)  # it may have been deleted meanwhile
            before = self._documents.get(deployment_key(endpoint, name))
            now = moment()
            document = {
                "name": name,
                "endpoint": endpoint,
                "location": body.get("location") or self._identity.location,
                "tags": body.get("tags") or {},
                "properties": body["properties"],
                "created": before["created"] if before else now,
                "changed": now,
            }
            self._documents.put(deployment_key(endpoint, name), document)
        return with_operation(
            self._shown(document),
            status=200 if before else 201,
            operation=self._endpoints.ended(name),
            kind="bd",
            request=request,
            identity=self._identity,
        )

    @answers("batch-deployments.get", "GET", _ONE, refusal=ArmRefusalError)
    def _get(self, endpoint: str, name: str) -> dict[str, Any]:
        return self._shown(self.require(endpoint, name))

    @answers("batch-deployments.list", "GET", _EVERY, refusal=ArmRefusalError)
    def _list(self, endpoint: str) -> dict[str, Any]:
        self._endpoints.require(endpoint)
        found = [each for each in self._documents.all() if each["endpoint"] == endpoint]
        return {"value": [self._shown(each) for each in found]}

    @answers("batch-deployments.delete", "DELETE", _ONE, refusal=ArmRefusalError)
    def _delete(self, request: Request, endpoint: str, name: str) -> Response:
        if not self._documents.delete(deployment_key(endpoint, name)):
            return json_response(None, status=204)
        return accepted(self._endpoints.ended(name), "bd", request, self._identity)

    def _check(self, name: str, properties: dict[str, Any]) -> None:
        """Refuse a deployment whose jobs could not run."""
        try:
            check_deployment_name(name)
        except InvalidNameError as error:
            raise bad_request(str(error), code="BadArgument") from None
        batch_settings(properties)
        parts_of(self._store, properties)

    def _shown(self, document: dict[str, Any]) -> dict[str, Any]:
        return shown_batch_deployment(document, workspace=self._identity.path)
