"""Experiments: names that group runs."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.control import WS
from modelship.testing.offline.json_exchange import RefusalError, optional
from modelship.testing.offline.moments import moment
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.runs.queries import Query

if TYPE_CHECKING:
    from modelship.testing.offline.offline_context import Context

__all__ = ["EXPERIMENT", "HISTORY", "Experiments"]

HISTORY: Final = f"/history/v1.0{WS}"
"""The prefix of calls of the run history, as a rule of werkzeug's routing."""

EXPERIMENT: Final = f"{HISTORY}/experiments/<experiment>"
"""One experiment, by name."""

_BY_ID: Final = f"{HISTORY}/experimentids/<experiment_id>"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}")
_CHANGES: Final = {
    "tags": optional(dict),
    "description": optional(str),
    "archive": optional(bool),
}
_VIEWS: Final = {"ArchivedOnly": (True,), "All": (True, False)}


class Experiments(Part):
    """The experiments of a workspace, by id."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._documents = context.store.documents("experiments")
        self._runs = context.store.documents("runs")

    @answers("experiments.get", "GET", EXPERIMENT)
    def named(self, experiment: str) -> dict[str, Any]:
        """Return the experiment of this name.

        Raises
        ------
        RefusalError
            If it does not exist.
        """
        found = self._find(experiment)
        if found is None:
            raise RefusalError(404, "ExperimentNotFound", f"There is no experiment {experiment!r}.")
        return found

    @answers("experiments.get_by_id", "GET", _BY_ID)
    def with_id(self, experiment_id: str) -> dict[str, Any]:
        """Return the experiment with this id; otherwise as :meth:`named`."""
        message = f"There is no experiment with the id {experiment_id!r}."
        return self._documents.require(experiment_id, "ExperimentNotFound", message)

    def _find(self, name: str) -> dict[str, Any] | None:
        named = [each for each in self._documents.all() if each["name"] == name]
        active = [each for each in named if each["archivedTime"] is None]
        return next(iter(active or named), None)

    @answers("experiments.create", "POST", EXPERIMENT)
    def ensure(self, experiment: str) -> dict[str, Any]:
        """Return the experiment of this name, which is created if it does not exist.

        Raises
        ------
        RefusalError
            If the name is not valid.
        """
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
        return found

    @answers("experiments.query", "POST", f"{HISTORY}/experiments:query")
    def _query(self, body: dict[str, Any]) -> dict[str, Any]:
        wanted = _VIEWS.get(str(body.get("viewType")), (False,))
        every = self._documents.all()
        found = [each for each in every if (each["archivedTime"] is not None) in wanted]
        return Query.of(body).page(found)

    @answers("experiments.update", "PATCH", _BY_ID, shape=_CHANGES)
    def _update(self, body: dict[str, Any], experiment_id: str) -> dict[str, Any]:
        with self._documents.lock:
            found = self.with_id(experiment_id)
            found["tags"] |= body.get("tags") or {}
            if body.get("description") is not None:
                found["description"] = body["description"]
            if body.get("archive") is not None:
                found["archivedTime"] = moment() if body["archive"] else None
            self._documents.put(experiment_id, found)
        return found

    @answers("experiments.delete_tags", "POST", f"{_BY_ID}/tags:delete", shape={"tags": [str]})
    def _delete_tags(self, body: dict[str, Any], experiment_id: str) -> dict[str, Any]:
        unwanted = body.get("tags") or ()
        with self._documents.lock:
            found = self.with_id(experiment_id)
            kept = {key: each for key, each in found["tags"].items() if key not in unwanted}
            self._documents.change(experiment_id, tags=kept)
        return {"errors": []}

    @answers("experiments.delete", "DELETE", _BY_ID)
    def _delete(self, experiment_id: str) -> None:
        with self._runs.lock:  # no run is added meanwhile
            found = self.with_id(experiment_id)
            runs = [each for each in self._runs.all() if each["experimentId"] == experiment_id]
            if runs:
                message = (
                    f"The experiment {found['name']} cannot be deleted: it has {len(runs)} runs."
                )
                raise RefusalError(409, "ExperimentNotEmpty", message)
            self._documents.delete(experiment_id)


def _new(name: str) -> dict[str, Any]:
    return {
        "experimentId": str(uuid.uuid4()),
        "name": name,
        "description": None,
        "createdUtc": moment(),
        "archivedTime": None,
        "tags": {},
    }
