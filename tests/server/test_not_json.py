"""What is said of a text that is not JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
import requests

from modelship.server.not_json import explained

SCRIPT = """
import json

def init():
    pass

def run(raw_data):
    return json.loads(raw_data)["data"] + json.loads("np.int64(3)")
"""
ROW = np.array([0.0, 0.25])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'{{"data": [{list(ROW)}]}}', "it holds np.float64(…), the repr of a numpy 2 scalar"),
        (f'{{"data": {ROW!r}}}', "it holds array(…), the repr of a numpy array"),
        (str({"data": ROW.tolist()}), "it holds single quotes, as Python writes text"),
        ('{"data": [1.0, nan]}', "it holds nan, as Python writes it"),
        ('{"data": [1, ..., 5]}', "it holds ..., as Python shortens a large array"),
        ('{"data": [1', "it ends too early"),
        (" ", "it is empty"),
        ('{"secret": hunter2}', ""),
    ],
)
def test_what_python_writes_is_known(text, said):
    """Named by its kind, without its value; of other texts nothing is said."""
    with pytest.raises(json.JSONDecodeError) as raised:
        json.loads(text)
    if np.__version__ < "2" and "np." in said:
        pytest.skip("numpy 1 writes plain numbers")
    assert explained(raised.value) == said


def test_the_log_says_what_is_wrong_with_a_body(serving):
    """After the traceback; not if the script reads something else that is no JSON."""
    server = serving.start("default", script="plain", files={"score.py": SCRIPT})
    assert server.wait_until_healthy()
    for body in ('{"data": [np.float64(0.5)]}', '{"data": []}'):
        answer = requests.post(f"http://127.0.0.1:{server.port}/score", body, timeout=30)
        assert answer.status_code == 500
    server.stop()
    told = [line for line in server.log.splitlines() if "is not JSON" in line]
    assert len(told) == 1
    assert told[0].endswith(
        "numpy 2 scalar. Write the body with json.dumps, and arrays as array.tolist()."
    )
