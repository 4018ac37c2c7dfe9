"""The same requests to several places: what is equal, what differs, and what is left behind."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelship import DeployTarget
from modelship.bundle import Environment
from modelship.errors import DeploymentFailedError, InvalidOptionError, ParityError
from modelship.parity import ScoringRequest, compare, generate_requests, read_requests
from modelship.parity.comparison import are_equal
from modelship.testing import script_bundle, with_lock

ECHO = """
import json
def init():
    pass
def run(raw_data):
    return json.loads(raw_data)
"""
# Azure ML's server runs under gunicorn; in process there is none.
TELLING = """
import json, sys
def init():
    pass
def run(raw_data):
    served = "gunicorn" in sys.modules
    answers = {"value": 2.0 if served else 1.0, "near": 1.0 + 1e-12 * served, "same": [1, None]}
    return answers[json.loads(raw_data)]
"""
ENDING = """
import os, time
def init():
    pass
def run(raw_data):
    if raw_data == "end":
        os._exit(1)
    return raw_data
"""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@pytest.fixture(autouse=True)
def home(shared_home, monkeypatch):
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))


@pytest.fixture
def make_bundle(bare_lock, tmp_path):
    def make(script, **options):
        environment = Environment(python=bare_lock.python, requirements=())
        bundle = script_bundle(script, folder=tmp_path, environment=environment, **options)
        return with_lock(bundle, lock=bare_lock)

    return make


def asked(*words):
    """Return one request for each payload."""
    return [ScoringRequest.of(word, label=str(word)) for word in words]


def test_a_process_answers_what_the_script_answers(make_bundle):
    """Awkward and random requests have the same answers in process and over HTTP."""
    bundle = make_bundle(ECHO, sample_input={"data": [[1, 2.5], [3, 4]], "who": "é"})
    requests = generate_requests(bundle.sample_json, count=40)
    report = compare(bundle, on=["process"], requests=requests, show_output=False)
    assert report.equal, str(report)
    assert len({answer["script"].status for answer in report.answers}) >= 3
    assert DeployTarget.open("process").list() == ()


def test_a_difference_is_shown_side_by_side(make_bundle):
    """What one place answers otherwise is named with both values, and nothing else is."""
    report = compare(
        make_bundle(TELLING), on=["process"], requests=asked("value", "same"), show_output=False
    )
    [difference] = report.differences
    assert (difference.request.label, difference.what) == ("value", "body")
    assert difference.values == {"script": "1.0", "process": "2.0"}
    with pytest.raises(ParityError, match="script: 1.0"):
        report.require()


def test_floats_may_differ_within_the_tolerance(make_bundle):
    """A tolerance lets close floats pass, and none does not."""
    bundle, requests = make_bundle(TELLING), asked("near")
    with DeployTarget.open("process").deploy(
        bundle, name="near-svc", show_output=False
    ) as deployment:
        assert not compare(bundle, on=[deployment], requests=requests).equal
        assert compare(bundle, on=[deployment], requests=requests, tolerance=1e-9).equal
        assert deployment.state.value == "Healthy"  # what was given is left as it is


def test_a_request_that_ends_the_process_ends_no_comparison(make_bundle):
    """It has no answer anywhere, and the next request has one."""
    requests = [ScoringRequest(word, word.encode()) for word in ("one", "end", "two")]
    report = compare(make_bundle(ENDING), on=["process"], requests=requests, show_output=False)
    assert report.equal, str(report)
    assert [bool(row["script"].failure) for row in report.answers] == [False, True, False]


def test_a_request_without_end_is_given_up(make_bundle):
    """Each place has so long for an answer, and the next request goes on."""
    script = ECHO.replace("return", "while raw_data == '1': pass\n    return")
    report = compare(
        make_bundle(script), on=[], requests=asked(1, 2), request_timeout_s=2.0, show_output=False
    )
    assert [row["script"].failure for row in report.answers] == ["no answer in time", ""]


def test_a_script_that_does_not_start_is_said(make_bundle):
    """An init() that raises is the error, with its traceback."""
    bundle = make_bundle(ECHO.replace("pass", "{}['factor']"))
    with pytest.raises(DeploymentFailedError, match="KeyError: 'factor'"):
        compare(bundle, on=[], requests=asked(1))


def test_without_a_sample_there_is_nothing_to_send(make_bundle):
    """A bundle with no sample request needs requests."""
    with pytest.raises(InvalidOptionError, match="no sample request"):
        compare(make_bundle(ECHO), on=[])


def test_generated_requests_are_the_same_each_time():
    """The seed tells which they are, and another seed makes others."""
    sample = json.dumps({"data": [[1, 2, 3]] * 3, "key": "text"})
    one, again = (generate_requests(sample, count=20, seed=3) for _ in range(2))
    other = generate_requests(sample, count=20, seed=4)
    assert one == again != other
    assert len(one) - len(generate_requests(sample, count=0)) == 20


def test_a_file_holds_payloads_and_whole_requests(tmp_path):
    """Each line is one of the two, and blank ones are passed over."""
    file = tmp_path / "requests.jsonl"
    file.write_text('{"data": [1]}\n\n{"request": {"method": "get", "path": "/score?x=1"}}\n')
    first, second = read_requests(file)
    assert (first.label, first.method, first.body) == ("line 1", "POST", b'{"data": [1]}')
    assert (second.label, second.method, second.path) == ("line 3", "GET", "/score?x=1")


@pytest.mark.parametrize(
    "line",
    ["{", '{"request": 1}', '{"request": {"verb": "GET"}}', '{"request": {"path": "score"}}'],
)
def test_a_line_that_is_neither_is_refused_with_its_number(tmp_path, line):
    """The message says where it stands, and what a line may be."""
    (tmp_path / "requests.jsonl").write_text(f"1\n{line}\n")
    with pytest.raises(InvalidOptionError, match=r"requests\.jsonl:2"):
        read_requests(tmp_path / "requests.jsonl")


@given(JSON)
def test_every_value_equals_itself(value):
    """Comparing is reflexive for whatever JSON holds, NaN included."""
    assert are_equal(value, json.loads(json.dumps(value)))


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, 1.0), (1, True), (0.1, 0.1 + 1e-9), ([1], [1, 1]), ({"a": 1}, {}), ("1", 1)],
)
def test_types_and_values_count(one, other):
    """What looks alike and is not the same differs, either way."""
    assert not are_equal(one, other)
    assert not are_equal(other, one)


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(1e-12, 1e-3))
def test_the_tolerance_is_that_of_isclose(value, tolerance):
    """It is absolute, or relative to the larger of both."""
    other = value * (1 + tolerance / 2)
    assert are_equal(value, other, tolerance=tolerance) == math.isclose(
        value, other, rel_tol=tolerance, abs_tol=tolerance
    )
