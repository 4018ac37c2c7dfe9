"""Requests to Azure Resource Manager are repeated where that is safe, and errors become ours."""

import json
from contextlib import contextmanager

import pytest
import requests
from scripted_http import scripted

from modelship.errors import WorkspaceCredentialsError, WorkspaceRequestError
from modelship.workspace.arm_requests import ArmError, ArmRequests
from modelship.workspace.ml_errors import translate_ml

ANY = "2024-01-01"


@contextmanager
def serving(*replies):
    """Serve these replies as a resource manager, and list what was asked."""
    with scripted(*replies) as (url, asked, _), requests.Session() as session:
        yield ArmRequests(url, lambda: "secret", session=session), asked


def test_a_request_has_the_token_and_the_version():
    """A document goes out as it is, and the URL of the operation comes back with the reply."""
    operation = {"Azure-AsyncOperation": "https://management.azure.com/operations/1"}
    with serving((201, operation, {"id": "x"})) as (arm, asked):
        found = arm.send("PUT", "/a/b", version=ANY, body={"unknown": {"field": 1}})
        [(method, path, headers, body)] = asked
    assert (method, path) == ("PUT", f"/a/b?api-version={ANY}")
    assert headers["Authorization"] == "Bearer secret"
    assert json.loads(body) == {"unknown": {"field": 1}}
    assert found["operation"] == operation["Azure-AsyncOperation"]


@pytest.mark.parametrize(
    ("method", "status", "tries"),
    [("GET", 503, 2), ("GET", 500, 2), ("PUT", 429, 2), ("PUT", 500, 1), ("POST", 502, 1)],
)
def test_only_what_is_safe_is_sent_again(method, status, tries):
    """A read is repeated after any failure of the service; a write only if it was not begun."""
    again = {"retry-after-ms": "1"}
    with serving((status, again, {"error": {"code": "X"}}), (200, {}, {})) as (arm, asked):
        if tries == 1:
            with pytest.raises(ArmError, match="X"):
                arm.send(method, "/a", version=ANY)
        else:
            arm.send(method, "/a", version=ANY)
        assert len(asked) == tries


def test_lists_are_read_to_the_end_and_the_token_stays_here():
    """The next page is asked for, unless it is on another host."""
    with serving((404, {}, {})) as (arm, _):
        assert list(arm.all("/none", version=ANY)) == []
    second = {"value": [2], "nextLink": "https://elsewhere.example/steal"}
    replies = [(200, {}, {"value": [1], "nextLink": "PLACE"}), (200, {}, second)]
    with serving(*replies) as (arm, asked):
        replies[0][2]["nextLink"] = f"{arm.url}/list?page=2"
        pages = arm.all("/list", version=ANY)
        assert [next(pages), next(pages)] == [1, 2]
        with pytest.raises(ArmError, match="another host"):
            next(pages)
        assert [path for _, path, _, _ in asked] == [f"/list?api-version={ANY}", "/list?page=2"]


@pytest.mark.parametrize(
    ("status", "error", "kind", "hint"),
    [
        (403, {"code": "AuthorizationFailed"}, WorkspaceCredentialsError, "role AzureML"),
        (401, {"code": "InvalidToken"}, WorkspaceCredentialsError, "az login"),
        (403, {"code": "Forbidden", "message": "only by private link"}, WorkspaceRequestError,
         "virtual network"),
        (400, {"code": "BadRequest", "message": "Not enough quota available for DSv2"},
         WorkspaceRequestError, "smaller instance_type"),
        (409, {"code": "Conflict", "message": "in Updating provisioning state"},
         WorkspaceRequestError, "Wait until the other operation"),
    ],
)  # fmt: skip
def test_errors_are_translated_by_message_and_code(status, error, kind, hint):
    """Each has Azure's words, and one thing to do."""
    found = translate_ml(ArmError(status, error), workspace="w", doing="write it")
    assert type(found) is kind
    assert error["code"] in str(found)
    assert hint in found.hint
