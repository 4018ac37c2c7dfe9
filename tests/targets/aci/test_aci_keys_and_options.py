"""Keys of a service on Container Instances, and what of the options reaches it."""

import pytest
import requests

from modelship import DeployTarget, Serving, Workspace
from modelship.bundle import Resources, ScoringBundle
from modelship.errors import (
    DeploymentNotFoundError,
    InvalidOptionError,
    NameTakenError,
    ScoringRequestError,
)
from modelship.targets.aci.azure_services import Services
from modelship.testing import cases, script_bundle, with_lock

ROWS = {"data": [2]}
WITHOUT_TRIAL = {"check": "static", "show_output": False}


@pytest.fixture(scope="module")
def bare_lock(light):
    """Let services have a server that starts at once: no test here is about it."""
    return light


@pytest.fixture
def deploy(offline, bundle):
    """Return a function from options of the target to a service; it is removed afterwards."""
    made = []

    def deploy(name="keys-svc", *, auth=None, overwrite=False, **options):
        target = DeployTarget.open("aci", workspace=offline.config_path, **options)
        serving = Serving(auth=auth)
        given = {"name": name, "serving": serving, "overwrite": overwrite}
        made.append(target.deploy(bundle, **given, **WITHOUT_TRIAL))
        return made[-1]

    yield deploy
    for deployment in made:
        deployment.delete(missing_ok=True)


def lasting(offline, bundle, name, *, auth=None, **options):
    """Deploy a service that the tests of this module share."""
    target = DeployTarget.open("aci", workspace=offline.config_path, **options)
    return target.deploy(bundle, name=name, serving=Serving(auth=auth), **WITHOUT_TRIAL)


@pytest.fixture(scope="module")
def without_keys(offline, bundle):
    """Return a service that takes any request, as is the default."""
    return lasting(offline, bundle, "open-svc")


@pytest.fixture(scope="module")
def with_own_keys(offline, bundle):
    """Return a service with keys that were given to it."""
    keys = {"primary_key": "first-secret", "secondary_key": "second-secret"}
    return lasting(offline, bundle, "own-keys-svc", auth=True, **keys)


def status(deployment, key):
    """Return the status of an answer to a request with this key."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return requests.post(deployment.scoring_uri, json=ROWS, headers=headers, timeout=30).status_code


def test_run_finds_the_key_by_itself(deploy, offline):
    """A service with keys refuses requests without one; run() has it, after a rotation too."""
    deployed = deploy(auth=True)
    elsewhere = DeployTarget.open("aci", workspace=offline.workspace()).get("keys-svc")
    old = deployed.keys()
    assert elsewhere.run(ROWS) == [6]
    assert [status(deployed, key) for key in (None, "wrong", old.primary, old.secondary)] == [
        401,
        401,
        200,
        200,
    ]
    new = deployed.regenerate_key("primary")
    assert (new.primary != old.primary, new.secondary == old.secondary) == (True, True)
    assert status(deployed, old.primary) == 401
    assert elsewhere.run(ROWS) == [6]


def test_keys_of_ones_own(with_own_keys):
    """Given keys are taken, a key can be set, and neither is in any repr."""
    deployed = with_own_keys
    assert (deployed.keys().primary, deployed.keys().secondary) == ("first-secret", "second-secret")
    assert deployed.regenerate_key("secondary", value="third-secret").secondary == "third-secret"
    assert deployed.run(ROWS) == [6]
    assert "secret" not in repr(deployed) + repr(deployed.keys()) + repr(vars(deployed._backend))


def test_other_keys_of_ones_own_are_set_in_place(deploy):
    """The service keeps its address, and requires the new ones."""
    before = deploy(auth=True, primary_key="first-secret")
    after = deploy(auth=True, primary_key="other-secret", overwrite=True)
    assert after.scoring_uri == before.scoring_uri
    assert [status(after, each) for each in ("first-secret", "other-secret")] == [401, 200]
    assert after.keys().secondary == before.keys().secondary


def test_keys_need_a_service_that_asks_for_one(deploy):
    """Nothing is sent if keys are given and nobody said that a request needs one."""
    with pytest.raises(InvalidOptionError) as caught:
        deploy(primary_key="first-secret")
    assert caught.value.message == "auth is None; expected True, since primary_key is given."


def test_variables_and_workers_reach_the_service(offline, bundle, bare_lock, tmp_path):
    """The script sees the variables, and Azure ML's server starts as many workers."""
    reading = script_bundle(cases.READING, folder=tmp_path, environment=bundle.environment)
    given = {"CONTRACT_PLAIN": "two words", "CONTRACT_SECRET": "none"}
    serving = Serving(variables=given, workers=2)
    target = DeployTarget.open("aci", workspace=offline.config_path)
    options = {"name": "variables-svc", "serving": serving, **WITHOUT_TRIAL}
    with target.deploy(with_lock(reading, lock=bare_lock), **options) as deployed:
        assert deployed.run({}) == ["two words", cases.hidden("none")]
        kept = Services(Workspace.open(offline.config_path)).payload("variables-svc")
    environment = kept["environmentImageRequest"]["environment"]["environmentVariables"]
    assert environment.items() >= {**given, "WORKER_COUNT": "2"}.items()


def test_the_key_is_in_no_error(with_own_keys):
    """An error of a service with keys does not hold them."""
    with pytest.raises(ScoringRequestError) as caught:
        with_own_keys.run({"data": ["sepal"]})
    assert "secret" not in str(caught.value) + repr(vars(caught.value))


def test_without_keys_there_is_nothing_to_ask(without_keys):
    """By default a service takes any request."""
    assert status(without_keys, None) == 200


def test_the_options_reach_the_service(deploy, offline, bundle):
    """Each option that was given is what the workspace keeps of the service."""
    deploy(
        location="westeurope",
        dns_name_label="digits-label",
        enable_app_insights=True,
        vnet_name="net",
        subnet_name="subnet",
        cmk_vault_base_url="https://vault.example.com",
        cmk_key_name="key",
        cmk_key_version="1",
        properties={"owner": "data science"},
    )
    kept = Services(Workspace.open(offline.config_path)).payload("keys-svc")
    assert (kept["location"], kept["dnsNameLabel"]) == ("westeurope", "digits-label")
    assert kept["appInsightsEnabled"] is True
    assert kept["vnetConfiguration"] == {"vnetName": "net", "subnetName": "subnet"}
    assert kept["encryptionProperties"]["keyName"] == "key"
    assert kept["properties"]["owner"] == "data science"
    requirements = kept["containerResourceRequirements"]
    assert (requirements["cpu"], requirements["memoryInGB"]) == (1, 1)


def test_a_registered_model_is_not_registered_again(offline, without_keys, deploy):
    """Two services of one bundle serve one version of its model."""
    deploy("second-svc")
    services = Services(Workspace.open(offline.config_path)).list()
    models = {tuple(each.model_ids) for each in services}
    assert len(models) == 1
    [[model_id]] = models
    assert model_id.endswith(":1")


def test_a_service_of_other_means_is_taken_as_it_is(offline, deploy, bundle):
    """Without our tags there is no digest; its name, model, state and answers are there."""
    from azureml.core.webservice import Webservice

    deploy("foreign-svc")
    ws = offline.workspace()
    Webservice(ws, "foreign-svc").update(tags={"team": "ours"})
    found = DeployTarget.open("aci", workspace=ws).get("foreign-svc")
    assert (found.digest, dict(found.release.tags)) == ("", {"team": "ours"})
    assert found.release.model == f"{bundle.model.name}:1"
    assert found.run(ROWS) == [6]
    found.delete()
    with pytest.raises(DeploymentNotFoundError):
        found.delete()


def test_overwriting_never_opens_a_service_by_leaving_an_option_out(deploy, offline, bundle):
    """A service that is recreated, for more memory, asks for a key as the one before did."""
    deploy(auth=True)
    fields = {
        name: value for name, value in vars(bundle).items() if name not in ("digest", "parts")
    }
    bigger = ScoringBundle.from_parts(**{**fields, "resources": Resources(memory_gb=1.25)})
    plain = DeployTarget.open("aci", workspace=offline.config_path)
    open_to_all = Serving(auth=False)
    with pytest.raises(NameTakenError) as caught:
        plain.deploy(bundle, name="keys-svc", serving=open_to_all, show_output=False)
    assert caught.value.differences == ("auth",)
    keys = plain.get("keys-svc").keys()
    after = plain.deploy(bigger, name="keys-svc", overwrite=True, **WITHOUT_TRIAL)
    assert (status(after, None), status(after, keys.secondary)) == (401, 200)
    assert Services(Workspace.open(offline.config_path)).payload("keys-svc")["authEnabled"] is True
