"""Services on Kubernetes in an offline workspace, deployed by the SDK and running for real."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from azureml.core import Model, Webservice
from azureml.core.compute import AksCompute, ComputeTarget
from azureml.core.webservice import AksWebservice
from offline_services import INSPECTOR, deploying


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
    """Two replicas answer two requests at once, from two processes."""
    question = "__import__('time').sleep(0.5) or __import__('os').getpid()"
    with ThreadPoolExecutor(2) as pool:
        found = set(pool.map(service.run, [question] * 2))
    assert len(found) == 2


def test_what_is_not_simulated_is_in_the_log(service):
    """Each option is named, and no other."""
    log = service.get_logs()
    names = ("gpu_cores", "namespace", "collect_model_data", "liveness probes", "replicas")
    for name in names:
        assert f"[modelship] Not simulated: {name}: " in log
    assert log.count("Not simulated") == len(names)
