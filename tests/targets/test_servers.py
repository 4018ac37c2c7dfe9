"""Either server runs a bundle, on the targets that may choose, with equal answers."""

from __future__ import annotations

import json
import uuid
from contextlib import ExitStack

import numpy as np
import pytest
import requests
from docker_base import BASE_IMAGE, deploying, inspect

from modelship import DeployTarget, Serving, State
from modelship.bundle.lock import Lock
from modelship.errors import EnvironmentBuildError, InvalidOptionError, NameTakenError
from modelship.parity import read_captured
from modelship.runtime.servers import SERVERS
from receiving import ACCEPTED, receiver
from waiting import wait_until

SERVER = "x-ms-server-version"
OWN = Serving(server="modelship")
ROWS = {"data": [[1, 2]]}
NEW_EACH_TIME = {"x-request-id", "x-ms-request-id", "x-ms-run-fn-exec-ms", SERVER}


@pytest.fixture(scope="module")
def deployer(docker_engine, shared_home, tmp_path_factory):
    with deploying(tmp_path_factory.mktemp("bundles"), home=shared_home) as deployer:
        yield deployer


def _requests(X):
    rows = X[:30].tolist()
    yield from (json.dumps({"data": rows[: n + 1]}) for n in range(30))
    yield from ("", "{", "[1]", '{"data": []}', '{"data": [[1]]}', '{"data": null}', '{"rows": 1}')
    yield json.dumps({"data": [[1e400, *rows[0][1:]]]})
    yield json.dumps({"data": rows[:1]}).replace("0.0", "0", 3)


def _answer(deployment, body):
    headers = {"content-type": "application/json"}
    answer = requests.post(deployment.scoring_uri, data=body, headers=headers, timeout=30)
    contract = {name: text for name, text in answer.headers.items() if name.startswith("x-ms-")}
    told = {name.lower(): text for name, text in contract.items()}
    told = {name: text for name, text in told.items() if name not in NEW_EACH_TIME}
    return answer.status_code, answer.json(), told, answer.headers[SERVER].partition("/")[0]


def _info(deployment):
    uri = deployment.scoring_uri.replace("/score", "/swagger.json")
    return requests.get(uri, timeout=10).json()["info"]


@pytest.fixture(scope="module")
def everywhere(deployer):
    """Deploy one bundle on four services that tests only read; their keys are place and server."""
    _, _, bundle = deployer.digits()
    docker = DeployTarget.open("docker", base_image=BASE_IMAGE)
    places = {
        ("process", "azmlinfsrv"): DeployTarget.open("process"),
        ("process", "modelship"): DeployTarget.open("process").with_serving(OWN),
        ("docker", "azmlinfsrv"): docker,
        ("docker", "modelship"): docker.with_serving(OWN),  # two workers: asked for a key below
    }
    with ExitStack() as deployed:
        yield {
            key: deployed.enter_context(
                target.deploy(bundle, name=f"either-{'-'.join(key)}", show_output=False)
            )
            for key, target in places.items()
        }


@pytest.mark.docker
def test_all_places_and_servers_answer_alike(deployer, everywhere):
    """A generated script gives equal answers to good and bad requests on four services."""
    X, _, _ = deployer.digits()
    for body in _requests(X):
        answers = {key: _answer(each, body) for key, each in everywhere.items()}
        assert len({repr(each[:3]) for each in answers.values()}) == 1, answers
        assert [each[3] for each in answers.values()] == ["azmlinfsrv", "modelship"] * 2


@pytest.mark.docker
def test_a_model_answers_as_it_does_in_process(deployer, everywhere):
    """The predictions over HTTP, from containers too, are those of the model in this process."""
    X, model, _ = deployer.digits()
    expected = model.predict(X[500:900]).tolist()
    assert np.unique(expected).size == 10
    for deployment in everywhere.values():
        assert deployment.run({"data": X[500:900].tolist()}) == expected


@pytest.mark.docker
def test_the_environment_in_the_image_is_the_same(deployer, everywhere):
    """The server lies on top of the environment image, and replaces nothing of it."""
    X, _, _ = deployer.digits()
    images = {}
    for server in SERVERS:
        deployment = everywhere["docker", server]
        container = inspect(deployment.instance.instance_id)
        images[server] = inspect(container["Image"])["RootFS"]["Layers"]
        assert deployment.run({"data": X[:1].tolist()})
    own, reference = images["modelship"], images["azmlinfsrv"]
    shared = sum(1 for one, other in zip(own, reference, strict=False) if one == other)
    assert shared >= len(reference) - 2  # all but the model's and the script's


def test_another_server_is_another_way_to_run_a_bundle(deployer):
    """A name that is taken by the same bundle on the other server is said to be; and replaced."""
    bundle = deployer.scaling()
    own = DeployTarget.open("process").with_serving(OWN)
    with DeployTarget.open("process").deploy(bundle, name="other-server", show_output=False) as one:
        described = _info(one)
        with pytest.raises(NameTakenError, match="server"):
            own.deploy(bundle, name="other-server", show_output=False)
        replaced = own.deploy(bundle, name="other-server", overwrite=True, show_output=False)
        assert replaced.state is State.HEALTHY
        assert "modelship" in requests.get(replaced.scoring_uri, timeout=10).headers[SERVER]
        assert described["title"] == bundle.model.name
        assert _info(replaced) == {**described, "title": "other-server"}


def test_the_server_is_installed_beside_the_environment(deployer):
    """What it needs is added to a lock, and what the lock has already is not."""
    bundle = deployer.scaling()
    added = SERVERS["modelship"].added_to(bundle.lock)
    assert "httptools" in added.versions
    assert not added.versions.keys() & bundle.lock.versions.keys()
    assert SERVERS["azmlinfsrv"].added_to(bundle.lock).text == ""


def _locked(name, version):
    return Lock(python="3.11", text=f"{name}=={version} \\\n    --hash=sha256:00\n")


@pytest.mark.parametrize(("name", "old"), [("httptools", "0.6.1"), ("uvloop", "0.16.0")])
def test_a_bundle_that_locks_what_the_server_was_not_tested_with_is_refused(name, old):
    """The error names the releases that will do, and one to ask for."""
    with pytest.raises(EnvironmentBuildError, match=rf"{name}>=0\.\d+|{name}<1,>=0") as caught:
        SERVERS["modelship"].added_to(_locked(name, old))
    assert f"Request {name}==" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "version"),
    [("httptools", "0.6.4"), ("uvloop", "0.21.0"), ("uvicorn", "0.20.0"), ("orjson", "3.8.0")],
)
def test_a_bundle_may_lock_other_releases(name, version):
    """What the bundle locks is kept, and the rest is added."""
    added = SERVERS["modelship"].added_to(_locked(name, version))
    assert added.versions.keys() == {"httptools", "uvloop", "orjson", "pysimdjson"} - {name}


def test_an_old_python_is_refused():
    """The server needs Python 3.10."""
    with pytest.raises(EnvironmentBuildError, match=r"3\.10"):
        SERVERS["modelship"].added_to(Lock(python="3.9", text=""))


@pytest.mark.docker
@pytest.mark.parametrize("place", ["process", "docker"])
def test_a_service_may_ask_for_a_key(deployer, place):
    """Its handle knows the keys, others are refused, and an update keeps a regenerated one."""
    bundle = deployer.scaling()
    base = {"base_image": BASE_IMAGE} if place == "docker" else {}
    target = DeployTarget.open(place, **base)
    options = {"show_version": False}
    how = Serving(server="modelship", auth=True, workers=2, server_options=options)
    with target.deploy(bundle, name="keyed", serving=how, show_output=False) as deployment:
        refused = requests.post(deployment.scoring_uri, json={}, timeout=10)
        assert (refused.status_code, SERVER in refused.headers) == (401, False)
        old = deployment.keys()
        assert deployment.run(ROWS) == [9]
        new = deployment.regenerate_key("primary")
        assert (new.secondary, new.primary == old.primary) == (old.secondary, False)
        assert deployment.run(ROWS) == [9]
        _wait_until_refused(deployment.scoring_uri, old.primary)
        # Who did not deploy it finds the same keys, and does not open it by leaving an option out.
        assert DeployTarget.open(place).get("keyed").keys() == new
        with pytest.raises(InvalidOptionError, match="server=.modelship"):
            target.deploy(bundle, name="keyed", overwrite=True, show_output=False)
        told = deployment.logs() + repr(new) + deployment.instance.to_json()
        if place == "docker":
            told += json.dumps(inspect(deployment.instance.instance_id))
        deployment.update(Serving(server="modelship", variables={"A": "1"}), show_output=False)
        assert (deployment.keys(), deployment.run(ROWS)) == (new, [9])
    assert not any(key in told for key in (old.primary, old.secondary, new.primary))


def _wait_until_refused(uri, key):
    shown = {"Authorization": f"Bearer {key}"}

    def is_refused():
        return requests.post(uri, data="{", headers=shown, timeout=10).status_code == 401

    # In a row: there are two workers.
    wait_until(lambda: all(is_refused() for _ in range(10)), pause_s=0.05)


def test_what_fails_may_be_captured(deployer, tmp_path):
    """The folder that was given holds the request, and a service of the other server has none."""
    bundle = deployer.scaling()
    target = DeployTarget.open("process")
    how = Serving(server="modelship", capture=str(tmp_path / "captured"))
    with target.deploy(bundle, name="captured", serving=how, show_output=False) as deployment:
        requests.post(deployment.scoring_uri, json={"rows": 1}, timeout=10)
    [captured] = read_captured([tmp_path / "captured"])
    assert captured.request.body == b'{"rows": 1}'
    with pytest.raises(InvalidOptionError, match="capture"):
        Serving(capture="captured")


def test_spans_go_where_the_environment_says(deployer, monkeypatch):
    """A service gets the variables for traces if it is asked to, and no others."""
    bundle = deployer.scaling()
    monkeypatch.setenv("APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL", "true")
    with receiver(ACCEPTED) as (port, received):
        monkeypatch.setenv(
            "APPLICATIONINSIGHTS_CONNECTION_STRING",
            f"InstrumentationKey={uuid.uuid4()};IngestionEndpoint=http://127.0.0.1:{port}/",
        )
        target = DeployTarget.open("process")
        how = Serving(server="modelship", traces=True)
        target.deploy(bundle, name="traced", serving=how, show_output=False).delete()
    assert any(b"POST /score" in body for _, body in received)


@pytest.mark.parametrize("place", ["process", "docker"])
def test_azure_ml_s_server_asks_for_no_key(deployer, place):
    """Keys are the front's on Azure; here only modelship's server knows them."""
    bundle = deployer.scaling()
    with pytest.raises(InvalidOptionError, match="server='modelship'"):
        DeployTarget.open(place).deploy(bundle, name="open", serving=Serving(auth=True))


@pytest.mark.parametrize("options", [{"server": "gunicorn"}, {"workers": 0}, {"workers": True}])
def test_a_bad_option_is_refused(options):
    """A server that nobody knows, and a number of workers that cannot be, are told."""
    with pytest.raises(InvalidOptionError):
        Serving(**options)
