"""A service that requires a key still does, with the same keys, after every replacement."""

from __future__ import annotations

import pytest
import requests
from docker_base import BASE_IMAGE, deploying

from modelship import DeployTarget, Serving
from modelship.errors import InvalidOptionError

# Of containers: test_servers.py::test_a_service_may_ask_for_a_key replaces one.
PLACES = ["process", pytest.param("docker", marks=[pytest.mark.docker, pytest.mark.long])]
SCRIPT = "def init(): ...\ndef run(raw_data): return 1"
OPEN, KEYED = Serving(server="modelship"), Serving(server="modelship", auth=True)
OPEN_ELSE = Serving(server="modelship", variables={"A": "1"})  # which does not speak of keys


@pytest.fixture(scope="module")
def deployer(shared_home, tmp_path_factory):
    with deploying(tmp_path_factory.mktemp("bundles"), home=shared_home) as deployer:
        yield deployer


@pytest.fixture(params=PLACES)
def target(request):
    if request.param == "docker":
        request.getfixturevalue("docker_engine")
        return DeployTarget.open("docker", base_image=BASE_IMAGE)
    return DeployTarget.open("process")


def _asks_for_key(deployment):
    return requests.post(deployment.scoring_uri, data="{}", timeout=10).status_code == 401


def test_what_is_left_out_goes_on_and_so_do_the_keys(deployer, target):
    """An update of the bundle or of the serving, and a rollback, keep key and keys."""
    bundle, other = deployer.bundle(SCRIPT), deployer.bundle(SCRIPT.replace("1", "2"))
    name = f"kept-{target.name}"
    with deployer.deploy(bundle, name=name, target=target, serving=KEYED) as deployment:
        keys = deployment.regenerate_key("secondary")
        told = {"show_output": False}
        for change in (
            lambda: deployment.update(other, **told),
            lambda: deployment.rollback(**told),
            lambda: deployment.update(OPEN_ELSE, **told),
        ):
            change()
            served = target.get(deployment.name)
            assert _asks_for_key(served)
            assert served.keys() == keys
            assert served.release.options["auth"] is True
        assert target.get(deployment.name).run({}) == 1


def test_a_rollback_opens_again_what_was_open(deployer):
    """The release is the previous one, with its digest, and asks for no key."""
    bundle, target = deployer.bundle(SCRIPT), DeployTarget.open("process")
    with deployer.deploy(bundle, name="opened", target=target, serving=OPEN) as deployment:
        digest = deployment.release.digest
        deployment.update(KEYED, show_output=False)
        assert _asks_for_key(deployment)
        deployment.rollback(show_output=False)
        assert deployment.release.digest == digest
        assert not _asks_for_key(deployment)


def test_a_server_that_knows_no_keys_does_not_open_the_service_by_itself(deployer):
    """It is refused before anything is done, and the message says how to open it on purpose."""
    bundle, target = deployer.bundle(SCRIPT), DeployTarget.open("process")
    with deployer.deploy(bundle, name="kept-own", target=target, serving=KEYED) as deployment:
        with pytest.raises(
            InvalidOptionError, match="auth is None; expected False, to serve without a key"
        ):
            deployment.update(Serving(), show_output=False)
        assert _asks_for_key(deployment)
        deployment.update(Serving(auth=False), show_output=False)
        assert deployment.run({}) == 1
