"""The run history in the SDK's protocol: runs of an experiment, their children and details."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.json_exchange import (
    check_shape,
    json_object,
    json_response,
    json_value,
)
from modelship.testing.offline.moments import moment
from modelship.testing.offline.offline_app import Call
from modelship.testing.offline.runs.experiments import EXPERIMENT, HISTORY
from modelship.testing.offline.runs.queries import Query
from modelship.testing.offline.runs.run_records import RUN_ORIGIN

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.artifacts import Artifacts
    from modelship.testing.offline.runs.experiments import Experiments
    from modelship.testing.offline.runs.run_records import Records
    from modelship.workspace.access import Access

__all__ = ["History"]

_LOG_FOLDERS: Final = ("azureml-logs/", "user_logs/", "system_logs/", "logs/")
_TOKEN_LIFETIME_S: Final = 3600
_DETAILS: Final = (
    *("runId", "target", "status", "startTimeUtc", "endTimeUtc", "error", "warnings"),
    *("properties", "runDefinition"),
)


@dataclass(frozen=True)
class History:
    """Answers the calls about the runs of a workspace.

    Parameters
    ----------
    records : Records
        The runs.
    experiments : Experiments
        The experiments that they belong to.
    artifacts : Artifacts
        Stores their files.
    access : Access
        Signs the tokens of runs.
    """

    records: Records
    experiments: Experiments
    artifacts: Artifacts
    access: Access

    def calls(self) -> list[Call]:
        """Return the calls that it answers."""
        one = f"{EXPERIMENT}/runs/<run_id>"
        by_id = f"{HISTORY}/experimentids/<experiment_id>/runs/<run_id>"
        computes = f"{HISTORY}/computes/<compute>/runs"
        return [
            Call("runs.get", "GET", one, self._get),
            Call("runs.put", "PATCH", one, self._put),
            Call("runs.get_by_id", "GET", by_id, self._get),
            Call("runs.put_by_id", "PATCH", by_id, self._put),
            Call("runs.find", "GET", f"{HISTORY}/runs/<run_id>", self._get),
            Call("runs.query", "POST", f"{EXPERIMENT}/runs:query", self._query),
            Call("runs.children", "GET", f"{one}/children", self._children),
            Call("runs.details", "GET", f"{one}/details", self._details),
            Call("runs.events", "POST", f"{one}/events", self._event),
            Call("runs.delete_tags", "DELETE", f"{one}/tags", self._delete_tags),
            Call("runs.token", "GET", f"{one}/token", self._token),
            Call("runs.token_by_id", "GET", f"{by_id}/token", self._token),
            Call("runs.put_batch", "PATCH", f"{EXPERIMENT}/batch/runs", self._put_batch),
            Call("runs.events_batch", "POST", f"{EXPERIMENT}/batch/events", self._events),
            Call("runs.of_compute", "GET", computes, self._of_compute),
        ]

    def _get(self, _request: Request, *, run_id: str, **_scope: str) -> Response:
        return json_response(self.records.find(run_id))

    def _put(self, request: Request, run_id: str, scope: dict[str, str]) -> Response:
        experiment = self._experiment(scope)
        return json_response(self.records.put(experiment, run_id, json_object(request)))

    def _experiment(self, scope: dict[str, str]) -> dict[str, Any]:
        if "experiment" in scope:
            return self.experiments.named(scope["experiment"])
        return self.experiments.with_id(scope["experiment_id"])

    def _put_batch(self, request: Request, *, experiment: str, **_scope: str) -> Response:
        given = json_object(request, {"runs": [{"runId": str}]}).get("runs") or ()
        found = self.experiments.named(experiment)
        runs = {each["runId"]: self.records.put(found, each["runId"], each) for each in given}
        return json_response({"runs": runs, "errors": {}})

    def _query(self, request: Request, *, experiment: str, **_scope: str) -> Response:
        wanted = self.experiments.named(experiment)["experimentId"]
        runs = [each for each in self.records.all() if each["experimentId"] == wanted]
        return json_response(Query.of(json_object(request)).page(runs))

    def _children(self, request: Request, *, run_id: str, **_scope: str) -> Response:
        children = [each for each in self.records.all() if each["parentRunId"] == run_id]
        return json_response(Query.of(request.args).page(children))

    def _of_compute(self, request: Request, *, compute: str, **_scope: str) -> Response:
        runs = [each for each in self.records.all() if each.get("target") == compute]
        return json_response(Query.of(request.args).page(runs))

    def _details(self, request: Request, *, run_id: str, **_scope: str) -> Response:
        run = self.records.find(run_id)
        paths = self.artifacts.paths(RUN_ORIGIN, run["dataContainerId"])
        logs = [each for each in paths if each.startswith(_LOG_FOLDERS)]
        prefix = f"{RUN_ORIGIN}/{run['dataContainerId']}"
        addresses = {
            each: self.artifacts.read_address(request, f"{prefix}/{each}") for each in logs
        }
        lineage = {field: run.get(field) or [] for field in ("inputDatasets", "outputDatasets")}
        found = {field: run.get(field) for field in _DETAILS}
        return json_response({**found, **lineage, "logFiles": addresses})

    def _event(self, request: Request, *, run_id: str, **_scope: str) -> Response:
        self.records.happen(run_id, json_object(request))
        return json_response({})

    def _events(self, request: Request, **_scope: str) -> Response:
        shape = {"events": [{"name": str, "data": dict}]}
        for event in json_object(request, shape).get("events") or ():
            data = event["data"]
            self.records.happen(str(data.get("RunId") or data.get("runId")), event)
        return json_response({"errors": []})

    def _delete_tags(self, request: Request, *, run_id: str, **_scope: str) -> Response:
        names = json_value(request)
        check_shape({"tags": names}, {"tags": [str]})
        return json_response(self.records.remove_tags(run_id, names or []))

    def _token(self, _request: Request, *, run_id: str, **_scope: str) -> Response:
        self.records.find(run_id)
        token = self.access.token(lifetime_s=_TOKEN_LIFETIME_S)
        expiry = moment(in_s=_TOKEN_LIFETIME_S)
        return json_response({"token": token, "expiryTimeUtc": expiry})
