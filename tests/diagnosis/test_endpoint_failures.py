"""What Azure ML says about an online endpoint leads to its cause, and ordinary words to none."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelship.diagnosis import Facts, diagnose, is_known

LOGS = Path(__file__).parent / "logs"
STARTING = (LOGS / "endpoint-starting.log").read_text()


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("UserScriptInitFailed", "MS502"),
        ("UserScriptImportError", "MS501"),
        ("UserScriptFunctionNotFound", "MS102"),
        ("PodUnschedulable", "MS610"),
        ("PodOutOfMemory", "MS505"),
        ("EndpointAlreadyExists", "MS615"),
        ("ScoringFeUnhealthy", "MS617"),
        ("InferencingClientCallFailed", "MS617"),
        ("ACRSecretError", "MS609"),
        ("ImagePullLoopBackOff", "MS609"),
        ("DeploymentCrashLoopBackOff", "MS604"),
        ("DeploymentIdentityError", "MS613"),
    ],
)
def test_a_code_of_a_cluster_has_a_cause(code, rule):
    """An error document and the text of the command line lead to the same one."""
    message = "The deployment blue of the endpoint digits is not ready."
    assert diagnose(f"({code}) {message}").code == rule
    error = {"code": "BadRequest", "details": [{"code": code, "message": message}]}
    assert diagnose("", facts=Facts(state="Failed", error=error)).code == rule


@pytest.mark.parametrize("code", ["ResourceNotReady", "BadArgument"])
def test_the_log_explains_a_crash_under_either_code(code):
    """One crash has had both codes: the container's log decides."""
    error = {"code": code, "message": "User container has crashed or terminated."}
    log = (LOGS / "wrong-path.log").read_text()
    assert diagnose(log, facts=Facts(state="Failed", error=error)).code == "MS106"
    assert diagnose("", facts=Facts(state="Failed", error=error)).code == "MS604"


def test_the_quota_is_shown_with_its_numbers():
    """How much is used, how much more is needed, and the formula."""
    found = diagnose((LOGS / "endpoint-quota.log").read_text())
    assert "Standard_DS3_v2 is used up: 2 of 6 are in use, and 8 more are needed" in found.problem
    assert "1.2 times" in found.advice


@pytest.mark.parametrize(
    ("state", "advice"),
    [("Creating", "Wait until its"), ("Deleting", "Wait until it is"), ("Failed", "Update the")],
)
def test_what_to_do_depends_on_the_state_of_the_endpoint(state, advice):
    """One that has failed does not become ready by waiting."""
    found = diagnose(
        f"Cannot create a deployment in endpoint digits because it is in {state} provisioning state"
    )
    assert (found.code, found.advice[: len(advice)]) == ("MS614", advice)


def test_a_download_is_a_cause_only_once_the_deployment_has_ended():
    """While it starts, the same lines are ordinary."""
    assert not is_known(diagnose(STARTING, facts=Facts(state="Transitioning")))
    found = diagnose(STARTING, facts=Facts(timed_out=True))
    assert (found.code, "ModelDownload" in found.problem) == ("MS613", True)


@pytest.mark.parametrize(
    "line",
    [
        "asyncio: upstream request timeout is 5 s",
        "FileExistsError: [Errno 17] File exists: 'endpoint'",
        "Check: endpoint digits exists",
        "429 requests were sent to the model",
        "openai.InternalServerError: Error code: 500",
        "OutOfQuotaWarning was not raised",
        "a model with this name was trained already",
        "exec: true; module: not found in cache, downloading",
    ],
)
def test_ordinary_words_are_no_cause(line):
    """A script may print words that Azure's messages contain, too."""
    ready = "2026-11-22 23:20:03,464 I [7] azmlinfsrv - Worker with pid 7 ready for serving traffic"
    log = f"{ready}\n2026-11-22 23:20:04,100 I [7] azmlinfsrv.print - {line}"
    assert not is_known(diagnose(log)), diagnose(log)
