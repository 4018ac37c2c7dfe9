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
    json_object,
    json_response,
    json_value,
)
from modelship.testing.offline.offline_app import Call
from modelship.testing.offline.runs.experiments import EXPERIMENT
from modelship.testing.offline.shapes import mismatch, optional

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.document_store import Store
    from modelship.testing.offline.runs.run_records import Records

__all__ = ["Metrics"]

_METRIC: Final = {
    "name": str,
    "columns": dict,
    "value": [{"metricId": str, "data": dict, "createdUtc": optional(str)}],
    "properties": optional(dict),
}


class Metrics:
    """The metrics of the runs of a workspace.

    Parameters
    ----------
    store : Store
        Its folder contains the files.
    records : Records
        The runs.
    """

    def __init__(self, store: Store, *, records: Records) -> None:
        self._folder = store.folder / "metrics"
        self._records = records
        self._lock = threading.Lock()

    def calls(self) -> list[Call]:
        """Return the calls that it answers."""
        one = f"/metric/v2.0{WS}/runs/<run_id>"
        wait = f"{EXPERIMENT}/runs/<run_id>/metricsingest/wait"
        return [
            Call("metrics.post", "POST", f"{one}/batch", self._post),
            Call("metrics.list", "POST", f"{one}/list", self._list),
            Call("metrics.get", "POST", f"{one}/full", self._get),
            Call("metrics.wait", "GET", wait, self._wait),
        ]

    def _post(self, request: Request, *, run_id: str, **_scope: str) -> Response:
        self._records.find(run_id)
        body = json_value(request, constant=float)  # a loss may be NaN
        check_shape(body, {"values": [_METRIC]})
        metrics = body.get("values") or ()
        lines = "".join(f"{json.dumps(each)}\n" for each in metrics)
        with self._lock:
            self._folder.mkdir(exist_ok=True)
            with self._file(run_id).open("a", encoding="utf-8") as file:
                file.write(lines)
        return json_response({"errors": []})

    def _list(self, _request: Request, *, run_id: str, **_scope: str) -> dict[str, Any]:
        self._records.find(run_id)
        columns = {each["name"]: each["columns"] for each in self._logged(run_id)}
        return json_list(
            [
                {"metricKey": {"namespace": "", "name": name}, "columns": each}
                for name, each in columns.items()
            ]
        )

    def _get(self, request: Request, *, run_id: str, **_scope: str) -> Response:
        wanted = json_object(request, {"metricName": str})
        self._records.find(run_id)
        name = wanted["metricName"]
        logged = [each for each in self._logged(run_id) if each["name"] == name]
        if not logged:
            message = f"The run {run_id} has logged no metric {name!r}."
            raise RefusalError(404, "MetricNotFound", message)
        values = _distinct(logged, since=str(wanted.get("startTime") or ""))
        columns = {key: each for metric in logged for key, each in metric["columns"].items()}
        return json_response(
            {**logged[0], "columns": columns, "value": values, "continuationToken": None}
        )

    def _wait(self, _request: Request, *, run_id: str, **_scope: str) -> Response:
        """Answer that everything has been stored: it has, once a post is answered."""
        self._records.find(run_id)
        return json_response({})

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
