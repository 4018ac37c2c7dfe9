"""What Azure ML is told to install: exact, with azureml-defaults, and refused before it is sent."""

from __future__ import annotations

import re

import pytest
import yaml

from modelship.bundle import Environment, Lock
from modelship.errors import ResolutionError
from modelship.targets.aci.aci_environment import (
    azure_differences,
    azure_requirements,
    conda_specification,
)
from modelship.testing import script_bundle, with_lock

SCRIPT = "def init(): ...\ndef run(raw_data): ..."

WHOLE = """\
azureml-defaults==1.62.0 \\
    --hash=sha256:00
numpy==2.3.2 ; python_full_version < '3.12' \\
    --hash=sha256:01
pywin32==311 ; sys_platform == 'win32' \\
    --hash=sha256:02
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Keep what is resolved for all tests of this module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELSHIP_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture
def make_bundle(home, tmp_path):
    """Return a function that makes a bundle with an environment of Python 3.11."""

    def make(*requirements, lock=None):
        environment = Environment("3.11", requirements, origin="myenv.yml")
        bundle = script_bundle(SCRIPT, folder=tmp_path, environment=environment)
        return with_lock(bundle, lock=lock) if lock else bundle

    return make


def test_a_lock_with_azureml_defaults_is_taken_as_it_is(make_bundle):
    """Nothing is resolved, and what only Windows needs is left out."""
    bundle = make_bundle("azureml-defaults", "numpy", lock=Lock("3.11", WHOLE))
    assert azure_requirements(bundle, timeout_s=0) == ("azureml-defaults==1.62.0", "numpy==2.3.2")
    assert azure_differences(bundle) == ()


def test_azureml_defaults_is_added_to_what_is_locked(make_bundle):
    """What the script needs keeps its version; what the server alone brings may have moved."""
    bundle = make_bundle("six==1.16.0", "tzdata")
    requirements = azure_requirements(bundle)
    locked = dict(bundle.lock.versions)
    installed = dict(text.split("==") for text in requirements)
    assert installed.keys() > locked.keys() | {"azureml-defaults"}
    assert installed["six"] == "1.16.0"
    assert installed["tzdata"] == locked["tzdata"]
    moved = {phrase.split()[0] for phrase in azure_differences(bundle)}
    assert moved == {name for name in locked if locked[name] != installed[name]}
    # The second time it comes from the cache: this would be too little time to resolve it.
    assert azure_requirements(make_bundle("six==1.16.0", "tzdata"), timeout_s=0) == requirements


def test_a_cache_that_was_tampered_with_is_not_believed(make_bundle, tmp_path, monkeypatch):
    """An empty file, or one of something else, is as good as none."""
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path / "other-home"))
    bundle = make_bundle(lock=Lock("3.11", "numpy==2.3.2 \\\n    --hash=sha256:01\n"))
    azure_requirements(bundle)
    [path] = (tmp_path / "other-home" / "cache" / "azure").iterdir()
    for text in ("", "\x00\n", "numpy==1.0\n"):
        path.write_text(text)
        with pytest.raises(ResolutionError, match="took longer"):
            azure_requirements(bundle, timeout_s=0)


def test_a_package_that_azure_does_not_go_with_is_told_with_both_requirements(make_bundle):
    """The message has what was asked for, and what azureml-defaults needs instead."""
    with pytest.raises(ResolutionError) as caught:
        azure_requirements(make_bundle("numpy==2.3.4"))
    assert re.fullmatch(
        r"myenv\.yml: Azure ML requires azureml-defaults, but azureml-defaults>=1\.\d+ and "
        r"numpy==2\.3\.4 cannot both hold: azureml-defaults>=1\.\S+ needs numpy!=1\S+,<2\.3\.3\.",
        caught.value.message,
    )
    assert re.fullmatch(
        r"Request an older numpy \(numpy!=1\S+,<2\.3\.3\) in the bundle's environment, and check "
        r"that the model gives the same answers with it\.",
        caught.value.hint,
    )


@pytest.mark.long
def test_an_open_requirement_that_was_locked_too_high_is_told_the_way_out(make_bundle):
    """Nobody asked for this numpy: with azureml-defaults in the environment, another is locked."""
    with pytest.raises(ResolutionError) as caught:
        conda_specification(make_bundle("numpy>=2"))
    assert "and the lock's numpy==2." in caught.value.message
    advice = re.search(
        r"List azureml-defaults in the bundle's environment: .*\(numpy (\S+)\)", str(caught.value)
    )
    bundle = make_bundle("numpy>=2", "azureml-defaults")
    assert f"numpy=={advice[1]}" in azure_requirements(bundle)


def test_an_index_that_cannot_be_asked_is_told_as_such(make_bundle, monkeypatch):
    """What is wrong with the network is no clash."""
    bundle = make_bundle(lock=Lock("3.11", "numpy==2.3.1 \\\n    --hash=sha256:01\n"))
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_NO_CACHE", "1")
    with pytest.raises(ResolutionError, match="the package index cannot be reached"):
        azure_requirements(bundle)


def test_the_sdk_takes_the_specification_unchanged(make_bundle, tmp_path):
    """Its own classes give back what they were given, through an object and through a file."""
    from azureml.core import Environment as AzureEnvironment
    from azureml.core.conda_dependencies import CondaDependencies

    bundle = make_bundle("azureml-defaults", "numpy", lock=Lock("3.11", WHOLE))
    ours = conda_specification(bundle)
    assert ours["dependencies"] == [
        "python=3.11",
        {"pip": ["azureml-defaults==1.62.0", "numpy==2.3.2"]},
    ]
    theirs = CondaDependencies(_underlying_structure=conda_specification(bundle))
    assert yaml.safe_load(theirs.serialize_to_string()) == ours
    assert [*theirs.pip_packages] == ["azureml-defaults==1.62.0", "numpy==2.3.2"]
    (tmp_path / "conda.yml").write_text(yaml.safe_dump(ours))
    read = AzureEnvironment.from_conda_specification("svc-env", str(tmp_path / "conda.yml"))
    assert read.python.conda_dependencies.as_dict() == ours
    assert conda_specification(bundle) == ours


def test_the_name_goes_by_what_is_installed(make_bundle):
    """Another version is another environment; another script or model is not."""
    one, other = (
        conda_specification(make_bundle(lock=Lock("3.11", text)))["name"]
        for text in (WHOLE, WHOLE.replace("2.3.2", "2.3.1"))
    )
    assert one != other
    assert re.fullmatch(r"modelship-[0-9a-f]{12}", one)
