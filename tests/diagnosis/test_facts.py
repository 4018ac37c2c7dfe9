"""What a place says about a service explains what its log does not, and beats an older story."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from modelship.diagnosis import Facts, diagnose, is_known
from modelship.testing.offline import deployment_failures as failures

LOGS = Path(__file__).parent / "logs"
SLOW = (LOGS / "slow-init.log").read_text()
REQUEST_FAILED = (LOGS / "run-fails.log").read_text()
SERVING = (LOGS / "ok.log").read_text()
GIB = 2**30
SDK_EXCEPTION = """
azureml.exceptions._azureml_exception.ModelNotFoundException: ModelNotFoundException:
\tMessage: Model b not found in cache at app/azureml-models or in current working directory app.
\tInnerException None
"""


@pytest.mark.parametrize(
    ("log", "facts", "code"),
    [
        (SLOW, Facts(out_of_memory=True, memory_bytes=GIB), "MS505"),
        (REQUEST_FAILED, Facts(exit_code=137), "MS505"),
        (REQUEST_FAILED, Facts(exit_code=139), "MS507"),
        (SERVING, Facts(exit_code=137, out_of_memory=False), "MS506"),
        (REQUEST_FAILED, Facts(state="Failed", problem="its process exited"), "MS699"),
        (REQUEST_FAILED, Facts(state="Unhealthy"), "MS602"),
        (REQUEST_FAILED, Facts(), "MS503"),
        (SLOW, Facts(timed_out=True), "MS504"),
        ("", Facts(timed_out=True), "MS699"),
        ("hello\n", Facts(timed_out=True), "MS601"),
        (SLOW, Facts(state="Transitioning"), "MS699"),
        (SERVING, Facts(state="Unhealthy"), "MS602"),
        (SERVING, Facts(health="unhealthy"), "MS602"),
        ("", Facts(restarts=4), "MS604"),
        ("", Facts(exit_code=127), "MS202"),
        ("", Facts(problem="exec /opt/modelship/bin/python: exec format error"), "MS605"),
        ("Listening at: http://0.0.0.0:8888 (7)", Facts(port=5001), "MS601"),
        ("", Facts(state="Failed", problem="its process exited"), "MS699"),
    ],
)
def test_facts_decide_where_the_log_does_not(log, facts, code):
    """A kill, a signal, a deadline, a port: each leads to its rule."""
    assert diagnose(log, facts=facts).code == code


def test_a_limit_is_named_and_doubled():
    """Killed for memory: the limit, when it was, and what to ask for."""
    found = diagnose(SLOW, facts=Facts(out_of_memory=True, memory_bytes=GIB // 2, problem="gone"))
    assert "its limit of 0.5 GiB while init() ran" in found.cause
    assert "memory_gb=1," in found.remedy
    assert found.evidence == ("gone",)


@pytest.mark.parametrize(
    ("failure", "log", "code"),
    [
        (failures.crashed("x", ""), "", "MS604"),
        (failures.crashed("x", "Traceback\nLookupError: no such feature"), "", "MS502"),
        (
            failures.crashed("x", "ModuleNotFoundError: No module named 'yaml'"),
            "",
            "MS104",
        ),
        (failures.crashed("x", SDK_EXCEPTION), "", "MS106"),
        (failures.crashed("x", ""), (LOGS / "wrong-path.log").read_text(), "MS106"),
        (failures.out_of_memory("x", memory_gb=1), "", "MS505"),
        (failures.build_failed(), "", "MS603"),
        (failures.build_failed(), (LOGS / "pip-conflict.log").read_text(), "MS204"),
        (failures.timed_out(), SLOW, "MS504"),
        (failures.timed_out(), "", "MS504"),
        (
            failures.never_started(
                failures.quota_exceeded(limit=10, usage=10, requested=1, location="westeurope")
            ),
            "",
            "MS610",
        ),
        (failures.never_started(failures.overloaded(4, 16)), "", "MS610"),
        (failures.interrupted(), "", "MS699"),
    ],
)
def test_azures_error_documents_are_read(failure, log, code):
    """What Azure hides in the details of an error is found, and a log that says more wins."""
    assert diagnose(log, facts=Facts(state="Failed", error=failure.error)).code == code


def test_unknown_is_told_as_such():
    """Where no cause is known, the last lines are shown, and the place's words are kept."""
    found = diagnose(SERVING, facts=Facts(state="Failed", problem="its process exited"))
    assert not is_known(found)
    assert "its process exited" in found.cause
    assert found.evidence[-1] in SERVING


def test_the_newest_failure_counts():
    """A service that failed in one way yesterday and in another today is explained by today's."""
    killed = (LOGS / "sigkill-in-init.log").read_text()
    assert diagnose(REQUEST_FAILED + killed).code == "MS505"
    assert diagnose(killed + REQUEST_FAILED).code == "MS503"


def test_details_that_are_no_details_do_no_harm():
    """An error document of another shape is read as far as it goes."""
    odd = {"code": 7, "message": None, "details": {"a": [1]}}
    nested = {"details": [{"details": [{"details": [{"code": "OOMKilled"}]}]}, None, "x"]}
    assert not is_known(diagnose("", facts=Facts(error=odd)))
    assert diagnose("", facts=replace(Facts(), error=nested)).code == "MS505"


def test_an_exception_of_the_sdk_is_told_with_its_message():
    """Its first line has its name alone."""
    told = failures.crashed("x", SDK_EXCEPTION).error["message"]
    assert "ModelNotFoundException: Model b not found in cache at app/azureml-models" in told
