"""Web services: what the SDK sends and reads of them, in front of containers that really run."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelship.targets.logtail import last_lines
from modelship.targets.state import State
from modelship.testing.offline import aci, failures
from modelship.testing.offline.addresses import Addresses
from modelship.testing.offline.aks import services as aks
from modelship.testing.offline.app import Call
from modelship.testing.offline.compute import Compute
from modelship.testing.offline.control import MMS
from modelship.testing.offline.deployments import Deployments
from modelship.testing.offline.exchange import (
    RefusalError,
    check_shape,
    json_object,
    json_patch,
    json_response,
)
from modelship.testing.offline.front import Fronts
from modelship.testing.offline.moments import moment
from modelship.testing.offline.nocode import NoCode
from modelship.testing.offline.operations import Operations
from modelship.testing.offline.rollout import Rollouts
from modelship.testing.offline.service_credentials import Credentials
from modelship.testing.offline.service_documents import (
    OWN,
    fits,
    key_of,
    model_ids,
    shown,
    what_runs,
)
from modelship.testing.offline.service_references import check_compute, check_models
from modelship.testing.offline.service_requests import RESOURCES, bad, resources
from modelship.testing.offline.service_tokens import ServiceTokens
from modelship.testing.offline.shapes import optional

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.compute import Kind
    from modelship.testing.offline.faults import Faults
    from modelship.testing.offline.guard import Guard
    from modelship.testing.offline.store import Store

__all__ = ["Services"]

_MOST_LINES = 5000


@dataclass(frozen=True)
class _Place:
    """Where services run: how requests for one are judged, and what is kept of them."""

    check: Callable[[Mapping[str, Any]], None]
    new_document: Callable[[Mapping[str, Any]], dict[str, Any]]
    changed: Callable[..., dict[str, Any]]


_PLACES: Final = {
    "ACI": _Place(aci.check, aci.new_document, aci.changed),
    "AKS": _Place(aks.check, aks.new_document, aks.changed),
}


class Services:
    """The web services of a workspace, each a container that runs.

    Parameters
    ----------
    store : Store
        Keeps them.
    guard : Guard
        Signs the addresses of logs.
    front_key : str
        What the containers want to see of whoever asks them, beside the keys of their service.
    token_key : str
        What the tokens of services that take tokens are signed with.
    faults : Faults
        What is to go wrong with deployments.
    compute : {"process", "docker"}
        What a container is.
    base_image : str, optional
        With ``"docker"``, what the images stand on.
    cores : float
        How many cores all services on Container Instances may ask for together: the quota.
    location : str
        The Azure region that the workspace pretends to be in.
    healthy_within_s : float
        How long a container may take to become healthy before the deployment is given up.

    Raises
    ------
    InvalidOptionError
        If there is no such compute.
    """

    def __init__(
        self,
        store: Store,
        *,
        guard: Guard,
        front_key: str,
        token_key: str,
        faults: Faults,
        compute: Kind = "process",
        base_image: str | None = None,
        cores: float = 100.0,
        location: str = "eastus",
        healthy_within_s: float = 600.0,
    ) -> None:
        self._store = store
        self._documents = store.documents("services")
        self._nocode = NoCode(store)
        self._cores = cores
        self._creating = threading.Lock()  # so that the quota is judged one after the other
        self._location = location
        self._compute = Compute(
            store.folder, kind=compute, base_image=base_image, front_key=front_key
        )
        tokens = ServiceTokens(key=token_key)
        self._addresses = Addresses(store, fronts=Fronts(key=front_key), tokens=tokens)
        self._operations = Operations(store, guard=guard)
        self._rollouts = Rollouts(
            store,
            operations=self._operations,
            compute=self._compute,
            addresses=self._addresses,
            faults=faults,
            location=location,
            healthy_within_s=healthy_within_s,
        )
        self._deployments = Deployments(
            store.folder,
            kind=compute,
            operations=self._operations,
            rollouts=self._rollouts,
            addresses=self._addresses,
        )
        self._credentials = Credentials(
            store, tokens=tokens, rollouts=self._rollouts, deployments=self._deployments
        )

    def calls(self) -> list[Call]:
        """Return what the workspace answers."""
        place = f"{MMS}/services"
        one, validate = f"{place}/<name>", f"{place}/validate"
        return [
            Call("services.validate.name", "POST", f"{validate}/name/<name>", self._check_name),
            Call("services.validate", "POST", validate, self._validate),
            Call("services.validate.resource", "POST", f"{validate}/resource", self._check_quota),
            Call("services.create", "POST", place, self._create),
            Call("services.list", "GET", place, self._list),
            Call("services.get", "GET", one, self._get),
            Call("services.update", "PATCH", one, self._update),
            Call("services.delete", "DELETE", one, self._delete),
            Call("services.logs", "GET", f"{one}/logs", self._logs),
            *self._credentials.calls(),
            *self._operations.calls(),
        ]

    def start(self) -> None:
        """Start every service again that ran when the workspace was closed; wait until they run.

        What an earlier process left running is ended first; what it was deploying has failed.
        """
        error = failures.interrupted().error
        for operation in self._operations.unfinished():
            self._operations.end(operation, "Failed", error=error)
        if not self._documents.all():
            return
        self._deployments.call_reaper()
        self._compute.stop_all()
        for document in self._documents.all():
            if document["state"] == State.TRANSITIONING:
                failed = {"state": str(State.FAILED), "error": error}
                self._documents.change(key_of(document), **failed)
        healthy = [each for each in self._documents.all() if each["state"] == State.HEALTHY]
        self._rollouts.restart(key_of(each) for each in healthy)

    def close(self) -> None:
        """End the fronts and the containers; :meth:`start` starts them again."""
        try:
            self._rollouts.close()
        finally:
            self._addresses.close()
            self._deployments.close()

    # --- before anything is done ----------------------------------------------------------

    def _check_name(self, _request: Request, *, name: str, **_scope: str) -> Response:
        taken = self._documents.get(name) is not None
        return _verdict(_taken(name) if taken else "")

    def _validate(self, request: Request, **_scope: str) -> Response:
        asked = json_object(request, {"createRequest": optional(dict)})
        wanted = asked.get("createRequest")
        if asked.get("type") != "Create" or not wanted:
            return _verdict("")
        try:
            self._check(self._nocode.completed(wanted))
        except RefusalError as refusal:
            return _verdict(refusal.message)
        return _verdict("")

    def _check_quota(self, request: Request, **_scope: str) -> Response:
        wanted = json_object(request)
        check_shape(wanted.get("containerResourceRequirements") or {}, RESOURCES)
        return _verdict(self._over_quota(wanted))

    def _check(self, wanted: dict[str, Any]) -> None:
        """Refuse a request that cannot be met."""
        _place_of(wanted).check(wanted)
        name = wanted["name"]
        if self._documents.get(name) is not None and not wanted.get("overwrite"):
            raise RefusalError(409, "ServiceExists", _taken(name))
        check_models(self._store, wanted)
        if wanted["computeType"] != "ACI":
            check_compute(self._store, wanted)
        if refused := self._over_quota(wanted):
            raise RefusalError(409, "ContainerGroupQuotaReached", refused)

    def _over_quota(self, wanted: dict[str, Any]) -> str:
        """Return Azure's words if services on Container Instances would ask for too many cores."""
        if wanted.get("computeType") != "ACI":
            return ""
        used = sum(
            each["containerResourceRequirements"]["cpu"]
            for each in self._documents.all()
            if each["computeType"] == "ACI" and each["name"] != wanted.get("name")
        )
        asked = resources(wanted)["cpu"]
        if used + asked <= self._cores:
            return ""
        return failures.quota_exceeded(
            limit=self._cores, usage=used, requested=asked, location=self._location
        )

    # --- what is done ---------------------------------------------------------------------

    def _create(self, request: Request, **_scope: str) -> Response:
        wanted = self._nocode.completed(json_object(request))
        name = str(wanted.get("name"))
        with self._creating, self._rollouts.changing(name):
            self._check(wanted)
            older = self._documents.get(name)
            if older is not None:
                self._operations.end(older[OWN]["operation"], "Cancelled")
                self._rollouts.remove(name)
            located = wanted | {"location": wanted.get("location") or self._location}
            document = _place_of(wanted).new_document(located)
            document[OWN]["port"] = older[OWN]["port"] if older else None
            self._documents.put(name, document)
            return self._deployments.begin(request, name)

    def _list(self, request: Request, **_scope: str) -> Response:
        found = [each for each in self._documents.all() if fits(each, request.args)]
        return json_response({"value": [self._shown(each) for each in found]})

    def _get(self, _request: Request, *, name: str, **_scope: str) -> Response:
        return json_response(self._shown(self._require(name)))

    def _update(self, request: Request, *, name: str, **_scope: str) -> Response:
        with self._rollouts.changing(name):
            document = self._require(name)
            if document["state"] == State.TRANSITIONING:
                message = f"The service {name} is being deployed; it cannot be updated before."
                raise RefusalError(409, "ServiceIsTransitioning", message)
            patch = self._nocode.completed_patch(json_patch(request))
            new = _place_of(document).changed(document, patch)
            check_models(self._store, new)
            new["updatedTime"] = moment()
            self._documents.put(name, new)
            if what_runs(new) != what_runs(document):
                self._documents.change(name, state=str(State.TRANSITIONING), error=None)
                return self._deployments.begin(request, name)
            return self._deployments.done(request, name)

    def _delete(self, _request: Request, *, name: str, **_scope: str) -> Response:
        with self._rollouts.changing(name):
            document = self._documents.get(name)
            if document is None:
                return json_response(None, status=204)
            self._operations.end(document[OWN]["operation"], "Cancelled")
            self._rollouts.remove(name)
            self._documents.delete(name)
        return json_response({})

    def _logs(self, request: Request, *, name: str, **_scope: str) -> Response:
        document = self._require(name)
        tail = request.args.get("tail", _MOST_LINES, type=int)
        if request.args.get("init", "").lower() == "true":
            models = model_ids(document)
            log = "".join(f"[modelship] laid out the model {each}\n" for each in models)
        else:
            log = self._rollouts.logs(name)
        return json_response({"content": last_lines(log, tail)})

    def _shown(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return what a client sees of a service."""
        document = self._rollouts.refresh(document)
        models = self._store.documents("models")
        return shown(document, [models.get(each) for each in model_ids(document)])

    def _require(self, name: str) -> dict[str, Any]:
        document = self._documents.get(name)
        if document is None:
            raise RefusalError(404, "ServiceNotFound", f"Service with name {name} not found.")
        return document


def _place_of(wanted: Mapping[str, Any]) -> _Place:
    kind = str(wanted.get("computeType"))
    if kind not in _PLACES:
        places = ", ".join(_PLACES)
        raise bad(f"An offline workspace has no {kind}; it has {places}.")
    return _PLACES[kind]


def _verdict(problem: str) -> Response:
    return json_response({"error": {"message": problem}} if problem else {})


def _taken(name: str) -> str:
    return f"Service with the name {name} already exists; pass overwrite=True to replace it."
