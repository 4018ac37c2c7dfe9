"""Whatever the SDK raises becomes one of ours, with its cause and without its secrets."""

import json

import pytest
import requests

from modelship.errors import (
    ModelNotFoundError,
    ModelshipError,
    WorkspaceCredentialsError,
    WorkspaceNotFoundError,
    WorkspaceRequestError,
    WorkspaceUnreachableError,
)
from modelship.workspace import cause_of
from modelship.workspace._sdk_errors import translate

azure_exceptions = pytest.importorskip("azure.core.exceptions")
azureml_exceptions = pytest.importorskip("azureml.exceptions")
msrest_exceptions = pytest.importorskip("msrest.exceptions")


def answer(status, body):
    """Return the text that the SDK makes of an HTTP answer."""
    content = json.dumps(body).encode()
    return (
        "Received bad response from Model Management Service:\n"
        f"Response Code: {status}\nHeaders: {{'Date': 'today'}}\nContent: {content!r}"
    )


def webservice(status, body):
    return azureml_exceptions.WebserviceException(answer(status, body))


QUOTA = {"error": {"code": "QuotaExceeded", "message": "The cores quota of 10 is used up."}}
REFUSED = {"code": "Forbidden", "message": "no role assignment", "statusCode": 403}

TABLE = [
    (lambda: webservice(500, {"message": "boom"}), WorkspaceRequestError, "(500): boom."),
    (lambda: webservice(400, QUOTA), WorkspaceRequestError, "QuotaExceeded: The cores quota"),
    (lambda: webservice(403, REFUSED), WorkspaceCredentialsError, "no role assignment"),
    (lambda: webservice(401, {}), WorkspaceCredentialsError, "Response Code: 401"),
    (
        lambda: azureml_exceptions.UserErrorException("The model path is odd."),
        WorkspaceRequestError,
        "The model path is odd.",
    ),
    (
        lambda: azureml_exceptions.ProjectSystemException("Workspace not found."),
        WorkspaceNotFoundError,
        "there is no workspace 'mine'",
    ),
    (
        lambda: azureml_exceptions.AuthenticationException("AADSTS7000215: Invalid secret"),
        WorkspaceCredentialsError,
        "AADSTS7000215: Invalid secret",
    ),
    (
        lambda: ValueError('Fail to create device flow. Err: {"error_description": "Not here."}'),
        WorkspaceCredentialsError,
        "rejected the credentials: Not here.",
    ),
    (
        lambda: msrest_exceptions.ClientRequestError(
            "Error occurred in request., Connection refused"
        ),
        WorkspaceUnreachableError,
        "connection refused.",
    ),
    (
        lambda: azure_exceptions.ServiceRequestError("[Errno 111] Connection refused"),
        WorkspaceUnreachableError,
        "connection refused.",
    ),
    (
        lambda: azure_exceptions.ServiceResponseError(
            "('Connection aborted.', timeout('timed out'))"
        ),
        WorkspaceUnreachableError,
        "connection aborted.",
    ),
    (
        lambda: azure_exceptions.ClientAuthenticationError("the token has expired"),
        WorkspaceCredentialsError,
        "the token has expired",
    ),
    (
        lambda: azure_exceptions.HttpResponseError("Server failed to authenticate. sig=abc&x"),
        WorkspaceRequestError,
        "Server failed to authenticate",
    ),
    (lambda: requests.ConnectionError("Connection refused"), WorkspaceUnreachableError, "refused"),
    (lambda: requests.ReadTimeout("..."), WorkspaceUnreachableError, "did not come in time"),
    (lambda: PermissionError(13, "Permission denied"), WorkspaceRequestError, "Permission denied"),
    (lambda: FileNotFoundError(2, "No such file"), WorkspaceRequestError, "No such file"),
    (lambda: KeyError("createdTime"), WorkspaceRequestError, "createdTime"),
    (lambda: RuntimeError(""), WorkspaceRequestError, "RuntimeError"),
]


@pytest.mark.parametrize(("make", "expected", "words"), TABLE)
def test_each_error_becomes_one_of_ours(make, expected, words):
    """The class says whose turn it is, and the message holds the cause."""
    ours = translate(make(), workspace="mine", doing="open it")
    assert type(ours) is expected
    assert words in str(ours)


def public_errors(module):
    found = (getattr(module, name) for name in dir(module))
    return [each for each in found if isinstance(each, type) and issubclass(each, Exception)]


@pytest.mark.parametrize(
    "kind",
    [
        *public_errors(azureml_exceptions),
        *public_errors(azure_exceptions),
        *public_errors(msrest_exceptions),
        *public_errors(requests.exceptions),
    ],
    ids=lambda kind: f"{kind.__module__}.{kind.__name__}",
)
def test_no_class_of_the_vendors_gets_through(kind):
    """Every exception class that the SDK and what is below it can raise is translated."""
    error = kind.__new__(kind)
    Exception.__init__(error, "something")
    ours = translate(error, workspace="mine", doing="list its models")
    assert isinstance(ours, ModelshipError)
    assert "'mine'" in str(ours)


def test_an_error_of_ours_stays_itself():
    """What was translated below is not wrapped again."""
    error = ModelNotFoundError("azureml:digits")
    assert translate(error, workspace="mine", doing="find it") is error


@pytest.mark.parametrize(
    "secret",
    [
        "https://x.blob.y/k?sv=1&sig=SECRETSECRET%3D",
        "Bearer SECRETSECRET",
        "password=SECRETSECRET",
        "http://me:SECRETSECRET@127.0.0.1:80",
    ],
)
def test_no_secret_is_shown(secret):
    """Signatures, tokens and passwords are cut out of what the SDK quotes."""
    error = azureml_exceptions.WebserviceException(f"it failed at {secret}")
    assert "SECRETSECRET" not in str(translate(error, workspace="mine", doing="upload it"))


def test_the_cause_of_a_failed_deployment_is_read_from_its_details():
    """Azure hides the cause under "details"; code and message of each level are told."""
    error = {
        "code": "AciDeploymentFailed",
        "statusCode": 400,
        "message": "Aci Deployment failed with exception.",
        "details": [{"code": "CrashLoopBackOff", "message": "Your container crashed."}],
    }
    assert cause_of(error) == (
        "AciDeploymentFailed: Aci Deployment failed with exception; "
        "CrashLoopBackOff: Your container crashed"
    )


def test_words_that_azure_repeats_are_told_once():
    """The whole quotes its detail, and sends the reader to a log that we show already."""
    words = "Error in entry script, KeyError: 'data', please run print(service.get_logs()) to see"
    error = {
        "code": "AciDeploymentFailed",
        "message": f"Aci Deployment failed with exception: {words}",
        "details": [{"code": "CrashLoopBackOff", "message": words}],
    }
    assert cause_of(error) == "CrashLoopBackOff: Error in entry script, KeyError: 'data'"
