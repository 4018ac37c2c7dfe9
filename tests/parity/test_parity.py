"""The same requests to several places: what is equal, and what differs."""

import pytest

from modelship import DeployTarget
from modelship.bundle import Environment
from modelship.errors import DeploymentFailedError, InvalidOptionError, ParityError
from modelship.parity import ScoringRequest, compare, generate_requests
from modelship.testing import script_bundle, with_lock

ECHO = """
import json
def init():
    pass
def run(raw_data):
    return json.loads(raw_data)
"""
# In process there is no server, but a program of modelship.
TELLING = """
import json, sys
def init():
    pass
def run(raw_data):
    served = "in_process" not in sys.argv[0]
    answers = {"value": 2.0 if served else 1.0, "near": 1.0 + 1e-12 * served, "same": [1, None]}
    return answers[json.loads(raw_data)]
"""
RAW = """
import itertools, os, sys
from azureml.contrib.services.aml_request import rawhttp
from azureml.contrib.services.aml_response import AMLResponse
from flask import Response
def init():
    pass
def broken():
    yield b"one"
    raise ValueError("two")
def endless():
    while True:
        yield b"x" * (1 << 20)
@rawhttp
def run(request):
    asked = request.get_data(as_text=True)
    if asked == "exit":
        sys.exit(1)
    if asked == "end":
        os._exit(1)
    return {
        "stream": lambda: Response(b"%d," % n for n in range(1000)),
        "broken": lambda: Response(broken()),
        "endless": lambda: Response(endless()),
        "teapot": lambda: AMLResponse({"x": float("nan")}, 418, {"Allow": "b,a"}, json_str=True),
        "cookie": lambda: Response(str(request.cookies), headers={"Set-Cookie": "a=b"}),
    }[asked]()
"""
TYPED = """
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema
def init():
    pass
@input_schema("rows", StandardPythonParameterType([1.5]))
def run(rows):
    return {"sum": sum(rows)}
"""


def asked(*words):
    """Return one request for each payload."""
    return [ScoringRequest.of(word, label=str(word)) for word in words]


def as_text(*words):
    """Return one request for each body."""
    return [ScoringRequest(word, word.encode()) for word in words]


def test_a_process_answers_what_the_script_answers(make_bundle):
    """Awkward and random requests have the same answers in process and over HTTP."""
    bundle = make_bundle(ECHO, sample_input={"data": [[1, 2.5], [3, 4]], "who": "é"})
    requests = generate_requests(bundle.sample_json, count=30)
    report = compare(bundle, on=["process"], requests=requests, show_output=False)
    assert report.equal, str(report)
    assert {answer["script"].status for answer in report.answers} >= {200, 404, 405, 431, 500}
    assert not [each for each in DeployTarget.open("process").list() if "parity" in each.name]


def test_whatever_a_script_does_it_does_in_both(make_bundle):
    """Streams, exits and lost workers are the same, or no answer in both places."""
    words = ("stream", "exit", "cookie", "cookie", "broken", "teapot", "end", "endless", "nothing")
    report = compare(make_bundle(RAW), on=["process"], requests=as_text(*words), show_output=False)
    assert report.equal, str(report)
    script = [row["script"] for row in report.answers]
    assert [each.status for each in script] == [200, 500, 200, 200, 0, 418, 0, 0, 500]
    assert script[0].body.endswith(b"998,999,")
    assert script[3].body == b"ImmutableMultiDict([])"
    assert script[7].failure == "an answer of more than 64 MiB"


def test_a_schema_answers_alike(make_bundle):
    """What the server refuses before run() is the same in both places."""
    bundle = make_bundle(TYPED, sample_input={"rows": [1, 2.5]})
    report = compare(bundle, on=["process"], show_output=False)
    assert report.equal, str(report)
    assert {answer["process"].status for answer in report.answers} >= {200, 400, 415}


@pytest.fixture(scope="module")
def telling(bare_lock, shared_home, tmp_path_factory):
    """Yield a bundle that answers otherwise where it is served, and its service."""
    environment = Environment(python=bare_lock.python, requirements=())
    made = script_bundle(TELLING, folder=tmp_path_factory.mktemp("told"), environment=environment)
    bundle, target = with_lock(made, lock=bare_lock), DeployTarget.open("process")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELSHIP_HOME", str(shared_home))
        with target.deploy(bundle, name="near-svc", show_output=False) as deployment:
            yield bundle, deployment


def test_differences_are_shown_side_by_side(telling):
    """What one place answers otherwise is named with both values, and nothing else is."""
    bundle, deployment = telling
    report = compare(bundle, on=[deployment], requests=asked("value", "near", "same"))
    difference, near = report.differences
    assert (difference.request.label, difference.what) == ("value", "body")
    assert difference.values == {"script": "1.0", "process": "2.0"}
    assert near.request.label == "near"  # by default, no tolerance
    assert deployment.state.value == "Healthy"  # what was given is left as it is


def test_floats_may_differ_within_the_tolerance(telling):
    """A tolerance lets close floats pass, and others not; the error shows those."""
    bundle, deployment = telling
    requests = asked("value", "near", "same")
    report = compare(bundle, on=[deployment], requests=requests, tolerance=1e-9)
    [difference] = report.differences
    assert difference.request.label == "value"
    with pytest.raises(ParityError, match=r"to 1 of 3 requests[^$]*script   1.0"):
        report.require()


def test_a_request_that_takes_too_long_is_given_up_everywhere(own, make_bundle):
    """Each place has this time for an answer, and the next request is sent."""
    waiting = "time.sleep(2.7 * (raw_data == '1'))\n    return"  # the next one waits for the rest
    script = "import time" + ECHO.replace("return", waiting)
    report = compare(
        make_bundle(script),
        on=[own],
        requests=asked(1, 2),
        request_timeout_s=2.0,
        show_output=False,
    )
    assert report.equal, str(report)
    assert [row["script"].failure for row in report.answers] == ["no answer in time", ""]
    assert [row[report.places[1]].body for row in report.answers] == [b"", b"2"]


def test_a_script_that_does_not_start_is_said(make_bundle):
    """An init() that raises is the error, with its cause and line."""
    bundle = make_bundle(ECHO.replace("pass", "{}['factor']"))
    with pytest.raises(DeploymentFailedError, match="KeyError: 'factor'") as raised:
        compare(bundle, on=[], requests=asked(1))
    assert raised.value.diagnosis.code == "MS502"


def test_without_requests_there_is_nothing_to_say(make_bundle):
    """A bundle with no sample request needs requests, and at least one."""
    with pytest.raises(InvalidOptionError, match="no sample request"):
        compare(make_bundle(ECHO), on=[])
    with pytest.raises(InvalidOptionError, match="at least one"):
        compare(make_bundle(ECHO), on=[], requests=())
