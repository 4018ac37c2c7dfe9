"""Requests to the services for training that no SDK sends: each is answered, and none breaks."""

from __future__ import annotations

import copy
from itertools import islice, product

import pytest

VALUES = (None, -1, "", "../x", "\0", [], [None], {}, {"a": {}})
RUN = "/experiments/e/runs/r"
BODIES = [
    ("PATCH", "history/v1.0", RUN, {"tags": {"a": "b"}, "properties": {"k": "v"}, "status": "x"}),
    ("POST", "history/v1.0", f"{RUN}/events", {"name": "a.Warning", "data": {"Message": "b"}}),
    ("POST", "history/v1.0", "/experiments/e/runs:query", {"filter": "(a eq b)", "orderby": "a"}),
    (
        *("POST", "metric/v2.0", "/runs/r/batch"),
        {"values": [{"name": "m", "columns": {}, "value": [{"metricId": "1", "data": {"m": 1}}]}]},
    ),
    (
        *("POST", "content/v2.0", "/snapshots/s"),
        {
            "DirTreeNode": {"children": {"a": {"type": "File"}}},
            "FileRevisionList": {"FileNodes": [{"FullName": "a", "BlobUri": "/azureml/x"}]},
        },
    ),
    (
        *("POST", "execution/v1.0", "/experiments/e/snapshotrun?runId=new"),
        {"SnapshotId": "s", "Configuration": {"script": "a", "environment": {"python": {}}}},
    ),
]


def places_in(value, at=()):
    """Yield the path of each value in a document."""
    yield at
    inner = value if isinstance(value, dict) else {}
    inner = dict(enumerate(value)) if isinstance(value, list) else inner
    for key, each in inner.items():
        yield from places_in(each, (*at, key))


def changed(document, place, value):
    if not place:
        return value
    found = holder = copy.deepcopy(document)
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    return found


@pytest.mark.parametrize(("method", "service", "path", "body"), BODIES, ids=range(len(BODIES)))
@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.long)])
def test_no_odd_value_makes_a_request_fail(call, method, service, path, body, step):
    """Whatever stands in place of a value, the answer is one, and the run can be read after it."""
    assert call("POST", "history/v1.0", "/experiments/e").ok
    assert call("PATCH", "history/v1.0", RUN, json={}).ok
    for place, value in islice(product(places_in(body), VALUES), 0, None, step):
        answer = call(method, service, path, json=changed(body, place, value))
        assert answer.status_code < 500, (place, value, answer.text)
    for reading in (RUN, f"{RUN}/details"):
        assert call("GET", "history/v1.0", reading).ok
    assert call("POST", "history/v1.0", "/experiments/e/runs:query", json={"orderby": "tags"}).ok


@pytest.mark.parametrize("run_id", ["", "..", "a/b", "a b", "x" * 300])
def test_no_id_of_a_run_leads_out_of_the_folder(call, offline, run_id):
    """The id that a client chooses for a submitted run is one name."""
    call("POST", "history/v1.0", "/experiments/e")
    python = {"userManagedDependencies": True}
    body = {"Configuration": {"script": "a", "target": "cc", "environment": {"python": python}}}
    cluster = {"properties": {"computeType": "AmlCompute"}, "location": "eastus"}
    assert call("PUT", "", "/computes/cc", json=cluster).ok
    answer = call(
        "POST", "execution/v1.0", "/experiments/e/snapshotrun", json=body, params={"runId": run_id}
    )
    assert answer.json()["code"] == "InvalidRunId"
    assert not (offline.folder / "runs").exists()
