"""Web services: the calls of the SDK about them, in front of containers that really run."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from modelship.targets.logtail import last_lines
from modelship.targets.state import State
from modelship.testing.offline.control import MMS
from modelship.testing.offline.json_exchange import (
    RefusalError,
    json_object,
    json_patch,
    json_response,
)
from modelship.testing.offline.moments import moment
from modelship.testing.offline.nocode.no_code import NoCode
from modelship.testing.offline.offline_app import Call
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

_MOST_LINES = 5000


class Services:
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
        self._store = context.store
        self._documents = context.store.documents("services")
        self._nocode = NoCode(context.store)
        self._creating = threading.Lock()  # so that quota checks run one after the other
        self._location = context.identity.location
        self._rollouts = rollouts
        self._endpoints = endpoints
        self._checks = checks

    def calls(self) -> list[Call]:
        """Return the calls that it answers."""
        place = f"{MMS}/services"
        one = f"{place}/<name>"
        update, delete = self._endpoints.update, self._endpoints.delete
        return [
            Call("services.create", "POST", place, self._create),
            Call("services.list", "GET", place, self._list),
            Call("services.get", "GET", one, self._get),
            Call("services.update", "PATCH", one, self._either(self._update, update)),
            Call("services.delete", "DELETE", one, self._either(self._delete, delete)),
            Call("services.logs", "GET", f"{one}/logs", self._logs),
            Call("services.migrate", "POST", f"{place}/migrate", _refuse_migration),
        ]

    def _create(self, request: Request, **_scope: str) -> Response:
        wanted = self._nocode.completed(json_object(request))
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

    def _list(self, request: Request, **_scope: str) -> Response:
        services = [each for each in self._documents.all() if not each[OWN].get("endpoint")]
        found = [each for each in (*services, *self._endpoints.all()) if self._fits(request, each)]
        return json_response({"value": [self._shown(each) for each in found]})

    def _fits(self, request: Request, document: dict[str, Any]) -> bool:
        return fits(document, request.args, models=self._models(document))

    def _models(self, document: dict[str, Any]) -> list[str]:
        return self._endpoints.model_ids(document["name"]) or model_ids(document)

    def _get(self, _request: Request, *, name: str, **_scope: str) -> Response:
        return json_response(self._shown(self._endpoints.get(name) or self._require(name)))

    def _either(self, of_service: _Answer, of_endpoint: _Answer) -> _Answer:
        """Return the handler for an endpoint if one has this name, or else for a service."""

        def answer(request: Request, *, name: str, **scope: str) -> Response:
            is_endpoint = self._endpoints.get(name) is not None
            return (of_endpoint if is_endpoint else of_service)(request, name=name, **scope)

        return answer

    def _update(self, request: Request, *, name: str, **_scope: str) -> Response:
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

    def _delete(self, _request: Request, *, name: str, **_scope: str) -> Response:
        with self._rollouts.changing(name):
            if self._find(name) is None:
                return json_response(None, status=204)
            self._rollouts.remove(name)
            self._documents.delete(name)
        return json_response({})

    def _logs(self, request: Request, *, name: str, **_scope: str) -> Response:
        document = self._endpoints.get(name) or self._require(name)
        tail = request.args.get("tail", _MOST_LINES, type=int)
        if request.args.get("init", "").lower() == "true":
            models = self._models(document)
            log = "".join(f"[modelship] copied the model {each}\n" for each in models)
        else:
            of_place = self._endpoints if document["computeType"] == ENDPOINT else self._rollouts
            log = of_place.logs(name)
        return json_response({"content": last_lines(log, tail)})

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


def _refuse_migration(_request: Request, **_scope: str) -> Response:
    message = (
        "An offline workspace does not migrate services; deploy them again to the other compute."
    )
    raise RefusalError(501, "MigrationNotSupported", message)
