"""Services on Kubernetes in an offline workspace, deployed by the SDK and running for real."""

from __future__ import annotations

import psutil
import pytest
import requests
from azureml.core import Model, Webservice
from azureml.core.compute import AksCompute, ComputeTarget
from azureml.core.webservice import AksWebservice
from azureml.exceptions import WebserviceException
from offline_services import INSPECTOR, deploying

from modelship.testing.offline.service_credentials import ServiceTokens

CRASHING = """
def init():
    1 / 0

def run(raw_data):
    return 1
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory, shared_home):
    """Return a deployer whose workspace all tests of this module share."""
    with deploying(tmp_path_factory.mktemp("aks"), home=shared_home) as found:
        yield found


@pytest.fixture(scope="module")
def cluster(place):
    """Return a cluster to deploy to."""
    return ComputeTarget.create(place.ws, "cluster", AksCompute.provisioning_configuration())


@pytest.fixture(scope="module")
def service(place, cluster):
    """Return a service with keys, which has options of all kinds."""
    return up(
        place,
        cluster,
        num_replicas=2,
        gpu_cores=1,
        namespace="team-a",
        collect_model_data=True,
        period_seconds=5,
        tags={"kind": "inspector"},
    )


def up(place, cluster, *, script=INSPECTOR, name=None, overwrite=False, **options):
    """Deploy a script to a cluster, and return the service once it is healthy."""
    configuration = AksWebservice.deploy_configuration(**options)
    config = place.inference_config(script)
    service = Model.deploy(
        place.ws,
        name or place.name("aks"),
        [],
        config,
        configuration,
        deployment_target=cluster,
        overwrite=overwrite,
    )
    operation = place.settle(service)
    assert operation["state"] == "Succeeded", (operation, service.get_logs())
    return service


def test_a_service_is_deployed_asked_and_found(place, service):
    """It has keys unless it is told otherwise, Azure's path, and what was asked for."""
    assert service.run("6 * 7") == 42
    assert requests.post(service.scoring_uri, data="1", timeout=30).status_code == 401
    found = Webservice(place.ws, service.name)
    assert isinstance(found, AksWebservice)
    assert found.scoring_uri.endswith(f"/api/v1/service/{service.name}/score")
    assert requests.get(found.swagger_uri, timeout=30).status_code == 401
    assert (found.compute_name, found.num_replicas, found.namespace) == ("cluster", 2, "team-a")
    assert found.liveness_probe_requirements.period_seconds == 5
    assert found.max_request_wait_time == 500


def test_replicas_are_worker_processes(service):
    """Two replicas are two processes below one server."""
    server = psutil.Process(service.run("__import__('os').getppid()"))
    assert len(server.children()) == 2


def test_what_is_not_simulated_is_in_the_log(service):
    """Each option is named, and no other."""
    log = service.get_logs()
    names = ("gpu_cores", "namespace", "collect_model_data", "liveness probes", "replicas")
    for name in names:
        assert f"[modelship] Not simulated: {name}: " in log
    assert log.count("Not simulated") == len(names)


def status(service, credential):
    """Return the status of a request with a bearer credential."""
    headers = {"Authorization": f"Bearer {credential}"}
    return requests.post(service.scoring_uri, data="1", headers=headers, timeout=30).status_code


def test_a_token_opens_in_place_of_a_key(place, service):
    """Each is taken where it is enabled, and a token of another workspace nowhere."""
    key = service.get_keys()[0]
    with pytest.raises(WebserviceException, match="does not accept tokens; update it"):
        service.get_access_token()
    service.update(auth_enabled=False, token_auth_enabled=True)
    token = service.get_access_token()
    assert service.run("1 + 1") == 2
    forged = ServiceTokens(key="another").issue(service.name)["accessToken"]
    found = [status(service, each) for each in (token.access_token, key, forged)]
    assert found == [200, 401, 401]
    assert token.expiry_on > token.refresh_after > service.updated_time.replace(tzinfo=None)
    service.update(auth_enabled=True, token_auth_enabled=False)
    assert [status(service, each) for each in (token.access_token, key)] == [401, 200]


def test_what_needs_no_new_container_is_updated_at_once(service):
    """Each field says what was set, and the same process keeps answering."""
    before = service.run("__import__('os').getppid()")
    service.update(
        description="changed",
        tags={"kind": "changed"},
        properties={"added": "1"},
        collect_model_data=False,
        scoring_timeout_ms=50_000,
        replica_max_concurrent_requests=2,
        max_request_wait_time=700,
        namespace="team-b",
        period_seconds=7,
        initial_delay_seconds=8,
        timeout_seconds=9,
        success_threshold=2,
        failure_threshold=4,
    )
    assert (service.description, service.tags) == ("changed", {"kind": "changed"})
    assert service.properties["added"] == "1"
    assert (service.namespace, service.data_collection.storage_enabled) == ("team-b", False)
    probe = service.liveness_probe_requirements.serialize()
    assert [*probe.values()] == [7, 8, 9, 2, 4]
    assert service.max_concurrent_requests_per_container == 2
    assert (service.scoring_timeout_ms, service.max_request_wait_time) == (50_000, 700)
    assert service.run("__import__('os').getppid()") == before
    service.update(scoring_timeout_ms=100)
    with pytest.raises(WebserviceException, match="Response Code: 504"):
        service.run("__import__('time').sleep(1)")
    service.update(scoring_timeout_ms=50_000)


def test_what_runs_is_updated_with_a_new_container(place, service):
    """The script, the replicas and the resources; scaling replaces a fixed number."""
    go_on = place.folder / "go_on"
    waits = f"    while not os.path.exists({str(go_on)!r}): time.sleep(0.02)\n    print"
    script = INSPECTOR.replace("is ready", "is renewed").replace("    print", waits)
    service.update(
        inference_config=place.inference_config(f"import time{script}"),
        autoscale_enabled=True,
        autoscale_min_replicas=1,
        autoscale_max_replicas=3,
        autoscale_refresh_seconds=2,
        autoscale_target_utilization=50,
        cpu_cores=0.2,
        memory_gb=0.4,
        cpu_cores_limit=1.5,
        memory_gb_limit=1.5,
        gpu_cores=2,
    )
    assert service.state == "Transitioning"
    key = service.get_keys()[0]
    assert status(service, key) == 200  # the older container serves until the new one does
    go_on.touch()
    while place.operation(service)["state"] in {"NotStarted", "Running"}:
        assert status(service, key) == 200
    assert place.settle(service)["state"] == "Succeeded"
    assert [*service.autoscaler.serialize().values()] == [True, 1, 3, 2, 50]
    resources = service.container_resource_requirements.serialize()
    assert [*resources.values()] == [0.2, 1.5, 0.4, 1.5, 2]
    assert service.num_replicas is None
    log = service.get_logs()
    assert "the inspector is renewed" in log
    assert "Not simulated: autoscale_enabled: the number of replicas stays at 1." in log
    assert service.run("__import__('os').environ['WORKER_COUNT']") == "1"


def test_a_service_outlives_an_update_that_fails(place, service):
    """The failure has the format of Kubernetes, and the older container keeps answering."""
    service.update(inference_config=place.inference_config(CRASHING))
    error = place.settle(service)["error"]
    assert (error["code"], service.state) == ("KubernetesDeploymentFailed", "Failed")
    assert "ZeroDivisionError" in error["details"][0]["message"]
    assert "ZeroDivisionError" in service.get_logs()
    assert service.run("1 + 1") == 2
    service.update(inference_config=place.inference_config())
    assert place.settle(service)["state"] == "Succeeded"
    assert "the inspector is ready" in service.get_logs()


def test_a_service_on_no_cluster_is_refused(place, service):
    """Before anything is uploaded for nothing, with what to do."""
    configuration = AksWebservice.deploy_configuration(compute_target_name="nowhere")
    config = place.inference_config()
    with pytest.raises(WebserviceException, match="no compute target nowhere; create or attach"):
        Model.deploy(place.ws, place.name("aks"), [], config, configuration)


def test_services_are_listed_by_what_they_are(place, service):
    """By kind of compute and by tags; the dictionary of the workspace has them all."""
    named = {each.name for each in Webservice.list(place.ws, compute_type="AKS")}
    assert named == {service.name} == set(place.ws.webservices)
    assert Webservice.list(place.ws, compute_type="ACI") == []
    tags = [["kind", service.tags["kind"]]]
    assert [each.name for each in Webservice.list(place.ws, tags=tags)] == [service.name]
    assert Webservice.list(place.ws, tags=[["kind", "none"]]) == []
