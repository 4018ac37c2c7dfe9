"""The documents of services and versions on Kubernetes: whatever is changed, they stay whole."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest

from modelship.testing.offline.aks.aks_services import AKS, OF_VERSIONS, limits_of
from modelship.testing.offline.aks.endpoint_versions import changed_versions, new_version, shares
from modelship.testing.offline.json_exchange import RefusalError
from modelship.testing.offline.service_documents import base_document, limits, replicas
from modelship.testing.offline.unsimulated import remarks

REQUEST = {
    "name": "service",
    "computeType": "AKS",
    "computeName": "cluster",
    "environmentImageRequest": {"modelIds": [], "assets": [{"id": "score.py", "url": "aml://x"}]},
}
ENDPOINT = {
    **base_document({"name": "endpoint"}),
    "computeName": "cluster",
    "namespace": None,
    "aadAuthEnabled": False,
}
VALUES = [None, True, -1, 0, 1.5, 1 << 62, "", "text", [], [1], {}, {"a": 1}, {"minReplicas": "x"}]
FIELDS = [
    *sorted(OF_VERSIONS),
    *("autoScaler/autoscaleEnabled", "autoScaler/minReplicas", "autoScaler/maxReplicas"),
    *("livenessProbeRequirements/periodSeconds", "dataCollection/storageEnabled"),
    *("containerResourceRequirements/cpu", "containerResourceRequirements/memoryInGBLimit"),
]


def require_whole(document):
    """Require that everything that reads a document can."""
    assert limits_of(document).at_once >= 1
    assert replicas(document) >= 1
    assert len(limits(document)) == 2
    assert all(each.endswith(".") for each in remarks(document, location="eastus"))
    json.dumps(document)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("operation", ["replace", "remove"])
def test_a_change_is_refused_or_leaves_a_whole_document(field, operation):
    """Of any field, to any value, of a service and of a version alike."""
    document = AKS.new_document(REQUEST)
    one = new_version(ENDPOINT, "one", REQUEST, is_first=True)
    for value in VALUES:
        change = {"op": operation, "path": f"/{field}", "value": value}
        with suppress(RefusalError):
            require_whole(AKS.changed(document, [change]))
            within = {**change, "path": f"/versions/one/{field}"}
            require_whole(changed_versions(ENDPOINT, {"one": one}, [within])["one"])


@pytest.mark.parametrize("share", VALUES)
def test_traffic_is_refused_or_leaves_shares_of_all(share):
    """Whatever the percentage is said to be."""
    first = new_version(ENDPOINT, "one", REQUEST, is_first=True)
    second = new_version(ENDPOINT, "two", REQUEST, is_first=False)
    change = {"op": "replace", "path": "/versions/two/trafficPercentile", "value": share}
    with suppress(RefusalError):
        versions = changed_versions(ENDPOINT, {"one": first, "two": second}, [change])
        found = shares(versions.values())
        assert sum(found.values()) == 100
        assert min(found.values()) >= 0


@pytest.mark.parametrize(
    "change", [("remove", "/versions/one"), ("replace", "/versions/one/isDefault")]
)
def test_what_is_left_has_a_default_version(change):
    """Otherwise nobody gets the requests that are assigned to none, and they go unanswered."""
    first = new_version(ENDPOINT, "one", REQUEST, is_first=True)
    second = new_version(ENDPOINT, "two", REQUEST, is_first=False)
    patch = [{"op": change[0], "path": change[1], "value": False}]
    versions = changed_versions(ENDPOINT, {"one": first, "two": second}, patch)
    assert sum(shares(versions.values()).values()) == 100


@pytest.mark.parametrize(
    ("asked", "count", "scaled"),
    [
        ({}, 1, True),
        ({"numReplicas": 3}, 3, False),
        ({"autoScaler": {"autoscaleEnabled": True, "minReplicas": 12}}, 12, True),
        ({"autoScaler": {"autoscaleEnabled": False}, "numReplicas": 2}, 2, False),
    ],
)
def test_a_service_has_a_number_of_replicas_or_an_autoscaler(asked, count, scaled):
    """The autoscaler is Azure's default, and its maximum is never below its minimum."""
    document = AKS.new_document(REQUEST | asked)
    assert (replicas(document), document["autoScaler"]["autoscaleEnabled"]) == (count, scaled)
    assert (document["numReplicas"] is None) == scaled
    assert limits_of(document).at_once == (max(count, 10) if scaled else count)


def test_only_limits_limit():
    """What a service asks for is reserved on Kubernetes; a limit holds for each replica."""
    asked = {"cpu": 0.1, "memoryInGB": 0.2}
    free = AKS.new_document(REQUEST | {"containerResourceRequirements": asked})
    assert limits(free) == (None, None)
    asked |= {"cpuLimit": 1, "memoryInGBLimit": 0.5}
    bound = REQUEST | {"containerResourceRequirements": asked, "numReplicas": 2}
    assert limits(AKS.new_document(bound)) == (2, 1.0)


def test_a_fixed_number_takes_the_place_of_scaling():
    """As the SDK sends it: the number alone, and with autoscaling the number is gone again."""
    document = AKS.new_document(REQUEST)
    fixed = AKS.changed(document, [{"op": "replace", "path": "/numReplicas", "value": 3}])
    assert (fixed["numReplicas"], fixed["autoScaler"]["autoscaleEnabled"]) == (3, False)
    enabled = {"op": "replace", "path": "/autoScaler/autoscaleEnabled", "value": True}
    scaled = AKS.changed(fixed, [enabled])
    assert (scaled["numReplicas"], scaled["autoScaler"]["maxReplicas"]) == (None, 10)
