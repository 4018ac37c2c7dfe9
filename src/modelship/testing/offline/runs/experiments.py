"""Experiments: names that group runs."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.control import WS
from modelship.testing.offline.json_exchange import RefusalError, json_object, json_response
from modelship.testing.offline.moments import moment
from modelship.testing.offline.offline_app import Call
from modelship.testing.offline.runs.queries import Query
from modelship.testing.offline.shapes import optional

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.document_store import Store

__all__ = ["EXPERIMENT", "HISTORY", "Experiments"]

HISTORY: Final = f"/history/v1.0{WS}"
"""The prefix of calls of the run history, as a rule of werkzeug's routing."""

EXPERIMENT: Final = f"{HISTORY}/experiments/<experiment>"
"""One experiment, by name."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}")
_CHANGES: Final = {
    "tags": optional(dict),
    "description": optional(str),
    "archive": optional(bool),
}
_VIEWS: Final = {"ArchivedOnly": (True,), "All": (True, False)}


class Experiments:
    """The experiments of a workspace.

    Parameters
    ----------
    store : Store
        Stores them, by id.
    """

    def __init__(self, store: Store) -> None:
        self._documents = store.documents("experiments")
        self._runs = store.documents("runs")

    def calls(self) -> list[Call]:
        """Return the calls that it answers."""
        by_id = f"{HISTORY}/experimentids/<experiment_id>"
        return [
            Call("experiments.get", "GET", EXPERIMENT, self._get),
            Call("experiments.create", "POST", EXPERIMENT, self._create),
            Call("experiments.query", "POST", f"{HISTORY}/experiments:query", self._query),
            Call("experiments.get_by_id", "GET", by_id, self._get_by_id),
            Call("experiments.update", "PATCH", by_id, self._update),
            Call("experiments.delete", "DELETE", by_id, self._delete),
            Call("experiments.delete_tags", "POST", f"{by_id}/tags:delete", self._delete_tags),
        ]

    def named(self, name: str) -> dict[str, Any]:
        """Return the experiment of this name.

        Raises
        ------
        RefusalError
            If it does not exist.
        """
        found = self._find(name)
        if found is None:
            raise RefusalError(404, "ExperimentNotFound", f"There is no experiment {name!r}.")
        return found

    def with_id(self, experiment_id: str) -> dict[str, Any]:
        """Return the experiment with this id; otherwise as :meth:`named`."""
        message = f"There is no experiment with the id {experiment_id!r}."
        return self._documents.require(experiment_id, "ExperimentNotFound", message)

    def _find(self, name: str) -> dict[str, Any] | None:
        named = [each for each in self._documents.all() if each["name"] == name]
        active = [each for each in named if each["archivedTime"] is None]
        return next(iter(active or named), None)

    def _get(self, _request: Request, *, experiment: str, **_scope: str) -> Response:
        return json_response(self.named(experiment))

    def _get_by_id(self, _request: Request, *, experiment_id: str, **_scope: str) -> Response:
        return json_response(self.with_id(experiment_id))

    def _create(self, _request: Request, *, experiment: str, **_scope: str) -> Response:
        if not _NAME.fullmatch(experiment):
            message = (
                f"{experiment!r} is not a valid name of an experiment: 1 to 255 letters, digits, "
                "dashes and underscores, beginning with a letter or digit."
            )
            raise RefusalError(400, "InvalidExperimentName", message)
        with self._documents.lock:
            found = self._find(experiment)
            if found is None:
                found = _new(experiment)
                self._documents.put(found["experimentId"], found)
        return json_response(found)

    def _query(self, request: Request, **_scope: str) -> Response:
        body = json_object(request)
        wanted = _VIEWS.get(str(body.get("viewType")), (False,))
        every = self._documents.all()
        found = [each for each in every if (each["archivedTime"] is not None) in wanted]
        return json_response(Query.of(body).page(found))

    def _update(self, request: Request, *, experiment_id: str, **_scope: str) -> Response:
        changes = json_object(request, _CHANGES)
        with self._documents.lock:
            found = self.with_id(experiment_id)
            found["tags"] |= changes.get("tags") or {}
            if changes.get("description") is not None:
                found["description"] = changes["description"]
            if changes.get("archive") is not None:
                found["archivedTime"] = moment() if changes["archive"] else None
            self._documents.put(experiment_id, found)
        return json_response(found)

    def _delete_tags(self, request: Request, *, experiment_id: str, **_scope: str) -> Response:
        unwanted = json_object(request, {"tags": [str]}).get("tags") or ()
        with self._documents.lock:
            found = self.with_id(experiment_id)
            kept = {key: each for key, each in found["tags"].items() if key not in unwanted}
            self._documents.change(experiment_id, tags=kept)
        return json_response({"errors": []})

    def _delete(self, _request: Request, *, experiment_id: str, **_scope: str) -> Response:
        found = self.with_id(experiment_id)
        runs = [each for each in self._runs.all() if each["experimentId"] == experiment_id]
        if runs:
            message = f"The experiment {found['name']} cannot be deleted: it has {len(runs)} runs."
            raise RefusalError(409, "ExperimentNotEmpty", message)
        self._documents.delete(experiment_id)
        return json_response({})


def _new(name: str) -> dict[str, Any]:
    return {
        "experimentId": str(uuid.uuid4()),
        "name": name,
        "description": None,
        "createdUtc": moment(),
        "archivedTime": None,
        "tags": {},
    }
