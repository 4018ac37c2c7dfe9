"""Conda environment files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelship.bundle.conda import read_conda, translate
from modelship.bundle.environment import Environment
from modelship.errors import EnvironmentSpecError, UntranslatablePackageError

TUTORIAL = """\
name: project_environment
dependencies:
  - python=3.6.2
  - pip:
    - azureml-defaults
  - scikit-learn=0.22.1
channels:
  - anaconda
  - conda-forge
"""


@pytest.mark.parametrize(
    ("spec", "requirement"),
    [
        ("numpy", "numpy"),
        ("numpy=1.2", "numpy==1.2.*"),
        ("numpy =1.2", "numpy==1.2.*"),
        ("numpy=1.2.*", "numpy==1.2.*"),
        ("numpy==1.2.3", "numpy==1.2.3"),
        ("numpy=1.2.3=py36_0", "numpy==1.2.3"),
        ("numpy 1.2.3 py36_0", "numpy==1.2.3"),
        ("numpy 1.2.3", "numpy==1.2.3"),
        ("numpy 1.2.*", "numpy==1.2.*"),
        ("numpy *", "numpy"),
        ("numpy>=1, <2", "numpy<2,>=1"),
        ("numpy >=1.2.*", "numpy>=1.2"),
        ("numpy!=1.2", "numpy!=1.2"),
        ("conda-forge::numpy", "numpy"),
        ("conda-forge/linux-64::numpy", "numpy"),
        ("numpy[version='>=1,<2']", "numpy<2,>=1"),
        ("pytorch=1.9", "torch==1.9.*"),
        ("py-xgboost", "xgboost"),
        ("opencv", "opencv-python-headless"),
        ("Importlib_Metadata", "importlib-metadata"),
    ],
)
def test_match_specifications_are_translated(spec, requirement):
    """Each form of a match specification means what conda takes it to mean."""
    assert str(translate(spec, where="x")) == requirement


@pytest.mark.parametrize("spec", ["nomkl", "pip=20", "_libgcc_mutex=0.1=main", "blas=*=openblas"])
def test_what_only_conda_needs_is_left_out(spec):
    """Wheels bring these along."""
    assert translate(spec, where="x") is None


@pytest.mark.parametrize(
    "spec",
    ["numpy 1.2|1.3", "numpy=", "numpy=*=*cuda*", "numpy[build=3]", "numpy>=1 py_0", "", "=1.2"],
)
def test_what_has_no_translation_is_refused(spec):
    """A wrong translation would be worse than an error."""
    with pytest.raises(EnvironmentSpecError, match="file:7"):
        translate(spec, where="file:7")


def test_an_unknown_conda_name_is_not_guessed():
    """A name that happens to exist on PyPI too may be quite another package."""
    with pytest.raises(UntranslatablePackageError, match="'cudatoolkit'") as caught:
        translate("cudatoolkit=10.1", where="env.yml:3")
    assert "pip:" in caught.value.hint


def test_a_whole_file_is_read(tmp_path):
    """Conda's and pip's lists come together, and Python is taken from the file."""
    path = tmp_path / "env.yml"
    path.write_text(TUTORIAL.replace("3.6.2", "3.10").replace("0.22.1", "1.3"))
    environment = Environment.read(path)
    assert environment.python == "3.10"
    assert environment.requirements == (
        "azureml-defaults>=1.60",
        "azureml-inference-server-http>=1.5",
        "scikit-learn==1.3.*",
        "setuptools<81",
    )


def test_the_tutorials_old_python_is_found_on_its_line(tmp_path):
    """The tutorial's file asks for Python 3.6, which the inference server left behind."""
    path = tmp_path / "env.yml"
    path.write_text(TUTORIAL)
    with pytest.raises(EnvironmentSpecError) as caught:
        Environment.read(path)
    assert caught.value.message.startswith(f"{path}:3: it asks for Python 3.6.2,")


@pytest.mark.parametrize(
    ("asked", "python"),
    [("python>=3.9,<3.10", "3.9"), ("python 3.12.*", "3.12"), ("python=3.11.7", "3.11.7")],
)
def test_python_is_picked_from_a_range(tmp_path, asked, python):
    """A range gives the running Python if that is in it, else the newest that is."""
    path = tmp_path / "env.yaml"
    path.write_text(f"dependencies: ['{asked}']\n")
    assert Environment.read(path).python == python


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        ("dependencies:\n  - numpy\nvariables:\n  A: b\n", ":3", "environment variables"),
        ("dependencies: []\ndependancies: []\n", ":2", "did you mean 'dependencies'"),
        ("dependencies:\n  - a: [b\n", ":3", "not valid YAML"),
        ("dependencies:\n  - numpy\n  - conda: [x]\n", ":3", "cannot hold 'conda'"),
        ("dependencies:\n  - pip:\n    - --index-url https://u:pw@h/\n", ":3", "--index-url"),
        ("dependencies:\n  - [numpy]\n", ":2", "package name is expected"),
        ("dependencies: numpy\n", ":1", "list is expected"),
        ("name: x\n", "", "no 'dependencies'"),
        ("- numpy\n", "", "not a conda environment"),
        ("", "", "not a conda environment"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_with_its_line(tmp_path, text, where, problem):
    """Leaving out what is not understood would make another environment."""
    path = tmp_path / "env.yml"
    with pytest.raises(EnvironmentSpecError, match=problem) as caught:
        read_conda(path, text)
    assert str(caught.value).startswith(f"{path}{where}: ")
    assert "pw" not in str(caught.value)


@given(st.text(alphabet="abn=<>!~*.,|[]'\"0123 :/_-", max_size=20))
def test_no_specification_gets_past_as_something_else(tmp_path_factory, spec):
    """Whatever is written, it is translated or refused, and nothing else happens."""
    try:
        found = translate("numpy" + spec, where="x")
    except EnvironmentSpecError:
        return
    assert found is None or found.name == "numpy"


def test_the_lines_of_packages_are_kept(tmp_path):
    """By canonical name, those of conda and of pip alike; one that is not there has none."""
    path = tmp_path / "myenv.yml"
    path.write_text(
        "dependencies:\n- python=3.11\n- pytorch\n- pip:\n  - Flask_Cors\n  - torch<3\n"
    )
    environment = Environment.read(path)
    assert environment.place_of("flask.cors") == f"{path}:5"
    assert environment.place_of("torch", "python") == f"{path}:2 and 3 and 6"
    assert environment.place_of("numpy") == str(path)
