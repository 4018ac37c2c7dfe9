"""A plan says what becomes of each property of a service on Container Instances."""

from __future__ import annotations

import json

import pytest
from aci_documents import record_of

from modelship.errors import InvalidNameError, InvalidOptionError
from modelship.migration import AciService, EndpointPlan
from modelship.migration.conda_file import conda_with_server
from modelship.migration.endpoint_plan import machine_for


def plan_of(**changes):
    """Return the plan for a service with these fields."""
    return EndpointPlan.of(AciService.from_document(record_of(**changes)))


def kinds(plan):
    """Return what becomes of each property."""
    return {row.what: row.kind for row in plan.rows}


def test_what_runs_stays_the_same():
    """Models, script, variables and labels are kept, without what an SDK has added."""
    plan = plan_of()
    settings = plan.deployment
    assert plan.service.model_ids == ("digits:3",)
    assert settings.environment_variables == {"GREETING": "s3cret-ahoy", "WORKER_COUNT": "2"}
    assert (settings.tags, settings.properties) == ({"team": "ml"}, {"cost": "7"})
    assert settings.app_insights_enabled
    assert [each.name for each in plan.service.assets] == ["b.tar.gz"]


def test_requests_may_take_as_long_as_before():
    """An endpoint would wait for 5 s; and it admits as many at once as there are workers."""
    requests = plan_of().deployment.request_settings
    assert requests.request_timeout_ms == 60_000
    assert requests.max_concurrent_requests_per_instance == 2


@pytest.mark.parametrize(
    ("switches", "mode", "kind"),
    [
        ({"authEnabled": True}, "key", "same"),
        ({"authEnabled": False, "aadAuthEnabled": True}, "aml_token", "same"),
        ({"authEnabled": False}, "key", "changed"),
    ],
)
def test_an_endpoint_always_needs_a_key_or_a_token(switches, mode, kind):
    """A service without authentication gets keys, and the plan says so."""
    plan = plan_of(**switches)
    assert plan.endpoint.auth_mode == mode
    assert kinds(plan)["authentication"] == kind


@pytest.mark.parametrize(
    ("cpu_cores", "memory_gb", "size"),
    [
        (0.1, 0.5, "Standard_D2as_v4"),
        (2, 8, "Standard_DS3_v2"),
        (3, 4, "Standard_DS3_v2"),
        (4, 14, "Standard_D4as_v4"),
        (4, 16, "Standard_E4s_v3"),
        (100, 1000, "Standard_E8s_v3"),
    ],
)
def test_the_machine_has_what_the_service_requests(cpu_cores, memory_gb, size):
    """The smallest one with these cores and this memory, and 1 GiB more."""
    assert machine_for(cpu_cores, memory_gb).name == size


def test_the_rows_say_what_can_be_typed():
    """One core is one core, and the command for the keys names the endpoint and its target."""
    plan = plan_of(containerResourceRequirements={"cpu": 1, "memoryInGB": 1})
    rows = {row.what: row for row in plan.rows}
    assert rows["resources"].before == "1 core, 1 GiB"
    assert f"modelship keys {plan.endpoint_name} -t online-endpoint" in rows["keys"].after


def test_what_has_no_counterpart_is_listed():
    """Each with what to do instead."""
    network = {"vnetName": "net", "subnetName": "default"}
    plan = plan_of(
        dnsNameLabel="lbl",
        cname="models.example.com",
        vnetConfiguration=network,
        encryptionProperties={"vaultBaseUrl": "https://vault"},
        sslEnabled=True,
    )
    gone = [row for row in plan.rows if row.kind == "gone"]
    assert [row.what for row in gone] == [
        *("DNS name label", "domain of the certificate", "virtual network"),
        *("customer-managed key", "certificate"),
    ]
    assert all(row.after for row in gone)


def test_no_value_of_a_variable_is_shown():
    """It may be a secret: only names are in the plan and in the repr."""
    plan = plan_of()
    assert "GREETING" in json.dumps(plan.to_document())
    assert "s3cret" not in json.dumps(plan.to_document()) + repr(plan)


def test_a_service_without_a_conda_file_is_refused():
    """What an image of your own has in it is not known."""
    image = record_of()["environmentImageRequest"]
    image["environment"]["docker"] = {"baseDockerfile": "FROM scratch"}
    with pytest.raises(InvalidOptionError, match="conda file"):
        plan_of(environmentImageRequest=image)


def test_an_invalid_name_is_refused():
    """Before anything is read or written."""
    with pytest.raises(InvalidNameError):
        EndpointPlan.of(AciService.from_document(record_of()), endpoint_name="no_underscores")


@pytest.mark.parametrize(
    ("listed", "added"),
    [
        (["python=3.11", {"pip": ["azureml-defaults>=1.61"]}], 0),
        (["python=3.11", "azureml-inference-server-http"], 0),
        (["python=3.11", {"pip": ["numpy"]}], 1),
        (["python=3.11"], 1),
    ],
)
def test_the_server_is_added_where_it_is_missing(listed, added):
    """Azure ML added it to images of SDK v1 itself."""
    text = json.dumps(conda_with_server({"dependencies": listed}))
    before = json.dumps(listed).count("azureml-inference-server-http")
    assert text.count("azureml-inference-server-http") == before + added
