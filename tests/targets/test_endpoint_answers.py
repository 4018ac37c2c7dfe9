"""The answers of the scoring front of an online endpoint are explained as its own."""

from __future__ import annotations

import pytest

from modelship.errors import ScoringRequestError, ScoringTimeoutError
from modelship.targets.endpoint_answers import diagnosis_of_answer, explained_answer

STATUS, REASON = "ms-azureml-model-error-statuscode", "ms-azureml-model-error-reason"


@pytest.mark.parametrize(
    ("status", "body", "problem", "advice"),
    [
        (404, "No valid deployments to route to. Please check", "no deployment of", "--traffic"),
        (408, "upstream request timeout", "run() took longer", "request_timeout_ms (5000"),
        (429, "", "more requests at once", "2 x max_concurrent_requests_per_instance x"),
    ],
)
def test_an_answer_of_the_front_says_what_to_change(status, body, problem, advice):
    """Traffic, the timeout and the number of requests are settings of the endpoint."""
    said = explained_answer(status, {}, body)
    assert problem in said["problem"]
    assert advice in said["advice"]


@pytest.mark.parametrize(
    ("status", "reason", "problem", "advice"),
    [
        ("500", "model_error", "its container answered 500 (model_error)", "traceback"),
        ("400", "", "its container answered 400", "Correct the request"),
    ],
)
def test_the_status_of_the_container_is_shown(status, reason, problem, advice):
    """A front answers 424 for each of them; one names a fault of the script, one of the request."""
    said = explained_answer(424, {STATUS: status, REASON: reason}, "")
    assert said["problem"] == problem
    assert advice in said["advice"]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, "Not Found"),
        (408, "The request did not arrive in time."),
        (424, ""),
        (500, "it broke"),
    ],
)
def test_the_answer_of_another_server_is_left_as_it_is(status, body):
    """The same statuses of a server without a front have other causes."""
    assert explained_answer(status, {}, body) == {}


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (404, "No valid deployments to route to.", "MS612"),
        (408, "upstream request timeout", "MS405"),
        (429, "", "MS611"),
        (500, "upstream request timeout", None),
        (404, "Not Found", None),
    ],
)
def test_an_answer_of_the_front_is_a_diagnosis(status, body, code):
    """A failed deployment then advises what to set, and not to look into the log."""
    found = diagnosis_of_answer(ScoringRequestError("http://x/score", status, "id", body))
    assert (found.code if found else None) == code
    assert found is None or found.problem.endswith(".")


def test_no_answer_is_no_diagnosis():
    """A service that does not answer in time is explained by its log."""
    assert diagnosis_of_answer(ScoringTimeoutError("http://x/score", 5)) is None
