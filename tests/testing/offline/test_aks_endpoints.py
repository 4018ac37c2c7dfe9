"""Endpoints on Kubernetes: versions that run side by side, and the traffic between them."""

from __future__ import annotations

from collections import Counter

import pytest
import requests
from azureml.core import Model, Webservice
from azureml.core.compute import AksCompute, ComputeTarget
from azureml.core.webservice import AksEndpoint
from azureml.exceptions import WebserviceException
from offline_services import deploying

VERSION_FIELD = "azureml-model-deployment"


@pytest.fixture(scope="module")
def place(tmp_path_factory, shared_home):
    """Return a deployer whose workspace all tests of this module share."""
    with deploying(tmp_path_factory.mktemp("endpoints"), home=shared_home, light=True) as found:
        yield found


@pytest.fixture(scope="module")
def endpoint(place):
    """Return an endpoint with two versions: 70 % of the traffic go to "one", which has the rest."""
    ComputeTarget.create(place.ws, "cluster", AksCompute.provisioning_configuration())
    found = new_endpoint(place, "shared", traffic_percentile=50, tags={"kind": "endpoint"})
    add(place, found, "two", traffic_percentile=30, tags={"added": "later"})
    return found


def new_endpoint(place, name, *, cluster="cluster", **options):
    """Deploy an endpoint with a version "one"."""
    target = ComputeTarget(place.ws, cluster)
    configuration = AksEndpoint.deploy_configuration(version_name="one", **options)
    config = place.inference_config(saying("one"))
    found = Model.deploy(place.ws, name, [], config, configuration, target)
    settle(place, found)
    return found


def add(place, endpoint, name, **options):
    """Add a version that answers with its name."""
    config = place.inference_config(saying(name))
    endpoint.create_version(name, inference_config=config, **options)
    settle(place, endpoint)


def saying(word):
    """Return a script that answers with a word."""
    return f"def init():\n    pass\n\ndef run(raw_data):\n    return {word!r}\n"


def settle(place, endpoint):
    """Wait until the endpoint's operation has succeeded."""
    operation = place.settle(endpoint)
    assert operation["state"] == "Succeeded", (operation, endpoint.get_logs())


def ask(endpoint, **fields):
    """Ask an endpoint with its key; return what the versions say."""
    key = endpoint.get_keys()[0]
    headers = {"Authorization": f"Bearer {key}", **fields}
    return requests.post(endpoint.scoring_uri, data="{}", headers=headers, timeout=30)


def test_versions_share_the_traffic_exactly(place, endpoint):
    """Of 20 requests 14 go to the one and 6 to the other, evenly spread, each as it says."""
    answers = [ask(endpoint) for _ in range(20)]
    assert Counter(each.json() for each in answers) == {"one": 14, "two": 6}
    assert all(each.headers[VERSION_FIELD] == each.json() for each in answers)
    assert Counter(each.json() for each in answers[:10]) == {"one": 7, "two": 3}
    assert endpoint.run("{}") in {"one", "two"}


def test_an_endpoint_is_found_as_what_it_is(place, endpoint):
    """By its name and in the list; its versions are no services of their own."""
    found = Webservice(place.ws, "shared")
    assert isinstance(found, AksEndpoint)
    assert (found.state, sorted(found.versions)) == ("Healthy", ["one", "two"])
    one, two = found.versions["one"], found.versions["two"]
    assert (one.is_default, one.version_type, one.traffic_percentile) == (True, "Control", 50)
    assert (two.is_default, two.version_type, two.tags) == (False, "Treatment", {"added": "later"})
    assert [each.name for each in Webservice.list(place.ws, compute_type="AKSENDPOINT")] == [
        "shared"
    ]
    assert list(place.ws.webservices) == ["shared"]


def test_a_request_may_name_its_version(endpoint):
    """The header that online endpoints have does it; an unknown version has no server."""
    assert {ask(endpoint, **{VERSION_FIELD: "two"}).json() for _ in range(5)} == {"two"}
    assert ask(endpoint, **{VERSION_FIELD: "three"}).status_code == 503


def test_more_than_all_traffic_is_refused(endpoint):
    """Nothing changes, and the message says by how much."""
    with pytest.raises(WebserviceException, match="adds up to 140 %"):
        endpoint.update_version("two", traffic_percentile=90)
    endpoint.update_deployment_state()
    assert endpoint.versions["two"].traffic_percentile == 30


def test_the_name_of_an_endpoint_is_no_name_for_a_service(place, endpoint):
    """Also with overwrite: they are things of different kinds."""
    for overwrite, words in ((False, "already exists"), (True, "a service of another kind")):
        with pytest.raises(WebserviceException, match=words):
            place.deploy(name=endpoint.name, overwrite=overwrite)


def test_an_unknown_version_is_refused(place, endpoint):
    """Those that there are stand in the message."""
    with pytest.raises(WebserviceException, match="no version three; it has one, two"):
        endpoint.delete_version("three")
    with pytest.raises(WebserviceException, match="has a version two; use update_version"):
        endpoint.create_version("two", inference_config=place.inference_config(saying("2")))


def test_the_log_is_that_of_all_versions(endpoint):
    """Each part says whose it is, and what is not simulated of it."""
    first, _, second = endpoint.get_logs().partition("--- version two ---")
    assert "--- version one ---" in first
    for part in (first, second):
        assert "Not simulated: autoscale_enabled: the number of replicas stays at 1." in part
        assert "AML_APP_ROOT" in part or "Azure" in part


def test_a_version_takes_over_and_the_old_one_goes(place):
    """As a canary does: a share, the default with all the rest, and the older version deleted."""
    endpoint = new_endpoint(place, place.name("canary"), traffic_percentile=100)
    model = place.register("used", **{"used.txt": "1"})
    add(place, endpoint, "two", models=[model])
    with pytest.raises(WebserviceException, match=f"used by the service {endpoint.name}; delete"):
        model.delete()
    assert {ask(endpoint).json() for _ in range(5)} == {"one"}
    endpoint.update_version("one", traffic_percentile=0)
    endpoint.update_version("two", is_default=True, is_control_version_type=True, tags={"a": "b"})
    two = endpoint.versions["two"]
    assert (two.is_default, two.version_type, two.tags) == (True, "Control", {"a": "b"})
    assert {ask(endpoint).json() for _ in range(5)} == {"two"}
    endpoint.delete_version("one")
    assert list(endpoint.versions) == ["two"]
    assert {ask(endpoint).json() for _ in range(5)} == {"two"}
    endpoint.delete()
    assert endpoint.name not in place.ws.webservices
    with pytest.raises(requests.ConnectionError):
        requests.get(endpoint.scoring_uri, timeout=30)
