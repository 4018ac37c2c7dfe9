"""The settings of online endpoints: what is refused, and the JSON that Azure gets."""

import pytest

from modelship.errors import InvalidNameError, InvalidOptionError
from modelship.targets.online_endpoint.container_settings import (
    ProbeSettings,
    RequestSettings,
    ScaleSettings,
)
from modelship.targets.online_endpoint.data_collection import (
    CollectionSettings,
    DataCollectorSettings,
    NamedData,
)
from modelship.targets.online_endpoint.deployment_settings import DeploymentSettings
from modelship.targets.online_endpoint.endpoint_names import (
    check_deployment_name,
    check_endpoint_name,
    deployment_of,
)
from modelship.targets.online_endpoint.endpoint_settings import EndpointSettings, IdentitySettings
from modelship.targets.online_endpoint.instance_types import (
    INSTANCE_TYPES,
    instance_type_of,
    quota_cores,
)
from modelship.targets.online_endpoint.iso_durations import (
    iso_of_ms,
    iso_of_seconds,
    ms_of_iso,
    seconds_of_iso,
)
from modelship.targets.online_endpoint.target_options import TargetOptions

IDENTITY = "/subscriptions/s/resourceGroups/g/providers/M.ManagedIdentity/userAssignedIdentities/i"
COLLECTOR = DataCollectorSettings(
    {"model_inputs": CollectionSettings(True, data="azureml:inputs:1")},
    rolling_rate="hour",
    sampling_rate=0.5,
    capture_headers=("x-request-id",),
)
FULL = DeploymentSettings(
    instance_type="Standard_F4s_v2",
    instance_count=2,
    description="digits",
    tags={"team": "a"},
    properties={"p": "q"},
    environment_variables={"WORKER_COUNT": "2"},
    model_mount_path="/models",
    app_insights_enabled=True,
    scale_settings=ScaleSettings(),
    request_settings=RequestSettings(9_000, 2, 600),
    liveness_probe=ProbeSettings(12, 10, 2, 1, 30),
    readiness_probe=ProbeSettings(initial_delay=90),
    data_collector=COLLECTOR,
    egress_public_network_access="disabled",
    private_network_connection=True,
)
ENDPOINT = EndpointSettings(
    auth_mode="aml_token",
    description="digits",
    tags={"team": "a"},
    properties={"p": "q"},
    identity=IdentitySettings("user_assigned", (IDENTITY,)),
    traffic={"blue": 90, "green": 10},
    mirror_traffic={"shadow": 20},
    public_network_access="disabled",
)


@pytest.mark.parametrize("name", ["abc", "a-1", "Digits", "a" * 32])
def test_a_valid_name_is_accepted(name):
    """Endpoints and deployments have the same rule, which allows capitals."""
    assert check_endpoint_name(name) == check_deployment_name(name) == name


@pytest.mark.parametrize("name", ["ab", "1ab", "ab-", "a_b", "a" * 33, "äbc", "abc\n", None, 5])
def test_an_invalid_name_is_refused(name):
    """The message has the rule."""
    with pytest.raises(InvalidNameError, match="3 to 32 letters"):
        check_endpoint_name(name)


def test_a_deployment_is_named_by_the_digest_of_its_release():
    """The name is valid, and the same for the same release."""
    digest = "sha256:0123456789abcdef"
    assert check_deployment_name(deployment_of(digest)) == "d-0123456789"


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        (RequestSettings, {"request_timeout_ms": 180_001}, "from 1 to 180000"),
        (RequestSettings, {"request_timeout_ms": 0}, "from 1 to 180000"),
        (RequestSettings, {"request_timeout_ms": "5000"}, "a whole number"),
        (RequestSettings, {"max_concurrent_requests_per_instance": 0}, "at least 1"),
        (RequestSettings, {"max_concurrent_requests_per_instance": True}, "at least 1"),
        (ProbeSettings, {"failure_threshold": 0}, "failure_threshold is 0"),
        (ProbeSettings, {"period": 1.5}, "a whole number"),
        (ScaleSettings, {"type": "target_utilization"}, "az monitor autoscale"),
        (ScaleSettings, {"type": "none"}, "'default'"),
        (IdentitySettings, {"type": "user_assigned"}, "1 of them"),
        (IdentitySettings, {"type": "managed"}, "'system_assigned' or"),
        (EndpointSettings, {"auth_mode": "password"}, "'key' or 'aml_token'"),
        (EndpointSettings, {"auth_mode": None}, "'key' or 'aml_token'"),
        (EndpointSettings, {"traffic": {"blue": 90}}, "a sum of 0 or 100"),
        (EndpointSettings, {"traffic": {"blue": 101}}, "from 0 to 100"),
        (EndpointSettings, {"traffic": {"blue": None}}, "traffic.blue is None"),
        (EndpointSettings, {"traffic": 100}, "a mapping of deployment to percent"),
        (EndpointSettings, {"mirror_traffic": {"blue": 51}}, "from 0 to 50"),
        (EndpointSettings, {"mirror_traffic": {"blue": 1, "red": 1}}, "one deployment"),
        (EndpointSettings, {"tags": {"a": 1}}, r"tags.a is 1; expected text"),
        (DeploymentSettings, {"instance_count": 51}, "from 1 to 50"),
        (DeploymentSettings, {"instance_count": None}, "from 1 to 50"),
        (DeploymentSettings, {"instance_type": ""}, "text"),
        (DeploymentSettings, {"model_mount_path": "models"}, "an absolute path"),
        (DeploymentSettings, {"liveness_probe": {"period": 1}}, "of the type ProbeSettings"),
        (DeploymentSettings, {"egress_public_network_access": "no"}, "'enabled' or 'disabled'"),
        (DeploymentSettings, {"app_insights_enabled": "yes"}, "true or false"),
        (DataCollectorSettings, {"sampling_rate": 2}, "from 0 to 1"),
        (DataCollectorSettings, {"rolling_rate": "week"}, "'minute' or"),
        (CollectionSettings, {"enabled": "true"}, "true or false"),
    ],
)
def test_a_value_outside_of_its_range_is_refused(kind, given, said):
    """Each is refused on construction, with what is expected."""
    with pytest.raises(InvalidOptionError, match=said):
        kind(**given)


def test_a_deployment_with_traffic_gets_no_copies_too():
    """Azure ML refuses to mirror to a deployment that has traffic."""
    with pytest.raises(InvalidOptionError, match="no traffic itself"):
        EndpointSettings(traffic={"blue": 100}, mirror_traffic={"blue": 10})


def test_a_default_that_is_given_is_no_other_release():
    """It is recorded as if it were not given; an option of the endpoint is not."""
    given = TargetOptions(
        instance_type="Standard_DS3_v2",
        instance_count=1,
        app_insights_enabled=False,
        egress_public_network_access="enabled",
    )
    assert given.recorded() == TargetOptions().recorded()
    assert given.__getstate__()["instance_count"] == 1
    assert TargetOptions(auth_mode="key").recorded()["auth_mode"] == "key"
    assert TargetOptions(instance_count=2).recorded()["instance_count"] == 2


def test_no_variable_is_shown():
    """Neither the repr nor a message has the value of a variable."""
    settings = DeploymentSettings(environment_variables={"TOKEN": "hidden"})
    assert "hidden" not in repr(settings)
    with pytest.raises(InvalidOptionError) as caught:
        DeploymentSettings(environment_variables={"TOKEN": ["hidden"]})
    assert "hidden" not in str(caught.value)


def test_the_workers_decide_how_many_requests_an_instance_gets():
    """Without a setting it is their number; another one is refused."""
    assert RequestSettings().for_workers(4).max_concurrent_requests_per_instance == 4
    assert RequestSettings().for_workers(4).admitted(instances=3) == 24
    with pytest.raises(InvalidOptionError, match="4, the number of workers"):
        RequestSettings(max_concurrent_requests_per_instance=8).for_workers(4)


def test_a_container_has_310_seconds_by_default():
    """That is what Azure ML's defaults for probes add up to."""
    assert ProbeSettings().most_s == 310
    assert RequestSettings().with_defaults().request_timeout_ms == 5_000


def test_the_body_of_a_deployment_is_that_of_the_sdk():
    """Durations are ISO 8601, the instances are the capacity, and what is not set is left out."""
    body = FULL.to_arm(
        location="westeurope", model="m", environment="e", code="c", scoring_script="score.py"
    )
    properties = body["properties"]
    assert body["sku"] == {"name": "Default", "capacity": 2}
    assert properties["endpointComputeType"] == "Managed"
    assert properties["codeConfiguration"] == {"codeId": "c", "scoringScript": "score.py"}
    assert properties["requestSettings"] == {
        "requestTimeout": "PT9S",
        "maxConcurrentRequestsPerInstance": 2,
        "maxQueueWait": "PT0.6S",
    }
    assert properties["readinessProbe"] == {"initialDelay": "PT1M30S"}
    assert properties["dataCollector"]["collections"]["model_inputs"] == {
        "dataCollectionMode": "Enabled",
        "samplingRate": 0.5,
        "dataId": "azureml:inputs:1",
    }
    least = DeploymentSettings().to_arm(location="westeurope")["properties"]
    assert set(least) == {"endpointComputeType", "instanceType", "appInsightsEnabled"}


def test_the_body_of_an_endpoint_is_that_of_the_sdk():
    """A deployment without traffic is left out."""
    body = ENDPOINT.to_arm(location="westeurope")
    assert body["properties"]["authMode"] == "AMLToken"
    assert body["identity"] == {
        "type": "UserAssigned",
        "userAssignedIdentities": {IDENTITY: {}},
    }
    assert body["properties"]["mirrorTraffic"] == {"shadow": 20}
    plain = EndpointSettings(traffic={"blue": 100, "green": 0}).to_arm(location="x")
    assert plain["properties"]["traffic"] == {"blue": 100}
    assert plain["identity"] == {"type": "SystemAssigned"}


@pytest.mark.parametrize("settings", [FULL, DeploymentSettings(), ENDPOINT, EndpointSettings()])
def test_settings_survive_azures_json(settings):
    """What is read from the body is what was written."""
    body = settings.to_arm(location="westeurope")
    assert type(settings).from_arm(body) == settings


def test_data_that_is_not_registered_has_no_json():
    """Azure's JSON has the id of a data asset, not its parts."""
    collector = DataCollectorSettings({"c": CollectionSettings(True, NamedData("n", "1"))})
    with pytest.raises(InvalidOptionError, match="the id of a registered data asset"):
        collector.to_arm()


@pytest.mark.parametrize(
    ("name", "instances", "cores"),
    [
        ("Standard_DS3_v2", 10, 48),  # Azure's own example
        ("standard_ds3_v2", 5, 24),  # 1.2 * 5 is exactly 6, also where floats have it larger
        ("Standard_F4s_v2", 1, 8),
        ("Standard_NC24ads_A100_v4", 5, 120),
        ("Standard_Unknown", 5, None),
    ],
)
def test_the_quota_of_a_deployment(name, instances, cores):
    """A fifth more instances are reserved, but not for some sizes with GPUs."""
    assert quota_cores(name, instances) == cores


def test_the_sizes_have_cores_and_memory():
    """There are 85, and each is found by its name in any case."""
    assert len(INSTANCE_TYPES) == 85
    assert all(each.memory_gb / each.cpu_cores >= 2 for each in INSTANCE_TYPES.values())
    small = instance_type_of("STANDARD_DS2_V2")
    assert (small.cpu_cores, small.memory_gb, small.name) == (2, 7, "Standard_DS2_v2")
    assert instance_type_of("Standard_E64s_v3").memory_gb == 432


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "PT0S"), (10, "PT10S"), (60, "PT1M"), (90, "PT1M30S"), (3600, "PT1H"), (86_400, "P1D")],
)
def test_a_duration_is_written_as_iso_8601(seconds, text):
    """It is read back, too."""
    assert iso_of_seconds(seconds) == text
    assert seconds_of_iso(text) == seconds


def test_a_duration_may_have_milliseconds():
    """Half a second is no rounding error."""
    assert (iso_of_ms(600), ms_of_iso("PT0.6S"), ms_of_iso("PT1M0.5S")) == ("PT0.6S", 600, 60_500)
    with pytest.raises(ValueError, match="not an ISO 8601 duration"):
        ms_of_iso("5 s")
