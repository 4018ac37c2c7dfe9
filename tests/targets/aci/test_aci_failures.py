"""What a user is told when something goes wrong on the way to Container Instances."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

import modelship as ms
from modelship.errors import (
    DeploymentFailedError,
    DeploymentNotFoundError,
    DeploymentTimeoutError,
    NameTakenError,
    WorkspaceCredentialsError,
    WorkspaceNotFoundError,
    WorkspaceRequestError,
    WorkspaceUnreachableError,
)
from modelship.targets import Instance, Prepared, Release, Steps
from modelship.targets.aci import AciBackend
from modelship.targets.aci.azure_services import Services
from modelship.testing import Fault, StageFault, cases, script_bundle, with_lock
from modelship.workspace.access import Access

NAME = "scaling-svc"
SIGN_IN = (
    "  -> Sign in again (az login), or set AZUREML_SERVICE_PRINCIPAL_ID, _TENANT_ID and "
    "_PASSWORD; the portal lists your permissions under Access control."
)


@pytest.fixture(scope="module")
def bare_lock(light):
    """Let services have a server that starts at once: no test here is about it."""
    return light


def deploy(target, bundle, **options):
    """Deploy without a trial, which would find most of it before Azure does."""
    return target.deploy(bundle, name=NAME, show_output=False, **{"check": "static", **options})


def refused(call, expected):
    """Return the text of the error that `call` raises."""
    with pytest.raises(expected) as caught:
        call()
    return re.sub(r"operation [0-9a-f-]{36}", "operation ID", str(caught.value))


# --- the workspace ----------------------------------------------------------------------------


def test_a_workspace_that_is_not_there(offline, tmp_path):
    """The message names the workspace, and says that one of three names is wrong."""
    config = json.loads(offline.config_path.read_text())
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**config, "workspace_name": "elsewhere"}))
    assert refused(lambda: ms.Workspace.open(path), WorkspaceNotFoundError) == (
        "No Azure ML workspace: there is no workspace 'elsewhere' in this resource group and "
        "subscription.\n  -> Compare the three names with those in the portal."
    )


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (401, "ExpiredAuthenticationToken", "The access token has expired"),
        (403, "AuthorizationFailed", "The client does not have authorization"),
    ],
)
def test_credentials_that_are_not_taken(offline, faults, status, code, message):
    """Expired and refused credentials are told with Azure's cause, and how to sign in."""
    faults.plant(Fault("workspaces.get", status=status, code=code, message=message, times=None))
    text = refused(lambda: ms.Workspace.open(offline.config_path), WorkspaceCredentialsError)
    assert text == (
        f"The workspace 'offline' rejected the credentials: {code}: {message}.\n{SIGN_IN}"
    )


def test_a_workspace_that_does_not_answer(offline, tmp_path, unused_port):
    """One that is not running is told as such at once, and how to start it."""
    config = json.loads(offline.config_path.read_text())
    path = tmp_path / "config.json"
    access = Access.read(Path(config["offline"]))
    replace(access, endpoint=f"http://127.0.0.1:{unused_port}").write(tmp_path / "access.json")
    path.write_text(json.dumps({**config, "offline": str(tmp_path / "access.json")}))
    assert refused(lambda: ms.Workspace.open(path), WorkspaceUnreachableError) == (
        "The workspace 'offline' did not respond when asked to open it: "
        f"nothing listens at http://127.0.0.1:{unused_port}.\n"
        f"  -> Start it, and try again: modelship azureml-offline --folder {offline.folder}"
    )


# --- the way to the service -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "doing"),
    [
        ("assets.create", "keep the release"),
        ("services.get", f"look at the service '{NAME}'"),
        ("services.create", f"create the service '{NAME}'"),
        ("operations.get", f"create the service '{NAME}'"),
    ],
)
def test_a_500_always(target, bundle, bare_lock, faults, call, doing, tmp_path):
    """The message says what was asked, the status and Azure's cause; nothing is left."""
    fault = Fault(call, status=500, code="InternalError", message="Something broke", times=None)
    faults.plant(fault)
    script = f"{cases.SCALING}\n# {call}\n"  # no other test has kept this release
    made = script_bundle(
        script, folder=tmp_path, environment=bundle.environment, model={"factor": cases.FACTOR}
    )
    made = with_lock(made, lock=bare_lock)
    text = refused(lambda: deploy(target, made), WorkspaceRequestError)
    assert text.startswith(f"The workspace 'offline' refused to {doing}")
    assert text.endswith("InternalError: Something broke.")
    faults.clear()
    assert target.list() == ()


def test_a_503_once_is_nobodys_business(target, bundle, faults):
    """One 503 at each call on the way changes nothing."""
    calls = ["services.create", "services.get", "operations.get"]
    planted = [Fault(call, status=503, times=1) for call in calls]
    for fault in planted:
        faults.plant(fault)
    assert deploy(target, bundle).run({"data": [2]}) == [6]
    assert [fault.times for fault in planted] == [0, 0, 0]  # each was met


def test_a_lost_answer_is_found_again(target, bundle, faults):
    """If the service was created and the answer lost, the deployment continues with it."""
    faults.plant(Fault("services.create", drop=True, after=True))
    deployed = deploy(target, bundle)
    assert deployed.run({"data": [2]}) == [6]
    assert target.get(NAME).instance == deployed.instance


def test_a_quota_that_is_used_up(target, bundle, faults):
    """Azure's words are kept, with what to do."""
    message = "Resource type 'Microsoft.ContainerInstance' container group quota 'Cores' exceeded"
    faults.plant(Fault("services.create", status=409, code="QuotaReached", message=message))
    assert refused(lambda: deploy(target, bundle), WorkspaceRequestError) == (
        f"The workspace 'offline' refused to create the service '{NAME}' (409): QuotaReached: "
        f"{message}.\n"
        "  -> Request fewer cpu_cores or less memory_gb, or delete services that are not needed."
    )


def test_a_name_that_is_taken(target, bundle, bare_lock, tmp_path):
    """Without overwrite another bundle is refused; with it, it takes the place and the URI."""
    first = deploy(target, bundle)
    other = with_lock(
        script_bundle(
            cases.SCALING, folder=tmp_path, environment=bundle.environment, model={"factor": 5}
        ),
        lock=bare_lock,
    )
    assert refused(lambda: deploy(target, other), NameTakenError) == (
        f"Something else is already deployed as '{NAME}' on 'aci'. It differs in: model, "
        "sample_input.\n  -> Choose another name, delete that deployment, or pass overwrite=True "
        "(--overwrite)."
    )
    second = deploy(target, other, overwrite=True)
    assert second.run({"data": [2]}) == [10]
    assert second.scoring_uri == first.scoring_uri
    refused(lambda: first.state, DeploymentNotFoundError)


# --- the service itself -----------------------------------------------------------------------


def test_a_build_that_fails(target, bundle, faults):
    """The error has the operation's id and the build's log."""
    faults.plant(StageFault("build"))
    assert refused(lambda: deploy(target, bundle), DeploymentFailedError) == (
        f"'{NAME}' on 'aci' is Failed: The environment cannot be built (MS603) (operation ID).\n"
        "  | an injected fault: the build fails\n"
        "  | EnvironmentBuildFailed: Failed Building the Environment.\n"
        "  -> Find the failing package in the build log."
    )


def test_a_crash_loop(target, bundle, faults):
    """The error has the cause and the line of the script, which Azure does not tell."""
    faults.plant(StageFault("crash"))
    text = refused(lambda: deploy(target, bundle), DeploymentFailedError)
    assert text.startswith(
        f"'{NAME}' on 'aci' is Failed: init() raised RuntimeError: an injected fault: init() "
        "crashes (score.py:"
    )
    assert ", MS502) (operation ID).\n" in text
    assert "  | RuntimeError: an injected fault: init() crashes\n" in text


def test_a_service_that_runs_out_of_memory(target, bundle, faults):
    """The error says so, and at which limit."""
    faults.plant(StageFault("out-of-memory"))
    text = refused(lambda: deploy(target, bundle), DeploymentFailedError)
    assert "Failed: The service was killed: " in text.splitlines()[0]
    assert "MS505" in text.splitlines()[0]
    assert "memory limit of 1 GB" in text


def test_a_service_that_azure_gives_up(target, bundle, faults):
    """Azure's own time limit ends the operation TimedOut and leaves the service Unhealthy."""
    faults.plant(StageFault("timeout"))
    text = refused(lambda: deploy(target, bundle), DeploymentFailedError)
    assert text.startswith(f"'{NAME}' on 'aci' is Unhealthy: Azure stopped waiting ")
    assert "  | DeploymentTimedOut: " in text


def test_a_service_that_stays_transitioning(target, bundle, faults):
    """Our deadline says what Azure was doing, and nothing is left."""
    deploy(target, bundle).delete()  # the model is registered, and what is to install is known
    faults.plant(StageFault("stuck"))
    text = refused(lambda: deploy(target, bundle, timeout_s=10), DeploymentTimeoutError)
    assert text.startswith(
        f"'{NAME}' on 'aci' was not healthy within 10 s; the current step was "
        "'Build the environment on Azure ML'.\n"
    )
    assert target.list() == ()


def test_deleting_what_is_gone(target):
    """A service that is not there cannot be deleted, and says what there is."""
    assert refused(lambda: target.delete("gone-svc"), DeploymentNotFoundError) == (
        "There is no deployment named 'gone-svc' on 'aci'.\n  -> Nothing is deployed on 'aci'."
    )


def test_an_update_that_is_refused_touches_nothing(
    target, bundle, bare_lock, offline, faults, tmp_path
):
    """If Azure takes no update, the old service is not put back, since it never left."""
    deploy(target, bundle)
    before = Services(ms.Workspace.open(offline.config_path)).payload(NAME)
    other = with_lock(
        script_bundle(cases.SCALING, folder=tmp_path, environment=bundle.environment),
        lock=bare_lock,
    )
    faults.plant(Fault("services.update", status=500, code="Broken", message="no", times=None))
    refused(lambda: deploy(target, other, overwrite=True), WorkspaceRequestError)
    assert Services(ms.Workspace.open(offline.config_path)).payload(NAME) == before


def test_a_service_that_failed_is_not_put_back(target, bundle, bare_lock, offline, tmp_path):
    """Where the old service did not serve, a new bundle that fails leaves nothing."""
    deploy(target, bundle)
    document = offline.folder / "documents" / "services" / f"{NAME}.json"
    document.write_text(document.read_text().replace('"state": "Healthy"', '"state": "Failed"'))
    broken = with_lock(
        script_bundle(cases.RAISING, folder=tmp_path, environment=bundle.environment),
        lock=bare_lock,
    )
    refused(lambda: deploy(target, broken, overwrite=True), DeploymentFailedError)
    assert target.list() == ()


def test_a_service_on_another_compute_is_left_alone(target, bundle, offline):
    """A name that a service on Kubernetes has is taken, with overwrite too."""
    deploy(target, bundle)
    document = offline.folder / "documents" / "services" / f"{NAME}.json"
    ours = document.read_text()
    document.write_text(ours.replace('"computeType": "ACI"', '"computeType": "AKS"'))
    backend = AciBackend(workspace=offline.config_path)
    steps = Steps("a deployment", timeout_s=30)
    release = Release(bundle)
    with pytest.raises(NameTakenError):
        backend.start(Instance.draft(release, name=NAME), Prepared(release), steps)
    document.write_text(ours)
    assert target.get(NAME).run({"data": [2]}) == [6]


def test_an_old_service_that_cannot_be_put_back(target, bundle, bare_lock, faults, tmp_path):
    """If the new bundle fails and Azure refuses to restore the old one, both are told."""
    deploy(target, bundle)
    broken = with_lock(
        script_bundle(cases.RAISING, folder=tmp_path, environment=bundle.environment),
        lock=bare_lock,
    )
    faults.plant(StageFault("build", times=None))
    text = refused(lambda: deploy(target, broken, overwrite=True), DeploymentFailedError)
    assert text.startswith(
        f"'{NAME}' on 'aci' is Failed: the new bundle failed, and the old one could not be "
        "restored: "
    )
