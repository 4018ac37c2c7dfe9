"""Deployments that fail, injected and real, in the shapes that Azure reports."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from azureml.core import Webservice
from azureml.exceptions import WebserviceException
from offline_services import CONDA, PYTHON, deploying, runs

from modelship.targets.process import server_process
from modelship.testing.offline import deployment_failures as failures
from modelship.testing.offline.faults import StageFault
from modelship.testing.offline.offline_workspace import OfflineWorkspace
from waiting import wait_until

CRASHING = """
def init():
    raise KeyError("the model's key")

def run(raw_data):
    return 1
"""
CONDA_311 = {"dependencies": ["python=3.11", CONDA["dependencies"][1]]}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, shared_home):
    """Return a deployer whose workspace all tests of this module share."""
    with deploying(tmp_path_factory.mktemp("failures"), home=shared_home, light=True) as found:
        yield found


@pytest.fixture(scope="module")
def updated(workplace):
    """Return a service for updates that fail; each test leaves it answering, without an N."""
    return workplace.up()


@pytest.fixture
def place(workplace):
    """Return the deployer; faults that a test planted are gone afterwards."""
    yield workplace
    workplace.offline.faults.clear()


def plant(place, stage, **options):
    """Let the next deployment go wrong."""
    place.offline.faults.plant(StageFault(stage, **options))


def build_log(operation):
    """Return the log that an operation names."""
    return requests.get(operation["operationLog"], timeout=30).text


def require_crash(service, operation, words):
    """Require the shapes of a crash loop, with words in the message and in the log."""
    error = operation["error"]
    assert (operation["state"], service.state) == ("Failed", "Failed")
    assert operation["operationDetails"]["subOperationType"] == "DeployService"
    assert (error["code"], error["statusCode"]) == ("AciDeploymentFailed", 400)
    assert [each["code"] for each in error["details"]] == ["CrashLoopBackOff"]
    assert words in error["message"]
    assert words in service.get_logs()
    assert service.error == error


def test_a_build_fails_on_request(place):
    """An injected failure of the build has Azure's shape, and a log that says what it is."""
    plant(place, "build")
    service = place.deploy()
    operation = place.settle(service)
    assert (operation["state"], service.state) == ("Failed", "Failed")
    assert operation["operationDetails"]["subOperationType"].startswith("Build")
    assert operation["error"]["code"] == "EnvironmentBuildFailed"
    assert failures.MARK in build_log(operation)
    assert service.scoring_uri is None


@pytest.mark.parametrize(
    ("dependencies", "words"),
    [
        ([f"python={PYTHON}", {"pip": ["azureml-defaults", "numpy==1.26", "numpy==2.0"]}], "numpy"),
        ([f"python={PYTHON}", "no-such-conda-package"], "no-such-conda-package"),
        (["python=3.7", {"pip": ["azureml-defaults"]}], "3.7"),
    ],
    ids=["conflict", "unknown", "python"],
)
def test_a_build_fails_for_real(real_index, place, dependencies, words):
    """What cannot be resolved fails the build, with the resolver's words in its log."""
    service = place.deploy(conda={"dependencies": dependencies})
    operation = place.settle(service)
    assert operation["error"]["code"] == "EnvironmentBuildFailed"
    assert words in build_log(operation)


def test_a_crash_is_reported_with_its_traceback(place):
    """A script whose init() raises is a crash loop; the traceback stays in the logs."""
    service = place.deploy(CRASHING)
    operation = place.settle(service)
    require_crash(service, operation, 'KeyError: "the model\'s key"')
    assert "Traceback (most recent call last)" in service.get_logs()


def test_a_crash_on_request_is_a_real_one(place):
    """The container's own log tells of it; wait_for_deployment() raises with all that helps."""
    plant(place, "crash")
    service = place.deploy()
    require_crash(service, place.settle(service), failures.MARK)
    with pytest.raises(WebserviceException) as raised:
        service.wait_for_deployment()
    message = raised.value.message
    assert "current service state: Failed" in message
    assert f"Operation ID: {place.operation(service)['id']}" in message
    assert "More information can be found using '.get_logs()'" in message
    assert '"code": "CrashLoopBackOff"' in message


def test_an_environment_without_server_crashes(place):
    """Azure ML demands azureml-defaults, or the server alone; without them nothing starts."""
    service = place.deploy(conda={"dependencies": [f"python={PYTHON}"]})
    operation = place.settle(service)
    assert operation["error"]["details"][0]["code"] == "CrashLoopBackOff"
    assert "gunicorn: not found" in service.get_logs()
    assert "azureml-defaults" in service.get_logs()


def test_never_healthy_on_request(place):
    """The container runs and does not answer; Azure gives up, and the service is Unhealthy."""
    plant(place, "never-healthy")
    service = place.deploy()
    operation = place.settle(service)
    assert (operation["state"], service.state) == ("TimedOut", "Unhealthy")
    assert (operation["error"]["code"], operation["error"]["statusCode"]) == (
        "DeploymentTimedOut",
        504,
    )
    assert "init() never returns" in service.get_logs()
    service.delete()


def test_out_of_memory_on_request(place):
    """The container takes memory until it is killed at its limit, which its log says."""
    plant(place, "out-of-memory")
    service = place.deploy(memory_gb=0.4)
    operation = place.settle(service)
    assert operation["error"]["details"][0]["code"] == "OOMKilled"
    assert "memory limit of 0.4 GB" in operation["error"]["message"]
    assert "OOMKilled) at its limit of 0.4 GiB" in service.get_logs()
    assert service.state == "Failed"


def test_a_service_that_takes_too_much_memory_has_failed(place):
    """A request that goes beyond the limit gets no answer, and the service is Failed."""
    service = place.up(memory_gb=0.4)
    with pytest.raises(requests.ConnectionError):
        service.run("len(b'x' * 2**30) + __import__('time').sleep(60)")
    service.update_deployment_state()
    assert (service.state, service.error["details"][0]["code"]) == ("Failed", "OOMKilled")
    assert "OOMKilled" in service.get_logs()


def test_a_container_that_is_being_killed_has_ended(place, monkeypatch):
    """A client whose connection broke finds it Failed, though a process of it still runs."""
    service = place.up(memory_gb=0.4)
    killing, end = threading.Event(), server_process.end

    def end_late(*arguments, **options):
        killing.set()
        assert failed.wait(60)
        end(*arguments, **options)

    failed = threading.Event()
    with monkeypatch.context() as patch, ThreadPoolExecutor() as pool:
        patch.setattr(server_process, "end", end_late)
        asked = pool.submit(service.run, "len(b'x' * 2**30) + __import__('time').sleep(60)")
        assert killing.wait(60)
        patch.setattr(server_process, "end", end)
        service.update_deployment_state()
        failed.set()
        assert (service.state, service.error["details"][0]["code"]) == ("Failed", "OOMKilled")
        with pytest.raises(requests.ConnectionError):
            asked.result()


def test_a_service_whose_process_ended_has_failed(place):
    """When nothing serves any more the state says so, and connections end unanswered."""
    service = place.up()
    process = service.run("os.getppid()")
    with pytest.raises(requests.ConnectionError):
        service.run("os.kill(os.getppid(), 9) or __import__('time').sleep(60)")
    wait_until(lambda: not runs(process))
    service.update_deployment_state()
    assert (service.state, service.error["code"]) == ("Failed", "AciDeploymentFailed")
    assert "the inspector is ready" in service.get_logs()
    with pytest.raises(requests.ConnectionError):
        service.run("1")


def test_stuck_on_request(place):
    """A stuck operation keeps running, and the service is Transitioning until it is deleted."""
    plant(place, "stuck")
    service = place.deploy()
    with pytest.raises(WebserviceException, match="exceeded timeout"):
        service.wait_for_deployment(timeout_sec=0.1)
    service.update_deployment_state()
    assert (place.operation(service)["state"], service.state) == ("Running", "Transitioning")
    with pytest.raises(WebserviceException, match="being deployed"):
        service.update(tags={"a": "b"})
    service.delete()
    assert place.operation(service)["state"] == "Cancelled"


def test_timeout_on_request(place):
    """Azure gives up by itself: the operation is TimedOut, the service Unhealthy."""
    plant(place, "timeout")
    service = place.deploy()
    operation = place.settle(service)
    assert (operation["state"], service.state) == ("TimedOut", "Unhealthy")
    assert operation["error"]["code"] == "DeploymentTimedOut"


def test_a_fault_befalls_whom_it_is_meant_for(place):
    """A fault for one service leaves the others alone, and is over after its times."""
    plant(place, "timeout", service="meant-*")
    assert place.up().state == "Healthy"
    meant = place.deploy(name=place.name("meant"))
    assert place.settle(meant)["state"] == "TimedOut"
    again = place.deploy(name=meant.name, overwrite=True)
    assert place.settle(again)["state"] == "Succeeded"


def test_an_update_that_is_not_built_leaves_the_old_container(place, updated):
    """If the new image cannot be built, the service is Failed and the old one still answers."""
    service = Webservice(place.ws, updated.name)
    plant(place, "build")
    service.update(inference_config=place.inference_config(variables={"N": "2"}))
    assert place.settle(service)["state"] == "Failed"
    assert service.state == "Failed"
    assert service.run("'N' in os.environ") is False


def test_an_update_that_crashes_leaves_nothing(place, updated):
    """The old container is ended before the new one starts, so if that crashes nothing serves."""
    service = Webservice(place.ws, updated.name)
    assert service.run("1") == 1
    service.update(inference_config=place.inference_config(CRASHING))
    require_crash(service, place.settle(service), "KeyError")
    with pytest.raises(requests.ConnectionError):
        service.run("1")
    service.update(inference_config=place.inference_config())
    assert place.settle(service)["state"] == "Succeeded"
    assert (service.error, service.run("1")) == (None, 1)


def test_a_deployment_that_was_cut_short_has_failed(tmp_path, shared_home):
    """What was being deployed when the workspace was closed is Failed when it opens again."""
    with deploying(tmp_path, home=shared_home, light=True) as place:
        plant(place, "stuck")
        service = place.deploy()
    with deploying(tmp_path, home=shared_home, light=True) as place:
        again = Webservice(place.ws, service.name)
        assert (again.state, again.error["code"]) == ("Failed", "Interrupted")
        again._operation_endpoint = service._operation_endpoint.replace(
            service._operation_endpoint.split("/modelmanagement")[0], place.offline.endpoint
        )
        assert place.operation(again)["state"] == "Failed"


def test_a_deployment_that_begins_as_the_workspace_ends_has_failed(tmp_path, shared_home):
    """As one that is under way: its operation and it are Failed when the workspace opens again."""
    with deploying(tmp_path, home=shared_home, light=True) as place:
        rollouts = place.offline._app.calls["services.get"].answer.__self__._rollouts
        begin, closing, begun = rollouts._roll_out, rollouts.workers.close, threading.Event()
        rollouts._roll_out = lambda *arguments: begun.wait(60) and begin(*arguments)
        rollouts.workers.close = lambda: (
            setattr(rollouts.workers, "closed", True) or begun.set() or closing()
        )
        service = place.deploy()
        operation = service._operation_endpoint.rpartition("/")[2]
    with deploying(tmp_path, home=shared_home, light=True) as place:
        again = Webservice(place.ws, service.name)
        assert (again.state, again.error["code"]) == ("Failed", "Interrupted")
        found = json.loads((place.documents / "operations" / f"{operation}.json").read_text())
        assert (found["state"], found["error"]["code"]) == ("Failed", "Interrupted")


def test_an_update_that_was_cut_short_leaves_what_ran_before(tmp_path, shared_home):
    """A healthy service is not lost because the workspace was closed while it was updated."""
    with deploying(tmp_path, home=shared_home, light=True) as place:
        service = place.up()
        tags = service.tags
        plant(place, "stuck")
        config = place.inference_config(variables={"N": "2"})
        service.update(inference_config=config, tags={"new": "tag"})
        service.update_deployment_state()
        assert (service.state, service.tags) == ("Transitioning", {"new": "tag"})
    with deploying(tmp_path, home=shared_home, light=True) as place:
        again = Webservice(place.ws, service.name)
        assert (again.state, again.error, again.tags) == ("Healthy", None, tags)
        assert again.run("'N' in os.environ") is False
        again.update(inference_config=place.inference_config(variables={"N": "3"}))
        assert place.settle(again)["state"] == "Succeeded"
        assert again.run("os.environ['N']") == "3"


def test_what_a_killed_build_left_is_removed(tmp_path):
    """Copies of models do not pile up in the folder of a workspace."""
    left = tmp_path / "drafts" / "model-left"
    with OfflineWorkspace(tmp_path):
        left.mkdir(parents=True)
    with OfflineWorkspace(tmp_path):
        assert not left.exists()


def test_a_deletion_overtakes_a_deployment(place):
    """A service that is deleted while it is deployed stays deleted, and nothing of it runs."""
    service = place.deploy("import time\ntime.sleep(3600)\n" + CRASHING)
    containers = place.offline.folder / "containers"
    found = wait_until(lambda: [*containers.glob(f"{service.name}-*/pid")])
    process = int(found[0].read_text())
    service.delete()
    assert not runs(process)
    assert place.operation(service)["state"] == "Cancelled"
    assert service.name not in {each.name for each in Webservice.list(place.ws)}


@pytest.mark.docker
def test_an_engine_fails_alike(real_index, tmp_path, shared_home, docker_base_image):
    """With compute="docker" a crash is reported as with a process; the image has one Python."""
    options = {"home": shared_home, "compute": "docker", "base_image": docker_base_image}
    with deploying(tmp_path, **options) as place:
        crashing = place.deploy(CRASHING, conda=CONDA_311)
        require_crash(crashing, place.settle(crashing), "KeyError")
        other = place.deploy(conda={"dependencies": ["python=3.9", CONDA["dependencies"][1]]})
        assert "Python 3.11" in build_log(place.settle(other))


# In the gate, a process is killed at its limit above, and test_diagnosis_docker.py has the engine.
@pytest.mark.long
@pytest.mark.docker
def test_an_engine_kills_alike(real_index, tmp_path, shared_home, docker_base_image):
    """With compute="docker" a lack of memory is reported as with a process."""
    options = {"home": shared_home, "compute": "docker", "base_image": docker_base_image}
    with deploying(tmp_path, **options) as place:
        plant(place, "out-of-memory")
        greedy = place.deploy(conda=CONDA_311, memory_gb=0.3)
        operation = place.settle(greedy)
        assert operation["error"]["details"][0]["code"] == "OOMKilled"
        assert "OOMKilled) at its limit of 0.3 GiB" in greedy.get_logs()
