"""Checks before a service is created, which the SDK also requests on their own beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelship.testing.offline import deployment_failures as failures
from modelship.testing.offline.control import MMS
from modelship.testing.offline.json_exchange import (
    RefusalError,
    check_shape,
    json_object,
    json_response,
)
from modelship.testing.offline.offline_app import Call
from modelship.testing.offline.service_places import ENDPOINT, place_of
from modelship.testing.offline.service_requests import (
    RESOURCES,
    check_compute,
    check_models,
    resources,
)
from modelship.testing.offline.shapes import optional

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.aks.endpoints import Endpoints
    from modelship.testing.offline.nocode.no_code import NoCode
    from modelship.testing.offline.offline_context import Context

__all__ = ["Checks"]

# The quota: the cores of all services on Container Instances together.
_CORES = 100.0


class Checks:
    """Validates requests for services.

    Parameters
    ----------
    context : Context
        The state that the parts of the workspace share.
    endpoints : Endpoints
        Validates requests for endpoints.
    nocode : NoCode
        Completes requests that only name a model.
    """

    def __init__(self, context: Context, *, endpoints: Endpoints, nocode: NoCode) -> None:
        self._store = context.store
        self._services = context.store.documents("services")
        self._endpoints = endpoints
        self._nocode = nocode
        self._location = context.identity.location

    def calls(self) -> list[Call]:
        """Return the calls that it answers."""
        place = f"{MMS}/services/validate"
        return [
            Call("services.validate.name", "POST", f"{place}/name/<name>", self._check_name),
            Call("services.validate", "POST", place, self._validate),
            Call("services.validate.resource", "POST", f"{place}/resource", self._check_quota),
        ]

    def check(self, wanted: dict[str, Any]) -> None:
        """Refuse a request that cannot be fulfilled.

        Raises
        ------
        RefusalError
            With the status and the message of the response.
        """
        if wanted.get("computeType") == ENDPOINT:
            self._endpoints.check(wanted)
        else:
            place_of(wanted).check(wanted)
            check_models(self._store, wanted)
        name = wanted["name"]
        if self._is_taken(name) and not wanted.get("overwrite"):
            raise RefusalError(409, "ServiceExists", _taken(name))
        others = self._services if wanted["computeType"] == ENDPOINT else self._endpoints
        if others.get(name) is not None:
            message = f"{name} is the name of a service of another kind; delete that first."
            raise RefusalError(409, "ServiceExists", message)
        if wanted["computeType"] != "ACI":
            check_compute(self._store, wanted)
        if refused := self._over_quota(wanted):
            raise RefusalError(409, "ContainerGroupQuotaReached", refused)

    def _check_name(self, _request: Request, *, name: str, **_scope: str) -> Response:
        return _verdict(_taken(name) if self._is_taken(name) else "")

    def _validate(self, request: Request, **_scope: str) -> Response:
        asked = json_object(request, {"createRequest": optional(dict)})
        wanted = asked.get("createRequest")
        if asked.get("type") != "Create" or not wanted:
            return _verdict("")
        try:
            self.check(self._nocode.completed(wanted))
        except RefusalError as refusal:
            return _verdict(refusal.message)
        return _verdict("")

    def _check_quota(self, request: Request, **_scope: str) -> Response:
        wanted = json_object(request)
        check_shape(wanted.get("containerResourceRequirements") or {}, RESOURCES)
        return _verdict(self._over_quota(wanted))

    def _is_taken(self, name: str) -> bool:
        return self._services.get(name) is not None or self._endpoints.get(name) is not None

    def _over_quota(self, wanted: dict[str, Any]) -> str:
        """Return Azure's message if services on Container Instances would exceed the core quota."""
        if wanted.get("computeType") != "ACI":
            return ""
        used = sum(
            each["containerResourceRequirements"]["cpu"]
            for each in self._services.all()
            if each["computeType"] == "ACI" and each["name"] != wanted.get("name")
        )
        asked = resources(wanted)["cpu"]
        if used + asked <= _CORES:
            return ""
        return failures.quota_exceeded(
            limit=_CORES, usage=used, requested=asked, location=self._location
        )


def _verdict(problem: str) -> Response:
    return json_response({"error": {"message": problem}} if problem else {})


def _taken(name: str) -> str:
    return f"Service with the name {name} already exists; pass overwrite=True to replace it."
