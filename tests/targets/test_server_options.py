"""Options of the server reach it on each target, and what it cannot be is refused before that."""

from __future__ import annotations

import pytest
import requests
from docker_base import BASE_IMAGE, deploying

from modelship import DeployTarget, Serving
from modelship.errors import InvalidOptionError
from modelship.targets.release_record import differing, recorded

_REFUSED = [
    ({"scoring_timeout": 1}, "modelship", "did you mean 'scoring_timeout_ms'"),
    ({"scoring_timeout_ms": "60000"}, "azmlinfsrv", "a whole number of 0 or more"),
    ({"strict": 1}, "modelship", "True or False"),
    ({"queue": 0}, "modelship", "a whole number of 1 or more"),
    ({"log_format": "xml"}, "modelship", "'text' or 'json'"),
    ({"queue": 5}, "azmlinfsrv", "no value, since only server='modelship' supports it"),
    ({"worker_preload": True}, "modelship", "no value, since only server='azmlinfsrv' supports it"),
    ({"keys_file": "/etc/passwd"}, "modelship", "`auth=` of a Serving"),
    ({"workers": 2}, "azmlinfsrv", "`workers=` of a Serving"),
    ({5: 5}, "modelship", "one of: "),
    ("queue=5", "modelship", "a mapping of names to values"),
]


@pytest.mark.parametrize(("given", "server", "expected"), _REFUSED)
def test_what_it_cannot_be_is_refused(given, server, expected):
    """There is no such Serving; the message says what the option takes."""
    with pytest.raises(InvalidOptionError) as refused:
        Serving(server=server, server_options=given)
    assert expected in str(refused.value)


def test_a_profile_keeps_its_limits():
    """What a profile sets cannot be set beside it; without one it can."""
    with pytest.raises(InvalidOptionError, match="limits='aci' sets it"):
        Serving(limits="aci", server_options={"scoring_timeout_ms": 1})
    Serving(server_options={"scoring_timeout_ms": 1})


def test_aci_refuses_them(deployer):
    """Azure ML starts the server there, so nothing is sent."""
    bundle = deployer.scaling()
    told = Serving(server_options={"scoring_timeout_ms": 1})
    with pytest.raises(InvalidOptionError, match="server_options"):
        DeployTarget.open("aci").deploy(bundle, name="told-aci", serving=told)


def test_they_are_part_of_what_is_deployed():
    """The record keeps them, so that other values are another release; none is no entry."""
    kept = recorded(Serving(server_options={"worker_timeout_s": 5}).options, salt="")
    assert differing(Serving(server_options={"worker_timeout_s": 5}).options, kept) == []
    assert differing(Serving(server_options={"worker_timeout_s": 6}).options, kept) == [
        "server_options.worker_timeout_s"
    ]
    assert differing(Serving().options, kept) == ["server_options.worker_timeout_s"]


@pytest.fixture(scope="module")
def deployer(shared_home, tmp_path_factory):
    with deploying(tmp_path_factory.mktemp("bundles"), home=shared_home) as deployer:
        yield deployer


def _options_of(place):
    return {"base_image": BASE_IMAGE} if place == "docker" else {}


# In the gate, test_servers.py passes an option to a container.
_IN_DOCKER = pytest.param("docker", marks=[pytest.mark.docker, pytest.mark.long])


@pytest.mark.parametrize("place", ["process", _IN_DOCKER])
def test_the_server_obeys_them(request, deployer, place):
    """Strict mode closes each connection, and what was set for bodies and headers holds."""
    if place == "docker":
        request.getfixturevalue("docker_engine")
    bundle = deployer.scaling()
    options = {"strict": True, "body_mb": 1, "show_version": False, "drain_s": 1}
    target = DeployTarget.open(place, **_options_of(place))
    how = Serving(server="modelship", server_options=options)
    name = f"told-{place}"
    with target.deploy(bundle, name=name, serving=how, show_output=False) as deployment:
        answer = requests.post(deployment.scoring_uri, json={"data": [[1, 2]]}, timeout=30)
        assert answer.status_code == 200
        assert answer.headers["connection"] == "close"
        assert "x-ms-server-version" not in answer.headers
        large = requests.post(deployment.scoring_uri, data=b" " * (2**20 + 1), timeout=30)
        assert large.status_code == 413


def test_azure_ml_s_server_obeys_them(deployer):
    """Azure ML's server takes those that it knows."""
    bundle = deployer.scaling()
    target = DeployTarget.open("process")
    how = Serving(server_options={"worker_timeout_s": 77, "show_version": False})
    name = "told-azmlinfsrv"
    with target.deploy(bundle, name=name, serving=how, show_output=False) as deployment:
        answer = requests.post(deployment.scoring_uri, json={"data": [[1, 2]]}, timeout=30)
        assert "x-ms-server-version" not in answer.headers
        assert "Worker Timeout (seconds): 77" in deployment.logs()
