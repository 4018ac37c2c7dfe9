"""The answers of the scoring front of an online endpoint are explained as its own."""

from __future__ import annotations

import pytest

from modelship.targets.endpoint_answers import explained_answer

STATUS, REASON = "ms-azureml-model-error-statuscode", "ms-azureml-model-error-reason"


@pytest.mark.parametrize(
    ("status", "body", "problem", "advice"),
    [
        (404, "No valid deployments to route to. Please check", "no deployment of", "--traffic"),
        (408, "upstream request timeout", "request_timeout_ms", "at most 180000"),
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
