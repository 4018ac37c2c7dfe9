"""The run history in the SDK's protocol: runs of an experiment, their children and details."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.json_exchange import check_shape, json_value
from modelship.testing.offline.moments import moment
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.runs.experiments import EXPERIMENT, HISTORY
from modelship.testing.offline.runs.queries import Query
from modelship.testing.offline.runs.run_records import RUN_ORIGIN

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

    from modelship.testing.offline.artifacts import Artifacts
    from modelship.testing.offline.runs.experiments import Experiments
    from modelship.testing.offline.runs.run_records import Records
    from modelship.workspace.access import Access

__all__ = ["History"]

_ONE: Final = f"{EXPERIMENT}/runs/<run_id>"
_BY_ID: Final = f"{HISTORY}/experimentids/<experiment_id>/runs/<run_id>"
_EVENTS: Final = {"events": [{"name": str, "data": dict}]}
_LOG_FOLDERS: Final = ("azureml-logs/", "user_logs/", "system_logs/", "logs/")
_TOKEN_LIFETIME_S: Final = 3600
_DETAILS: Final = (
    *("runId", "target", "status", "startTimeUtc", "endTimeUtc", "error", "warnings"),
    *("properties", "runDefinition"),
)


@dataclass(frozen=True)
class History(Part):
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

    @answers("runs.get", "GET", _ONE)
    @answers("runs.get_by_id", "GET", _BY_ID)
    @answers("runs.find", "GET", f"{HISTORY}/runs/<run_id>")
    def _get(self, run_id: str) -> dict[str, Any]:
        return self.records.find(run_id)

    @answers("runs.data", "POST", f"{HISTORY}/rundata", shape={"runId": str})
    def _data(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"runMetadata": self._get(body["runId"])}

    @answers("runs.put", "PATCH", _ONE)
    def _put(self, body: dict[str, Any], run_id: str, experiment: str) -> dict[str, Any]:
        return self.records.put(self.experiments.named(experiment), run_id, body)

    @answers("runs.put_by_id", "PATCH", _BY_ID)
    def _put_by_id(self, body: dict[str, Any], run_id: str, experiment_id: str) -> dict[str, Any]:
        return self.records.put(self.experiments.with_id(experiment_id), run_id, body)

    @answers(
        "runs.put_batch", "PATCH", f"{EXPERIMENT}/batch/runs", shape={"runs": [{"runId": str}]}
    )
    def _put_batch(self, body: dict[str, Any], experiment: str) -> dict[str, Any]:
        given = body.get("runs") or ()
        runs = {each["runId"]: self._put(each, each["runId"], experiment) for each in given}
        return {"runs": runs, "errors": {}}

    @answers("runs.query", "POST", f"{EXPERIMENT}/runs:query")
    def _query(self, body: dict[str, Any], experiment: str) -> dict[str, Any]:
        wanted = self.experiments.named(experiment)["experimentId"]
        runs = [each for each in self.records.all() if each["experimentId"] == wanted]
        return Query.of(body).page(runs)

    @answers("runs.children", "GET", f"{_ONE}/children")
    @answers("runs.find_children", "GET", f"{HISTORY}/runs/<run_id>/children")
    def _children(self, request: Request, run_id: str) -> dict[str, Any]:
        children = [each for each in self.records.all() if each["parentRunId"] == run_id]
        return Query.of(request.args).page(children)

    @answers("runs.of_compute", "GET", f"{HISTORY}/computes/<compute>/runs")
    def _of_compute(self, request: Request, compute: str) -> dict[str, Any]:
        runs = [each for each in self.records.all() if each.get("target") == compute]
        return Query.of(request.args).page(runs)

    @answers("runs.details", "GET", f"{_ONE}/details")
    @answers("runs.find_details", "GET", f"{HISTORY}/runs/<run_id>/details")
    def _details(self, request: Request, run_id: str) -> dict[str, Any]:
        run = self.records.find(run_id)
        paths = self.artifacts.paths(RUN_ORIGIN, run["dataContainerId"])
        logs = [each for each in paths if each.startswith(_LOG_FOLDERS)]
        prefix = f"{RUN_ORIGIN}/{run['dataContainerId']}"
        addresses = {
            each: self.artifacts.read_address(request, f"{prefix}/{each}") for each in logs
        }
        lineage = {field: run.get(field) or [] for field in ("inputDatasets", "outputDatasets")}
        found = {field: run.get(field) for field in _DETAILS}
        return {**found, **lineage, "logFiles": addresses}

    @answers("runs.events", "POST", f"{_ONE}/events")
    def _event(self, body: dict[str, Any], run_id: str) -> None:
        self.records.happen(run_id, body)

    @answers("runs.events_batch", "POST", f"{EXPERIMENT}/batch/events", shape=_EVENTS)
    def _events(self, body: dict[str, Any]) -> dict[str, Any]:
        for event in body.get("events") or ():
            data = event["data"]
            self.records.happen(str(data.get("RunId") or data.get("runId")), event)
        return {"errors": []}

    @answers("runs.delete_tags", "DELETE", f"{_ONE}/tags")
    def _delete_tags(self, request: Request, run_id: str) -> dict[str, Any]:
        names = json_value(request)
        check_shape({"tags": names}, {"tags": [str]})
        return self.records.remove_tags(run_id, names or [])

    @answers("runs.token", "GET", f"{_ONE}/token")
    @answers("runs.token_by_id", "GET", f"{_BY_ID}/token")
    def _token(self, run_id: str) -> dict[str, str]:
        self.records.find(run_id)
        token = self.access.token(lifetime_s=_TOKEN_LIFETIME_S)
        expiry = moment(in_s=_TOKEN_LIFETIME_S)
        return {"token": token, "expiryTimeUtc": expiry}
