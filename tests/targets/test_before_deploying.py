"""What deploy() does before it builds or sends anything, and what a profile changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelship.bundle import Environment
from modelship.bundle.profile import PROFILES
from modelship.errors import CheckFailedError, InvalidOptionError, NameTakenError
from modelship.targets import DeployTarget, Serving
from modelship.testing import script_bundle, with_lock

LIMITS = """
import os, resource
def init():
    pass
def run(raw_data):
    return [os.environ["SCORING_TIMEOUT_MS"], resource.getrlimit(resource.RLIMIT_DATA)[0]]
"""
OWN = Serving(server="modelship")
BROKEN = "import cv2\n" + LIMITS


@pytest.fixture(autouse=True)
def home(shared_home, monkeypatch):
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))


@pytest.fixture
def make_bundle(bare_lock, tmp_path):
    def make(script, **options):
        environment = Environment(python=bare_lock.python, requirements=())
        options = {"sample_input": {"data": [1]}, "memory_gb": 0.5, **options}
        bundle = script_bundle(script, folder=tmp_path, environment=environment, **options)
        return with_lock(bundle, lock=bare_lock)

    return make


def test_a_bundle_with_errors_is_not_deployed(make_bundle):
    """The error names the finding, and the target has nothing of it."""
    target = DeployTarget.open("process")
    with pytest.raises(CheckFailedError, match="MS104 score.py:1") as caught:
        target.deploy(make_bundle(BROKEN), name="broken-svc", show_output=False)
    assert "opencv-python-headless" in caught.value.hint
    assert target.list() == ()


def test_the_check_can_be_left_out(make_bundle):
    """Without it, the service itself says what is wrong."""
    with pytest.raises(Exception, match="is Failed") as caught:
        DeployTarget.open("process").deploy(
            make_bundle(BROKEN), name="broken-svc", check="off", serving=OWN, show_output=False
        )
    assert "No module named 'cv2'" in str(caught.value)


def test_a_trial_finds_what_reading_does_not(make_bundle):
    """With check="trial" the script is run before anything is deployed."""
    bundle = make_bundle(LIMITS.replace("pass", "{}['x']"))
    with pytest.raises(CheckFailedError, match="MS502 score.py:4"):
        DeployTarget.open("process").deploy(
            bundle, name="broken-svc", check="trial", show_output=False
        )


def test_warnings_are_shown_and_block_nothing(make_bundle, capsys):
    """A warning stands among the steps."""
    bundle = make_bundle(LIMITS.replace("return", "print(raw_data)\n    return"))
    with DeployTarget.open("process").deploy(bundle, name="warned-svc", serving=OWN):
        assert "warning: score.py:6: MS111" in capsys.readouterr().err


def test_the_kind_of_check_has_to_be_known(make_bundle):
    """Anything but the three words is refused."""
    with pytest.raises(InvalidOptionError, match="'static', 'trial', 'off'"):
        DeployTarget.open("process").deploy(make_bundle(LIMITS), name="some-svc", check="full")


def test_a_profile_brings_its_limits(make_bundle):
    """Under the profile of Container Instances a request gets 60 s, and the memory is bounded."""
    with DeployTarget.open("process").deploy(
        make_bundle(LIMITS), name="like-aci", serving=replace(OWN, limits="aci"), show_output=False
    ) as deployment:
        assert deployment.run({"data": [1]}) == ["60000", 2**29]


def test_without_a_profile_the_defaults_of_the_server_hold(make_bundle):
    """A process gets an hour for a request, and as much memory as there is."""
    with DeployTarget.open("process").deploy(
        make_bundle(LIMITS), name="like-itself", serving=OWN, show_output=False
    ) as deployment:
        assert deployment.run({"data": [1]}) == ["3600000", -1]
        with pytest.raises(NameTakenError, match="limits"):
            DeployTarget.open("process").deploy(
                make_bundle(LIMITS), name="like-itself", serving=Serving(limits="aci")
            )


def test_a_profile_that_does_not_exist_is_refused():
    """The message lists what there is, and the nearest."""
    with pytest.raises(InvalidOptionError, match="did you mean 'docker'"):
        Serving(limits="dokcer")


@pytest.mark.parametrize("name", PROFILES)
def test_what_a_place_does_not_give_is_an_error(make_bundle, name):
    """A bundle that asks for more than there is fails the check, where a bound is known."""
    bundle = make_bundle(LIMITS, cpu_cores=1000, memory_gb=10_000)
    codes = {each.code for each in bundle.check(target=name, trial=False) if each.blocks}
    bounded = {
        code
        for code, bounds in (("MS402", "cpu_cores"), ("MS403", "memory_gb"))
        if getattr(PROFILES[name], bounds)[1] < 1000
    }
    assert codes == bounded


def test_a_name_that_azure_ml_refuses_is_an_error(make_bundle):
    """The check knows the rule for names."""
    [finding] = make_bundle(LIMITS).check(name="Digits_1", trial=False)
    assert finding.code == "MS401"
