"""What every environment has, wherever it was read from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelship.bundle.environment import Environment
from modelship.errors import EnvironmentSpecError

SERVER = "azureml-inference-server-http>=1.5"


def test_requirements_are_kept_in_canonical_form():
    """Names are canonical and the order is fixed, so that the same needs are equal."""
    environment = Environment("3.11", ("Scikit_Learn >= 1.3", "numpy", "numpy"))
    assert environment.requirements == (SERVER, "numpy", "scikit-learn>=1.3")
    assert environment == Environment("3.11", ("numpy", "scikit-learn>=1.3"), origin="elsewhere")
    assert "elsewhere" not in repr(environment)


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ("azureml-inference-server-http==1.4.0", "azureml-inference-server-http==1.4.0"),
        ("azureml-inference-server-http", SERVER),
        ("azureml-defaults", "azureml-defaults>=1.60"),
        ("azureml-defaults==1.55.0", "azureml-defaults==1.55.0"),
        ("azureml-core[x]; python_version > '3'", 'azureml-core[x]>=1.61; python_version > "3"'),
    ],
)
def test_azure_packages_get_a_floor_where_none_is_given(given_, kept):
    """A floor keeps a resolver from falling back to releases of 2020."""
    assert kept in Environment("3.11", (given_,)).requirements


@given(
    st.lists(
        st.builds(
            "{}{}{}".format,
            st.sampled_from(["numpy", "Azureml.Core", "azureml_defaults", "a-b"]),
            st.sampled_from(["", "[x,y]"]),
            st.sampled_from(["", "==1.0", "<2,>=1", "; python_version<'4'"]),
        )
    )
)
def test_an_environment_made_of_its_own_parts_is_the_same(requirements):
    """A bundle that was saved and loaded keeps its environment."""
    environment = Environment("3.11", tuple(requirements))
    assert Environment(environment.python, environment.requirements) == environment


@pytest.mark.parametrize("python", ["3.6.2", "3.7", "2.7"])
def test_a_python_that_the_server_cannot_run_on_is_told_with_the_way_out(python):
    """The message says what was asked for, what is needed, and what to write."""
    with pytest.raises(EnvironmentSpecError) as caught:
        Environment(python, ())
    assert f"Python {python}, and services run on Python 3.8 or newer" in caught.value.message
    assert "python=3.8" in caught.value.hint


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ("azureml-core", "azureml-core>=1.60"),
        ("azureml-defaults", "azureml-inference-server-http>=1.3"),
        ("azureml-defaults==1.48", "azureml-inference-server-http"),
    ],
)
def test_python_3_8_gets_the_last_releases_for_it(given_, kept):
    """Its last server is 1.3, unless a release of azureml-defaults brings another one."""
    assert kept in Environment("3.8.13", (given_,)).requirements


@pytest.mark.parametrize(
    ("python", "given_", "added"),
    [
        ("3.8", ("azureml-defaults",), True),
        ("3.11.7", ("azureml-core==1.48",), True),
        ("3.12", ("azureml-defaults",), False),
        ("3.8", ("azureml-inference-server-http", "scikit-learn"), False),
        ("3.8", ("azureml-defaults", "setuptools==60.0"), False),
    ],
)
def test_azure_mls_sdk_gets_the_setuptools_that_conda_gives_it(python, given_, added):
    """It imports pkg_resources without asking for it, and conda brings that up to Python 3.11."""
    assert ("setuptools<81" in Environment(python, given_).requirements) is added


def test_another_patch_release_of_python_is_said():
    """What is asked for, what is taken, and where it comes from."""
    environment = Environment("3.8.13", (), origin="myenv.yml")
    told = environment.note_on("3.8.18", of="this machine")
    assert told.startswith("myenv.yml requires Python 3.8.13; Python 3.8.18 of this machine")
    assert environment.note_on("3.8.13", of="this machine") == ""
    assert Environment("3.8", ()).note_on("3.8.18", of="this machine") == ""


@pytest.mark.parametrize("python", ["3", "", "three", "3.11; x", ">=3.9"])
def test_what_is_no_version_of_python_is_refused(python):
    """Only major.minor, and perhaps a patch release, can be asked for."""
    with pytest.raises(EnvironmentSpecError, match="not a version of Python"):
        Environment(python, ())


def test_a_patch_release_of_python_is_kept():
    """A user's "3.11.7" is not turned into something else."""
    assert Environment("3.11.7", ()).python == "3.11.7"


@pytest.mark.parametrize(
    ("name", "problem"),
    [("missing.yml", "no such file"), ("env.toml", "not read"), ("env.txt", "UTF-8")],
)
def test_a_file_that_cannot_be_an_environment_is_named(tmp_path, name, problem):
    """The error carries the path and what is wrong with the file."""
    path = tmp_path / name
    if name != "missing.yml":
        path.write_bytes(b"numpy\xff\n")
    with pytest.raises(EnvironmentSpecError, match=problem) as caught:
        Environment.read(path)
    assert str(path) in str(caught.value)
