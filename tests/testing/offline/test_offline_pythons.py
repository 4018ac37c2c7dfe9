"""Which Python an environment gets in an offline workspace, and what is said of it."""

from __future__ import annotations

import sys

import pytest
import requests
from azureml.core.conda_dependencies import CondaDependencies
from offline_services import deploying

from modelship.errors import PythonNotFoundError, ResolutionError
from modelship.testing.offline.pythons import take

RUNNING = f"{sys.version_info[0]}.{sys.version_info[1]}"
HERE = {"3.9": "3.9.18", "3.11": "3.11.7", "3.7": "3.7.16"}


def taking(asked, here, *, wrong=(), words="x needs Python>=3.99"):
    def resolve(minor):
        if minor in wrong:
            raise ResolutionError("myenv.yml", f"x has no wheel for {minor}.", words)

    return take(asked, here=here, place="this machine", resolve=resolve)


@pytest.mark.parametrize(
    ("asked", "here", "wrong", "taken"),
    [
        ("3.8.13", {**HERE, "3.8": "3.8.18"}, (), "3.8"),
        ("3.8.13", HERE, (), "3.9"),
        ("3.8.13", HERE, ("3.9",), "3.11"),
        ("3.8.13", {**HERE, "3.8": "3.8.18"}, ("3.8",), "3.9"),
        ("3.10.18", {"3.8": "3.8.18", "3.9": "3.9.18"}, (), "3.9"),
        ("3.11.4", HERE, (), "3.11"),
        ("3.12.1", HERE, (), "3.12"),
    ],
)
def test_the_nearest_python_is_taken_that_the_packages_allow(asked, here, wrong, taken):
    """Its own minor version, newer ones upwards, older ones downwards; a user's stays theirs."""
    assert taking(asked, here, wrong=wrong).minor == taken


def test_the_note_says_what_was_asked_what_was_taken_and_why():
    """In one line, with what was skipped."""
    note = taking("3.8.13", HERE, wrong=("3.9",)).note
    assert note.startswith("Python 3.8.13 is requested, which is azureml-core's default")
    assert "Python 3.11.7 of this machine is used instead: this machine has no 3.8" in note
    assert "3.9 was skipped (x has no wheel for 3.9)" in note
    assert "\n" not in note
    azure = taking("3.8.13", {**HERE, "3.8": "3.8.18"}, wrong=("3.8",)).note
    assert "Azure could not build it: choose a Python that the packages support, with set_" in azure
    assert taking("3.9.18", HERE).note == ""


def test_what_no_python_helps_with_is_not_tried_on_each():
    """The resolver's error is that of the first; none that fits is one of its own."""
    with pytest.raises(ResolutionError, match=r"for 3\.9"):
        taking("3.8.13", HERE, wrong=("3.9", "3.11"))
    with pytest.raises(ResolutionError, match=r"for 3\.9"):
        taking("3.8.13", HERE, wrong=("3.9",), words="x was not found in the package registry")
    with pytest.raises(PythonNotFoundError, match=r"requires Python 3\.8"):
        taking("3.8.13", {"3.7": "3.7.16"})


LIGHT = {"light": True, "real": pytest.param(False, marks=pytest.mark.long)}


@pytest.fixture(scope="module", params=LIGHT.values(), ids=LIGHT.keys())
def place(request, tmp_path_factory, shared_home):
    """Return a deployer whose workspace all tests of this module share.

    In the gate its services have a light server: no test here is about the server.
    """
    folder = tmp_path_factory.mktemp("pythons")
    with deploying(folder, home=shared_home, light=request.param) as found:
        yield found


def deploy(place, conda):
    """Deploy with a conda file; return the service and its build log."""
    service, operation = place.deploy_with(conda)
    return service, requests.get(operation["operationLog"], timeout=30).text


@pytest.mark.parametrize(
    ("made", "minor"),
    [
        (CondaDependencies, "3.8"),
        pytest.param(CondaDependencies.create, "3.10", marks=pytest.mark.long),
    ],
)
def test_the_pythons_that_the_sdk_writes_are_deployed(place, made, minor):
    """A missing patch release is replaced by another one of the same minor version."""
    conda = made()
    conda.add_pip_package("azureml-inference-server-http")
    conda.remove_pip_package("azureml-defaults")
    service, log = deploy(place, conda.serialize_to_string())
    assert service.state == "Healthy", log
    release = service.run("__import__('platform').python_version()")
    assert release.startswith(f"{minor}.")
    assert f"Python {release} of this machine is used instead" in log


def test_a_python_that_a_user_names_is_not_replaced(place):
    """The build fails, with what is here and what to do."""
    service, log = deploy(
        place, "dependencies:\n- python=3.14\n- pip:\n  - azureml-inference-server-http\n"
    )
    assert service.state == "Failed"
    assert "it requires Python 3.14, but installed here: " in log
    assert "Install Python 3.14, or require another version" in service.error["message"]
    assert RUNNING in log
