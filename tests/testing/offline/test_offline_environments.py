"""Environments in an offline workspace: registered, found, built, and saved, by the SDK."""

from __future__ import annotations

import re
import threading

import pytest
from azureml.core import Environment
from azureml.core.conda_dependencies import CondaDependencies
from offline_services import CONDA, deploying

from modelship.testing.offline import images
from modelship.testing.offline.environments import building
from modelship.testing.offline.environments.curated import notes
from modelship.testing.offline.offline_workspace import OfflineWorkspace
from modelship.testing.offline.workers import Workers

WHEEL_FREE = "azureml-inference-server-http"


@pytest.fixture(scope="module")
def place(tmp_path_factory, shared_home):
    """Return a deployer whose workspace all tests of this module share."""
    with deploying(tmp_path_factory.mktemp("environments"), home=shared_home) as found:
        yield found


def made(name, conda=CONDA):
    """Return an environment of a conda specification."""
    environment = Environment(name)
    environment.python.conda_dependencies = CondaDependencies(_underlying_structure=conda)
    return environment


def test_what_was_registered_is_built(place, capsys):
    """The packages are installed, the log lists them, and the SDK hears of the end."""
    environment = made("built").register(place.ws)
    assert not environment.get_image_details(place.ws).image_exist
    build = environment.build(place.ws).wait_for_completion(show_output=True)
    assert build.status == "Succeeded"
    assert f"{WHEEL_FREE}==" in build.get_log()
    details = environment.get_image_details(place.ws)
    assert details.image_exist
    assert details.interpreter_path.endswith("/bin/python")


def test_what_was_not_registered_is_registered_by_its_build(place):
    """As the SDK promises with a warning."""
    assert made("unregistered").build(place.ws).wait_for_completion().status == "Succeeded"
    assert Environment.get(place.ws, "unregistered").version == "1"


def test_a_build_that_fails_says_why(place):
    """The state is Failed, and the log names the package that nobody has."""
    conda = {"dependencies": [CONDA["dependencies"][0], {"pip": ["no-such-package-of-anyone"]}]}
    build = made("broken", conda).build(place.ws).wait_for_completion(show_output=False)
    assert build.status == "Failed"
    assert "no-such-package-of-anyone" in build.get_log()


def test_a_local_build_says_where_the_environment_is(place, capfd):
    """The SDK runs the scripts that it is sent; they show the log and the environment's Python."""
    environment = made("local").register(place.ws)
    environment.build_local(place.ws, useDocker=False)
    shown = capfd.readouterr().out
    assert f"{WHEEL_FREE}==" in shown
    assert re.search(r"The environment is in \S+: run \S+/bin/python", shown)


def test_a_local_build_that_fails_says_why(place):
    """The exception of the SDK carries the cause."""
    conda = {"dependencies": [CONDA["dependencies"][0], {"pip": ["no-such-package-of-anyone"]}]}
    environment = made("broken-local", conda).register(place.ws)
    with pytest.raises(Exception, match="no-such-package-of-anyone"):
        environment.build_local(place.ws, useDocker=False)


def test_versions_and_labels_find_an_environment(place):
    """The label latest is always there; another is on one version at a time."""
    environment = made("labeled")
    for number in ("1", "2"):
        environment.environment_variables = {"N": number}
        assert environment.register(place.ws).version == number
    assert Environment.get(place.ws, "labeled", label="latest").version == "2"
    for number in ("2", "1"):
        Environment.label(place.ws, "labeled", number, ["stable"])
    found = Environment.get(place.ws, "labeled", label="stable")
    assert (found.version, found.environment_variables) == ("1", {"N": "1"})
    with pytest.raises(Exception, match="No version of the environment labeled has the label"):
        Environment.get(place.ws, "labeled", label="other")


def test_an_environment_goes_through_files_and_copies(place, here):
    """What was saved to a folder, loaded again and cloned is the same."""
    (here / "requirements.txt").write_text("joblib==1.4.2\n")
    first = Environment.from_pip_requirements("of-pip", "requirements.txt").register(place.ws)
    Environment.get(place.ws, "of-pip").save_to_directory("saved", overwrite=True)
    loaded = Environment.load_from_directory("saved")
    again = loaded.clone("cloned").register(place.ws)
    packages = again.python.conda_dependencies.serialize_to_string()
    assert packages == first.python.conda_dependencies.serialize_to_string()
    assert (again.name, again.version) == ("cloned", "1")
    assert "joblib==1.4.2" in packages


def test_a_curated_name_has_a_stand_in_or_a_reason(place):
    """It is found and listed; other names of Microsoft's say what to do instead."""
    environment = Environment.get(place.ws, "AzureML-Minimal")
    assert environment.register(place.ws).version == environment.version
    assert "AzureML-Minimal" in Environment.list(place.ws)
    [note] = notes({"environment": Environment._serialize_to_dict(environment)})
    assert "is not Microsoft's image" in note
    with pytest.raises(Exception, match="Write the packages that you need into a conda file"):
        Environment.get(place.ws, "AzureML-TensorFlow-1.13-GPU")
    with pytest.raises(Exception, match="cannot be registered"):
        made("AzureML-Mine").register(place.ws)


def test_an_image_of_ones_own_is_registered_and_refused_by_a_build(place):
    """The log says what to do instead; beside a conda file, that the image is not used."""
    image = Environment.from_docker_image("of-image", "example.org/mine:1")
    dockerfile = Environment.from_dockerfile("of-dockerfile", "FROM example.org/mine:1")
    for environment in (image, dockerfile):
        build = environment.register(place.ws).build(place.ws).wait_for_completion()
        assert build.status == "Failed"
        assert "conda file" in build.get_log()
    both = made("of-both")
    both.docker.base_image = "example.org/mine:1"
    log = both.build(place.ws).wait_for_completion(show_output=False).get_log()
    assert "Not simulated: base_image: the packages are installed without example.org" in log


@pytest.fixture
def resolved_at_the_end(bare_lock, monkeypatch):
    """Let what a build needs be resolved once its workspace is being closed."""
    closing, close = threading.Event(), Workers.close

    def resolved(_environment):
        assert closing.wait(60)
        return bare_lock

    def close_meanwhile(workers):
        workers.closed = True
        if any(each.name == "build ending" for each in workers._threads):
            closing.set()
        close(workers)

    monkeypatch.setattr(images, "todays_lock", resolved)
    monkeypatch.setattr(Workers, "close", close_meanwhile)
    monkeypatch.setattr(building, "_SOON_S", 0.0)


def test_a_build_ends_with_its_workspace(shared_home, monkeypatch, resolved_at_the_end):
    """One that is under way when the workspace is closed brings nothing of it back."""
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))
    with OfflineWorkspace() as offline:
        folder = offline.folder
        made("ending", {"dependencies": [*CONDA["dependencies"], "joblib"]}).build(
            offline.workspace()
        )
    assert not [thread for thread in threading.enumerate() if thread.name == "build ending"]
    assert not folder.exists()
