"""Captured requests are sent to a bundle's script, without a service."""

import json

import pytest

from modelship.errors import ReplayError
from modelship.parity import read_captured, replay
from modelship.runtime.variables import Secret

FAILING = """
import json, os
def init():
    assert os.environ["MODE"] + os.environ["TOKEN"] == "fast hunter2"
def run(raw_data):
    return [1 / each for each in json.loads(raw_data)["data"]]
"""
LINE = {
    "request": {"method": "POST", "path": "/score", "headers": {}, "body": '{"data": [0.0]}'},
    "captured": {
        "format": 1,
        "time": "2026-01-31T12:00:00.000000Z",
        "request_id": "0b8e",
        "status": 500,
        "answer": '{"message": "An unexpected error occurred in scoring script."}',
        "cause": "ZeroDivisionError: division by zero",
        "body_cut": False,
        "left_out": {"headers": ["authorization"], "query": []},
    },
}


def test_a_script_shows_whether_it_is_repaired(make_bundle, tmp_path):
    """The same request fails with the script as it was, and not with a better one."""
    file = tmp_path / "one.jsonl"
    file.write_text(json.dumps(LINE) + "\n")
    captured = read_captured([file])
    served = {"variables": {"MODE": "fast "}, "secrets": {"TOKEN": Secret("hunter2")}}
    report = replay(captured, to=make_bundle(FAILING), **served)
    assert [each.answer.status for each in report.failing] == [500]
    with pytest.raises(ReplayError, match="then  500"):
        report.require()
    better = make_bundle(FAILING.replace("1 / each", "1 / (each or 1.0)"))
    repaired = replay(captured, to=better, **served)
    assert [each.answer.body for each in repaired.replayed] == [b"[1.0]"]
    repaired.require()
    assert "1 of 1 requests no longer fail on the script" in str(repaired)
