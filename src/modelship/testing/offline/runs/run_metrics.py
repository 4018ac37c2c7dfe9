"""The logged metrics of runs: lines of a file for each run, in the SDK's format."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from modelship.testing.offline.control import WS
from modelship.testing.offline.json_exchange import (
    RefusalError,
    check_shape,
    json_list,
    json_value,
    mismatch,
    optional,
)
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.runs.experiments import EXPERIMENT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from werkzeug.wrappers import Request

    from modelship.testing.offline.offline_context import Context
    from modelship.testing.offline.runs.run_records import Records

__all__ = ["Metrics"]

_ONE: Final = f"/metric/v2.0{WS}/runs/<run_id>"
_METRIC: Final = {
    "name": str,
    "columns": dict,
    "value": [{"metricId": str, "data": dict, "createdUtc": optional(str)}],
    "properties": optional(dict),
}


class Metrics(Part):
    """The metrics of the runs of a workspace.

    Parameters
    ----------
    context : Context
        The state that the parts of the workspace share.
    records : Records
        The runs.
    """

    def __init__(self, context: Context, records: Records) -> None:
        super().__init__(context)
        self._folder = context.store.folder / "metrics"
        self._records = records
        self._lock = threading.Lock()

    @answers("metrics.post", "POST", f"{_ONE}/batch")
    def _post(self, request: Request, run_id: str) -> dict[str, Any]:
        self._records.find(run_id)
        body = json_value(request, constant=float)  # a loss may be NaN
        check_shape(body, {"values": [_METRIC]})
        metrics = body.get("values") or ()
        lines = "".join(f"{json.dumps(each)}\n" for each in metrics)
        with self._lock:
            self._folder.mkdir(exist_ok=True)
            with self._file(run_id).open("a", encoding="utf-8") as file:
                file.write(lines)
        return {"errors": []}

    @answers("metrics.list", "POST", f"{_ONE}/list")
    def _list(self, run_id: str) -> dict[str, Any]:
        self._records.find(run_id)
        columns = {each["name"]: each["columns"] for each in self._logged(run_id)}
        return json_list(
            [
                {"metricKey": {"namespace": "", "name": name}, "columns": each}
                for name, each in columns.items()
            ]
        )

    @answers("metrics.get", "POST", f"{_ONE}/full", shape={"metricName": str})
    def _get(self, body: dict[str, Any], run_id: str) -> dict[str, Any]:
        self._records.find(run_id)
        name = body["metricName"]
        logged = [each for each in self._logged(run_id) if each["name"] == name]
        if not logged:
            message = f"The run {run_id} has logged no metric {name!r}."
            raise RefusalError(404, "MetricNotFound", message)
        values = _distinct(logged, since=str(body.get("startTime") or ""))
        columns = {key: each for metric in logged for key, each in metric["columns"].items()}
        return {**logged[0], "columns": columns, **json_list(values)}

    @answers("metrics.wait", "GET", f"{EXPERIMENT}/runs/<run_id>/metricsingest/wait")
    def _wait(self, run_id: str) -> None:
        """Answer that everything has been stored: it has, once a post is answered."""
        self._records.find(run_id)

    def _logged(self, run_id: str) -> Iterator[dict[str, Any]]:
        """Yield the logged metrics of a run, in order; a truncated line is skipped."""
        path = self._file(run_id)
        if not path.exists():
            return
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if not mismatch(found, _METRIC):
                yield found

    def _file(self, run_id: str) -> Path:
        return self._folder / f"{quote(run_id, safe='')}.jsonl"


def _distinct(metrics: list[dict[str, Any]], *, since: str) -> list[dict[str, Any]]:
    """Return the values of a metric in the order of their times, without duplicates.

    The SDK posts several batches at a time, and repeats those that got no response.
    """
    values: dict[str, dict[str, Any]] = {}
    for metric in metrics:
        for value in metric["value"] or ():
            if _time(value) >= since.rstrip("Z"):
                values.setdefault(value["metricId"], value)
    return sorted(values.values(), key=_time)


def _time(value: dict[str, Any]) -> str:
    """Return a time that sorts as text, though fractions of a second differ in length."""
    return str(value.get("createdUtc") or "").rstrip("Z")
