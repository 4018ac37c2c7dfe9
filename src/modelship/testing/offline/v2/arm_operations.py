"""The long operations of endpoints, as SDK v2 follows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from modelship.testing.offline.json_exchange import json_response
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.v2.arm_refusals import not_found

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.identity import Identity

__all__ = ["ArmOperations", "accepted", "with_operation"]

_PROVIDER: Final = "providers/Microsoft.MachineLearningServices/locations"
_LOCATIONS: Final = f"/subscriptions/<subscription>/{_PROVIDER}/<location>"
_STATES: Final = {
    "NotStarted": "InProgress",
    "Running": "InProgress",
    "Succeeded": "Succeeded",
    "Cancelled": "Canceled",
}
_VERSION: Final = "2023-04-01-preview"
# Seconds are the unit of Retry-After, and without both headers the SDK waits up to 30 of them.
RETRY: Final = {"retry-after-ms": "50"}
"""How long a client waits before it asks again."""

_Kind = Literal["oe", "od", "be", "bd"]


def with_operation(
    document: dict[str, Any],
    *,
    status: int,
    operation: str,
    kind: _Kind,
    request: Request,
    identity: Identity,
) -> Response:
    """Return the response to a PUT: the resource, and the address of its operation.

    Parameters
    ----------
    document : dict
        The resource, in which the address is noted too.
    status : int
        201 for a new resource, 200 for a change.
    operation : str
        The id of the operation.
    kind : {"oe", "od", "be", "bd"}
        Whether it is about an online endpoint or a deployment of one, or of a batch endpoint.
    request : Request
        The request.
    identity : Identity
        The workspace.
    """
    address = _address("mfeOperationsStatus", operation, kind, request, identity)
    document["properties"]["properties"]["AzureAsyncOperationUri"] = address
    answer = json_response(document, status=status)
    answer.headers.update({"Azure-AsyncOperation": address, **RETRY})
    answer.headers["x-ms-async-operation-timeout"] = "PT2H"
    return answer


def accepted(operation: str, kind: _Kind, request: Request, identity: Identity) -> Response:
    """Return the response to a request without a result: the addresses of its operation."""
    answer = json_response(None, status=202)
    status = _address("mfeOperationsStatus", operation, kind, request, identity)
    result = _address("mfeOperationResults", operation, kind, request, identity)
    answer.headers.update({"Azure-AsyncOperation": status, "Location": result, **RETRY})
    return answer


class ArmOperations(Part):
    """Answers what state a long operation is in."""

    @answers("online-operations.get", "GET", f"{_LOCATIONS}/mfeOperationsStatus/<operation>")
    def _status(self, operation: str) -> Response:
        found = self._find(operation)
        status = _STATES.get(found["state"], "Failed")
        document: dict[str, Any] = {"id": operation, "status": status}
        if error := found.get("error"):
            document["error"] = {"details": [], **error}
        answer = json_response(document)
        answer.headers.update(RETRY)
        return answer

    @answers("online-operations.result", "GET", f"{_LOCATIONS}/mfeOperationResults/<operation>")
    def _result(self, operation: str) -> Response:
        runs = _STATES.get(self._find(operation)["state"]) == "InProgress"
        answer = json_response({}, status=202 if runs else 200)
        answer.headers.update(RETRY)
        return answer

    def _find(self, operation: str) -> dict[str, Any]:
        found = self._store.documents("operations").get(operation.rpartition(":")[2])
        if found is None:
            raise not_found("operation", operation)
        return found


def _address(
    collection: str, operation: str, kind: _Kind, request: Request, identity: Identity
) -> str:
    base = f"{request.host_url}subscriptions/{identity.subscription_id}/{_PROVIDER}"
    name = f"{kind}:{identity.workspace_id}:{operation}"
    return f"{base}/{identity.location}/{collection}/{name}?api-version={_VERSION}"
