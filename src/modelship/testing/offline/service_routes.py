"""Web services: the calls of the SDK about them, in front of containers that really run."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from modelship.targets.logtail import last_lines
from modelship.targets.state import State
from modelship.testing.offline.control import MMS
from modelship.testing.offline.json_exchange import (
    RefusalError,
    json_patch,
    json_response,
)
from modelship.testing.offline.moments import moment
from modelship.testing.offline.nocode.no_code import NoCode
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.service_checks import ENDPOINT, place_of
from modelship.testing.offline.service_documents import (
    OWN,
    begun,
    fits,
    model_ids,
    shown,
    what_runs,
)
from modelship.testing.offline.service_requests import check_models

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.aks.endpoints import Endpoints
    from modelship.testing.offline.offline_context import Context
    from modelship.testing.offline.service_checks import Checks
    from modelship.testing.offline.service_rollouts import Rollouts

    _Answer = Callable[..., Response]

__all__ = ["Services"]

_EVERY = f"{MMS}/services"
_ONE = f"{_EVERY}/<name>"
_NO_MIGRATION = (
    "An offline workspace does not migrate services; deploy them again to the other compute."
)
_MOST_LINES = 5000


class Services(Part):
    """The web services of a workspace, each of which runs in a container.

    Parameters
    ----------
    context : Context
        The state that the parts of the workspace share.
    rollouts : Rollouts
        Starts and stops services.
    endpoints : Endpoints
        Answers in place of this where a name is that of an endpoint.
    checks : Checks
        Validates requests for services.
    """

    def __init__(
        self, context: Context, rollouts: Rollouts, *, endpoints: Endpoints, checks: Checks
    ) -> None:
        super().__init__(context)
        self._documents = context.store.documents("services")
        self._nocode = NoCode(context.store)
        self._creating = threading.Lock()  # so that quota checks run one after the other
        self._location = context.identity.location
        self._rollouts = rollouts
        self._endpoints = endpoints
        self._checks = checks

    @answers("services.create", "POST", _EVERY)
    def _create(self, request: Request, body: dict[str, Any]) -> Response:
        wanted = self._nocode.completed(body)
        name = str(wanted.get("name"))
        with self._creating, self._rollouts.changing(name):
            self._checks.check(wanted)
            if wanted["computeType"] == ENDPOINT:
                return self._endpoints.create(request, wanted)
            older = self._documents.get(name)
            if older is not None:
                self._rollouts.remove(name)
            located = wanted | {"location": wanted.get("location") or self._location}
            document = place_of(wanted).new_document(located)
            document[OWN]["port"] = older[OWN]["port"] if older else None
            self._documents.put(name, document)
            return self._rollouts.begin(request, name)

    @answers("services.list", "GET", _EVERY)
    def _list(self, request: Request) -> dict[str, Any]:
        services = [each for each in self._documents.all() if not each[OWN].get("endpoint")]
        found = [each for each in (*services, *self._endpoints.all()) if self._fits(request, each)]
        return {"value": [self._shown(each) for each in found]}

    def _fits(self, request: Request, document: dict[str, Any]) -> bool:
        return fits(document, request.args, models=self._models(document))

    def _models(self, document: dict[str, Any]) -> list[str]:
        return self._endpoints.model_ids(document["name"]) or model_ids(document)

    @answers("services.get", "GET", _ONE)
    def _get(self, name: str) -> dict[str, Any]:
        return self._shown(self._endpoints.get(name) or self._require(name))

    @answers("services.update", "PATCH", _ONE)
    def _update(self, request: Request, name: str) -> Response:
        if self._endpoints.get(name) is not None:
            return self._endpoints.update(request, name)
        with self._rollouts.changing(name):
            document = self._require(name)
            if document["state"] == State.TRANSITIONING:
                message = f"The service {name} is being deployed; update it afterwards."
                raise RefusalError(409, "ServiceIsTransitioning", message)
            patch = self._nocode.completed_patch(json_patch(request))
            new = place_of(document).changed(document, patch)
            check_models(self._store, new)
            new["updatedTime"] = moment()
            if what_runs(new) != what_runs(document):
                self._documents.put(name, begun(new, before=document))
                return self._rollouts.begin(request, name)
            self._documents.put(name, new)
            return self._rollouts.done(request, name)

    @answers("services.delete", "DELETE", _ONE)
    def _delete(self, name: str) -> Response:
        if self._endpoints.get(name) is not None:
            self._endpoints.delete(name)
            return json_response({})
        with self._rollouts.changing(name):
            if self._find(name) is None:
                return json_response(None, status=204)
            self._rollouts.remove(name)
            self._documents.delete(name)
        return json_response({})

    @answers("services.logs", "GET", f"{_ONE}/logs")
    def _logs(self, request: Request, name: str) -> dict[str, str]:
        document = self._endpoints.get(name) or self._require(name)
        tail = request.args.get("tail", _MOST_LINES, type=int)
        if request.args.get("init", "").lower() == "true":
            models = self._models(document)
            log = "".join(f"[modelship] copied the model {each}\n" for each in models)
        else:
            of_place = self._endpoints if document["computeType"] == ENDPOINT else self._rollouts
            log = of_place.logs(name)
        return {"content": last_lines(log, tail)}

    @staticmethod
    @answers("services.migrate", "POST", f"{_EVERY}/migrate")
    def _refuse_migration() -> None:
        raise RefusalError(501, "MigrationNotSupported", _NO_MIGRATION)

    def _shown(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return the part of a service or an endpoint that a client sees."""
        if document["computeType"] == ENDPOINT:
            return self._endpoints.shown(document)
        return shown(self._rollouts.refresh(document), self._store)

    def _require(self, name: str) -> dict[str, Any]:
        document = self._find(name)
        if document is None:
            raise RefusalError(404, "ServiceNotFound", f"Service with name {name} not found.")
        return document

    def _find(self, name: str) -> dict[str, Any] | None:
        """Return the document of a service; a version of an endpoint does not count."""
        return None if "." in name else self._documents.get(name)
