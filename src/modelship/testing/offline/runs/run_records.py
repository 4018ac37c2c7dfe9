"""The runs of a workspace: each is a document that events change."""

from __future__ import annotations

import getpass
import uuid
from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.json_exchange import RefusalError, check_shape, optional
from modelship.testing.offline.moments import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelship.testing.offline.document_store import Store

__all__ = ["ENDED", "RUN_ORIGIN", "Records", "failure"]

ENDED: Final = frozenset({"Completed", "Failed", "Canceled"})
"""The final statuses of a run."""

RUN_ORIGIN: Final = "ExperimentRun"
"""The origin of the artifacts of runs; their container is the run's ``dataContainerId``."""

_TEXTS: Final = (
    *("parentRunId", "status", "name", "displayName", "description", "runType", "scriptName"),
    *("target", "primaryMetricName", "cancelUri", "startTimeUtc", "endTimeUtc"),
)
_OBJECTS: Final = ("runTypeV2", "tags", "properties", "runDefinition")
_GIVEN: Final = {
    **dict.fromkeys(_TEXTS, optional(str)),
    **dict.fromkeys(_OBJECTS, optional(dict)),
    "inputDatasets": [dict],
    "outputDatasets": [dict],
    "hidden": optional(bool),
}
_ENDING: Final = "CancelRequested"
_MERGED: Final = ("tags", "properties", "status")
_EVENTS: Final = {
    "Start": "Running",
    **{status: status for status in ("Queued", "CancelRequested", *sorted(ENDED))},
}


class Records:
    """The runs of a workspace.

    Parameters
    ----------
    store : Store
        Stores them, by id.
    """

    def __init__(self, store: Store) -> None:
        self._documents = store.documents("runs")
        self._experiments = store.documents("experiments")
        self.on_cancel: Callable[[str], None] = lambda _run_id: None
        """Called with the id of a run that is to be canceled, or that a client reports as ended."""

    def find(self, run_id: str) -> dict[str, Any]:
        """Return a run.

        Raises
        ------
        RefusalError
            If there is no run with this id.
        """
        return self._documents.require(run_id, "RunNotFound", f"There is no run {run_id!r}.")

    def all(self) -> list[dict[str, Any]]:
        """Return all runs, unordered."""
        return self._documents.all()

    def put(
        self,
        experiment: Mapping[str, Any],
        run_id: str,
        given: Mapping[str, Any],
        *,
        is_new: bool = False,
    ) -> dict[str, Any]:
        """Set some fields of a run, which is created if it does not exist; return it.

        Raises
        ------
        RefusalError
            If a field has another type, a property would change, or a run that has to be new
            exists.
        """
        check_shape(given, _GIVEN)
        with self._documents.lock:
            found = self._documents.get(run_id)
            if found is not None and is_new:
                raise RefusalError(400, "InvalidRunId", f"There is a run {run_id!r} already.")
            run = found or self._new(experiment, run_id, given)
            _check_properties(run, given.get("properties") or {})
            for field in _GIVEN:
                if field not in _MERGED and given.get(field) is not None:
                    run[field] = given[field]
            for field in ("tags", "properties"):
                entries = given.get(field) or {}
                run[field] |= {key: str(each) for key, each in entries.items() if each is not None}
            if given.get("status") and run["status"] not in ENDED:
                run["status"] = given["status"]
            self._documents.put(run_id, run)
        return run

    def change(self, run_id: str, **fields: Any) -> None:
        """Set some fields of a run that has not ended."""
        with self._documents.lock:
            if self.find(run_id)["status"] not in ENDED:
                self._documents.change(run_id, **fields)

    def remove_tags(self, run_id: str, names: list[str]) -> dict[str, Any]:
        """Remove tags from a run; return it."""
        with self._documents.lock:
            tags = self.find(run_id)["tags"]
            kept = {key: value for key, value in tags.items() if key not in names}
            return self._documents.change(run_id, tags=kept)

    def happen(self, run_id: str, event: Mapping[str, Any]) -> None:
        """Process an event that a client reports.

        Raises
        ------
        RefusalError
            If it is about an unknown run.
        """
        self.find(run_id)
        check_shape(event, {"name": str, "data": optional(dict)})
        kind = event["name"].rpartition(".")[2]
        data = event.get("data") or {}
        if kind == "Error":
            self.change(run_id, error=data.get("ErrorResponse") or data.get("errorResponse"))
        elif kind == "Warning":
            found = {"source": data.get("Source"), "message": data.get("Message")}
            self.change(run_id, warnings=[*self.find(run_id)["warnings"], found])
        elif kind in _EVENTS:
            self.reach(run_id, _EVENTS[kind])
        if kind in {"CancelRequested", "Canceled"}:
            self.on_cancel(run_id)

    def reach(self, run_id: str, status: str, *, error: dict[str, Any] | None = None) -> None:
        """Set the status of a run, unless it has ended; `error` is in the history's shape.

        One that is to be canceled only ends.
        """
        with self._documents.lock:
            run = self.find(run_id)
            if run["status"] in ENDED or (run["status"] == _ENDING and status not in ENDED):
                return
            fields: dict[str, Any] = {"status": status}
            if status == "Running":
                fields["startTimeUtc"] = run["startTimeUtc"] or moment()
            if status in ENDED:
                fields["endTimeUtc"] = moment()
            if error is not None:
                fields["error"] = error
            self._documents.change(run_id, **fields)

    def begin(self, run_id: str) -> bool:
        """Let a run that has not begun prepare; return whether it had not."""
        with self._documents.lock:
            is_first: bool = self.find(run_id)["status"] == "NotStarted"
            if is_first:
                self.reach(run_id, "Preparing")
        return is_first

    def _new(
        self, experiment: Mapping[str, Any], run_id: str, given: Mapping[str, Any]
    ) -> dict[str, Any]:
        parent_id = given.get("parentRunId")
        parent = self._documents.get(parent_id) if parent_id else None
        unknown_yet = ("startTimeUtc", "endTimeUtc", "parentRunId", "description", "runType")
        return {
            **dict.fromkeys(unknown_yet),
            "runId": run_id,
            "runNumber": self._next_number(experiment["experimentId"]),
            "runUuid": str(uuid.uuid4()),
            "rootRunId": parent["rootRunId"] if parent else run_id,
            "experimentId": experiment["experimentId"],
            "experimentName": experiment["name"],
            "createdUtc": moment(),
            "createdBy": {"userObjectId": None, "userTenantId": None, "userName": _user()},
            "status": "NotStarted",
            "dataContainerId": f"dcid.{run_id}",
            "displayName": given.get("displayName") or run_id,
            "hidden": False,
            "tags": {},
            "properties": {},
            "warnings": [],
            "error": None,
        }

    def _next_number(self, experiment_id: str) -> int:
        with self._experiments.lock:
            message = f"There is no experiment with the id {experiment_id!r}."
            experiment = self._experiments.require(experiment_id, "ExperimentNotFound", message)
            number = 1 + int(experiment.get("lastRunNumber") or 0)
            self._experiments.change(experiment_id, lastRunNumber=number)
        return number


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        return "offline"


def failure(code: str, message: str) -> dict[str, Any]:
    """Return the error of a run, as the run history has it and the SDK prints it."""
    return {"error": {"code": code, "message": message, "details": []}}


def _check_properties(run: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse to change a property: it can only be set once."""
    for name, value in wanted.items():
        present = run["properties"].get(name)
        if value is not None and present not in {None, str(value)}:
            message = f"The property {name!r} of the run is set; a property cannot be changed."
            raise RefusalError(400, "ImmutableProperty", message)
