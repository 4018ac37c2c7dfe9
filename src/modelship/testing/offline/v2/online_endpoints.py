"""Managed online endpoints: their calls in Azure's resource manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.errors import InvalidNameError, InvalidOptionError
from modelship.targets.online_endpoint.endpoint_names import check_endpoint_name
from modelship.targets.online_endpoint.endpoint_settings import EndpointSettings
from modelship.testing.offline.control import WS
from modelship.testing.offline.json_exchange import json_response, optional
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.service_documents import OWN, key_of, new_key
from modelship.testing.offline.v2.arm_operations import accepted, with_operation
from modelship.testing.offline.v2.arm_refusals import ArmRefusalError, bad_request, not_found
from modelship.testing.offline.v2.online_documents import (
    deployment_key,
    front_name,
    new_endpoint,
    shares,
    shown_endpoint,
)

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.offline_context import Context
    from modelship.testing.offline.service_rollouts import Rollouts

__all__ = ["ENDPOINTS", "OnlineEndpoints"]

ENDPOINTS: Final = f"{WS}/onlineEndpoints"
"""The path of all endpoints, as a rule of werkzeug's routing."""

_ONE: Final = f"{ENDPOINTS}/<endpoint>"
_SHAPE: Final = {
    "tags": optional(dict),
    "identity": optional(dict),
    "properties": {
        "authMode": optional(str),
        "traffic": optional(dict),
        "mirrorTraffic": optional(dict),
        "properties": optional(dict),
    },
}
_ON_KUBERNETES: Final = (
    "An offline workspace has no online endpoints on Kubernetes: create a ManagedOnlineEndpoint."
)
_KEYS: Final = {"Primary": "primaryKey", "Secondary": "secondaryKey"}


class OnlineEndpoints(Part):
    """The endpoints of a workspace, each with an address of its own.

    Parameters
    ----------
    context : Context
        The state that the parts of the workspace share.
    rollouts : Rollouts
        Runs the deployments, and has the addresses.
    """

    def __init__(self, context: Context, rollouts: Rollouts) -> None:
        super().__init__(context)
        self._documents = context.store.documents("online-endpoints")
        self._services = context.store.documents("services")
        self._tokens = context.tokens
        self._operations = context.operations
        self._rollouts = rollouts
        for document in self._documents.all():
            rollouts.addresses.announce(front_name(document["name"]))

    def require(self, endpoint: str) -> dict[str, Any]:
        """Return the document of an endpoint, or refuse the request about it."""
        found = self._documents.get(front_name(endpoint))
        if found is None:
            raise not_found("online endpoint", endpoint)
        return found

    @answers("online-endpoints.create", "PUT", _ONE, shape=_SHAPE, refusal=ArmRefusalError)
    def _put(self, request: Request, endpoint: str, body: dict[str, Any]) -> Response:
        front = front_name(endpoint)
        with self._rollouts.changing(front):
            before = self._documents.get(front)
            self._check(endpoint, body)
            self._documents.put(front, new_endpoint(endpoint, body, before=before))
            self._rollouts.addresses.announce(front)
            return with_operation(
                self._shown(self.require(endpoint)),
                status=200 if before else 201,
                operation=self._rollouts.renewed(front),
                kind="oe",
                request=request,
                identity=self._identity,
            )

    @answers("online-endpoints.get", "GET", _ONE, refusal=ArmRefusalError)
    def _get(self, endpoint: str) -> dict[str, Any]:
        return self._shown(self.require(endpoint))

    @answers("online-endpoints.list", "GET", ENDPOINTS, refusal=ArmRefusalError)
    def _list(self) -> dict[str, Any]:
        return {"value": [self._shown(each) for each in self._documents.all()]}

    @answers("online-endpoints.delete", "DELETE", _ONE, refusal=ArmRefusalError)
    def _delete(self, request: Request, endpoint: str) -> Response:
        front = front_name(endpoint)
        with self._rollouts.changing(front):
            if self._documents.get(front) is None:
                return json_response(None, status=204)
            for each in self._services.all():
                if each[OWN].get("endpoint") == front:
                    self._rollouts.remove(key_of(each))
                    self._services.delete(key_of(each))
            self._rollouts.addresses.shut(front)
            self._documents.delete(front)
            return self._done(request, front)

    @answers("online-endpoints.keys", "POST", f"{_ONE}/listKeys", refusal=ArmRefusalError)
    def _keys(self, endpoint: str) -> dict[str, str]:
        document = self._require_mode(endpoint, "key")
        return dict(document[OWN]["keys"])

    @answers(
        "online-endpoints.regenerate", "POST", f"{_ONE}/regenerateKeys", refusal=ArmRefusalError
    )
    def _regenerate(self, request: Request, endpoint: str, body: dict[str, Any]) -> Response:
        field = _KEYS.get(str(body.get("keyType")))
        if field is None:
            raise bad_request("keyType must be Primary or Secondary.")
        front = front_name(endpoint)
        with self._rollouts.changing(front):
            own = self._require_mode(endpoint, "key")[OWN]
            # The SDK sends the present key, which is to be replaced.
            own["keys"][field] = new_key()
            self._documents.change(front, **{OWN: own})
            return self._done(request, front)

    @answers("online-endpoints.token", "POST", f"{_ONE}/token", refusal=ArmRefusalError)
    def _token(self, endpoint: str) -> dict[str, Any]:
        self._require_mode(endpoint, "amltoken")
        found = self._tokens.issue(front_name(endpoint))
        return {
            "accessToken": found["accessToken"],
            "tokenType": found["tokenType"],
            "expiryTimeUtc": found["expiryOn"],
            "refreshAfterTimeUtc": found["refreshAfter"],
        }

    def _check(self, endpoint: str, wanted: dict[str, Any]) -> None:
        try:
            check_endpoint_name(endpoint)
            EndpointSettings.from_arm(wanted)
        except (InvalidNameError, InvalidOptionError) as error:
            raise bad_request(str(error), code="BadArgument") from None
        if wanted["properties"].get("compute"):
            raise bad_request(_ON_KUBERNETES)
        for field in ("traffic", "mirrorTraffic"):
            for name in shares(wanted, field):
                if self._services.get(deployment_key(endpoint, name)) is None:
                    raise bad_request(
                        f"The {field} names the deployment '{name}', which is not in the endpoint "
                        f"'{endpoint}'."
                    )

    def _require_mode(self, endpoint: str, mode: str) -> dict[str, Any]:
        document = self.require(endpoint)
        found = str(document["properties"].get("authMode") or "Key")
        if found.casefold() != mode:
            raise bad_request(f"The endpoint '{endpoint}' has the authMode {found}.")
        return document

    def _shown(self, document: dict[str, Any]) -> dict[str, Any]:
        return shown_endpoint(
            document,
            workspace=self._identity.path,
            location=self._identity.location,
            scoring_uri=f"http://127.0.0.1:{document[OWN]['port']}/score",
        )

    def _done(self, request: Request, front: str) -> Response:
        operation = self._rollouts.renewed(front)
        return accepted(operation, "oe", request, self._identity)
