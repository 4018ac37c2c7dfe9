"""Web services: what the SDK sends and reads of them, in front of containers that really run."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from modelship.targets.logtail import last_lines
from modelship.targets.state import State
from modelship.testing.offline import failures
from modelship.testing.offline.app import Call
from modelship.testing.offline.compute import Compute
from modelship.testing.offline.control import MMS
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
from modelship.testing.offline.reaper import Reaper
from modelship.testing.offline.rollout import Rollouts
from modelship.testing.offline.service_documents import (
    OWN,
    fits,
    model_ids,
    new_document,
    new_key,
    shown,
)
from modelship.testing.offline.service_requests import (
    RESOURCES,
    changed,
    check_create,
    checked_key,
    resources,
)
from modelship.testing.offline.shapes import optional

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.compute import Kind
    from modelship.testing.offline.faults import Faults
    from modelship.testing.offline.guard import Guard
    from modelship.testing.offline.store import Store

__all__ = ["Services"]

_MOST_LINES = 5000


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
    faults : Faults
        What is to go wrong with deployments.
    compute : {"process", "docker"}
        What a container is.
    base_image : str, optional
        With ``"docker"``, what the images stand on.
    cores : float
        How many cores all services may ask for together: the quota.
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
        self._kind = compute
        self._compute = Compute(
            store.folder, kind=compute, base_image=base_image, front_key=front_key
        )
        self._reaper: Reaper | None = None
        self._guarding = threading.Lock()
        self._fronts = Fronts(key=front_key)
        self._operations = Operations(store, guard=guard)
        self._rollouts = Rollouts(
            store,
            operations=self._operations,
            compute=self._compute,
            fronts=self._fronts,
            faults=faults,
            healthy_within_s=healthy_within_s,
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
            Call("services.keys", "POST", f"{one}/listkeys", self._keys),
            Call("services.regenerate", "POST", f"{one}/regenerateKeys", self._regenerate),
            Call("services.logs", "GET", f"{one}/logs", self._logs),
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
        self._call_reaper()
        self._compute.stop_all()
        for document in self._documents.all():
            if document["state"] == State.TRANSITIONING:
                failed = {"state": str(State.FAILED), "error": error}
                self._documents.change(document["name"], **failed)
        healthy = [each for each in self._documents.all() if each["state"] == State.HEALTHY]
        self._rollouts.restart(each["name"] for each in healthy)

    def close(self) -> None:
        """End the fronts and the containers; :meth:`start` starts them again."""
        try:
            self._rollouts.close()
        finally:
            self._fronts.close()
            if self._reaper is not None:
                self._reaper.close()

    def _call_reaper(self) -> None:
        """See to it that the containers end with this process, even if it is killed."""
        with self._guarding:
            if self._reaper is None:
                self._reaper = Reaper(self._store.folder, kind=self._kind)

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
        check_create(wanted)
        name = wanted["name"]
        if self._documents.get(name) is not None and not wanted.get("overwrite"):
            raise RefusalError(409, "ServiceExists", _taken(name))
        for model_id in model_ids(wanted):
            if self._store.documents("models").get(model_id) is None:
                message = f"Model with id {model_id} not found in provided workspace."
                raise RefusalError(404, "ModelNotFound", message)
        if refused := self._over_quota(wanted):
            raise RefusalError(409, "ContainerGroupQuotaReached", refused)

    def _over_quota(self, wanted: dict[str, Any]) -> str:
        """Return Azure's words if all services together would ask for too many cores."""
        used = sum(
            each["containerResourceRequirements"]["cpu"]
            for each in self._documents.all()
            if each["name"] != wanted.get("name")
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
            port = older[OWN]["port"] if older else None
            document = new_document(wanted, location=self._location, port=port)
            self._documents.put(name, document)
            return self._deploy(request, name)

    def _deploy(self, request: Request, name: str) -> Response:
        self._call_reaper()
        operation = self._operations.begin(name)
        self._rollouts.begin(name, operation=operation)
        return json_response({}, status=202, Operation_Location=_place(request, operation))

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
            new = changed(document, self._nocode.completed_patch(json_patch(request)))
            new["updatedTime"] = moment()
            self._documents.put(name, new)
            if new["environmentImageRequest"] != document["environmentImageRequest"]:
                self._documents.change(name, state=str(State.TRANSITIONING), error=None)
                return self._deploy(request, name)
            return self._done_at_once(request, name)

    def _done_at_once(self, request: Request, name: str) -> Response:
        """Let the front judge anew, and answer with an operation that has succeeded."""
        if self._require(name)["scoringUri"]:
            self._rollouts.open_front(name)
        operation = self._operations.begin(name)
        self._operations.end(operation, "Succeeded")
        return json_response({}, status=202, Operation_Location=_place(request, operation))

    def _delete(self, _request: Request, *, name: str, **_scope: str) -> Response:
        with self._rollouts.changing(name):
            document = self._documents.get(name)
            if document is None:
                return json_response(None, status=204)
            self._operations.end(document[OWN]["operation"], "Cancelled")
            self._rollouts.remove(name)
            self._documents.delete(name)
        return json_response({})

    def _keys(self, _request: Request, *, name: str, **_scope: str) -> Response:
        return json_response(self._require(name)[OWN]["keys"])

    def _regenerate(self, request: Request, *, name: str, **_scope: str) -> Response:
        asked = json_object(request)
        fields = {"Primary": "primaryKey", "Secondary": "secondaryKey"}
        field = fields.get(str(asked.get("keyType")))
        if field is None:
            raise RefusalError(400, "BadArgument", "keyType is one of Primary and Secondary.")
        with self._rollouts.changing(name):
            own = self._require(name)[OWN]
            own["keys"][field] = checked_key(asked.get("keyValue")) or new_key()
            self._documents.change(name, **{OWN: own})
            return self._done_at_once(request, name)

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


def _verdict(problem: str) -> Response:
    return json_response({"error": {"message": problem}} if problem else {})


def _taken(name: str) -> str:
    return f"Service with the name {name} already exists; pass overwrite=True to replace it."


def _place(request: Request, operation: str) -> str:
    """Return the address of an operation, on the host that the client spoke to."""
    services = request.path.index("/services")
    return f"{request.host_url.rstrip('/')}{request.path[:services]}/operations/{operation}"
