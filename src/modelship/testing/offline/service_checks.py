"""Checks before a service is created, which the SDK also requests separately first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline import deployment_failures as failures
from modelship.testing.offline.aks.aks_services import AKS
from modelship.testing.offline.control import MMS
from modelship.testing.offline.json_exchange import NUMBER, RefusalError, check_shape, optional
from modelship.testing.offline.nocode.no_code import NoCode
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.service_places import ACI
from modelship.testing.offline.service_requests import bad, check_models, resources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.testing.offline.aks.endpoints import Endpoints
    from modelship.testing.offline.offline_context import Context
    from modelship.testing.offline.service_places import Place

__all__ = ["ENDPOINT", "Checks", "place_of"]

ENDPOINT: Final = "AKSENDPOINT"
"""The protocol's name for an endpoint: versions of a service on Kubernetes, at one address."""

_VALIDATE: Final = f"{MMS}/services/validate"
_PLACES: Final[dict[str, Place]] = {each.name: each for each in (ACI, AKS)}
# The quota: the cores of all services on Container Instances together.
_CORES = 100.0


class Checks(Part):
    """Validates requests for services.

    Parameters
    ----------
    context : Context
        The state that the parts of the workspace share.
    endpoints : Endpoints
        Validates requests for endpoints.
    """

    def __init__(self, context: Context, endpoints: Endpoints) -> None:
        super().__init__(context)
        self._services = context.store.documents("services")
        self._endpoints = endpoints
        self._nocode = NoCode(context.store)

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
            self._check_compute(wanted.get("computeName"))
        if refused := self._over_quota(wanted):
            raise RefusalError(409, "ContainerGroupQuotaReached", refused)

    def _check_compute(self, name: str | None) -> None:
        """Refuse a request for a service on a Kubernetes cluster that does not exist."""
        if not name:
            raise bad("The request names no compute target to deploy to.")
        message = f"There is no compute target {name}; create or attach a cluster of that name."
        found = self._store.documents("computes").require(name, "ComputeNotFound", message)
        kind = found["properties"]["computeType"]
        if kind != "AKS":
            raise bad(f"The compute target {name} is of type {kind}; services run on AKS.")

    @answers("services.validate.name", "POST", f"{_VALIDATE}/name/<name>")
    def _check_name(self, name: str) -> dict[str, Any]:
        return _verdict(_taken(name) if self._is_taken(name) else "")

    @answers("services.validate", "POST", _VALIDATE, shape={"createRequest": optional(dict)})
    def _validate(self, body: dict[str, Any]) -> dict[str, Any]:
        wanted = body.get("createRequest")
        if body.get("type") != "Create" or not wanted:
            return _verdict("")
        try:
            self.check(self._nocode.completed(wanted))
        except RefusalError as refusal:
            return _verdict(refusal.message)
        return _verdict("")

    @answers("services.validate.resource", "POST", f"{_VALIDATE}/resource")
    def _check_quota(self, body: dict[str, Any]) -> dict[str, Any]:
        shape = dict.fromkeys(("cpu", "memoryInGB"), optional(*NUMBER))
        check_shape(body.get("containerResourceRequirements") or {}, shape)
        return _verdict(self._over_quota(body))

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
            limit=_CORES, usage=used, requested=asked, location=self._identity.location
        )


def place_of(wanted: Mapping[str, Any]) -> Place:
    """Return the place where a service runs, or is to run.

    Raises
    ------
    RefusalError
        If there is no such place here.
    """
    kind = str(wanted.get("computeType"))
    if kind not in _PLACES:
        places = ", ".join([*_PLACES, ENDPOINT])
        raise bad(f"An offline workspace has no {kind}; it has {places}.")
    return _PLACES[kind]


def _verdict(problem: str) -> dict[str, Any]:
    return {"error": {"message": problem}} if problem else {}


def _taken(name: str) -> str:
    return f"Service with the name {name} already exists; pass overwrite=True to replace it."
