"""Conda environment files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelship.bundle.conda import read_conda
from modelship.bundle.conda_spec import parse, translate
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
        ("scikit-learn=1.4.1.post1", "scikit-learn==1.4.1.post1"),
        ("conda-forge::numpy", "numpy"),
        ("conda-forge/linux-64::numpy", "numpy"),
        ("numpy[version='>=1,<2']", "numpy<2,>=1"),
        ("pytorch=1.9", "torch==1.9.*"),
        ("py-xgboost", "xgboost"),
        ("opencv", "opencv-python-headless"),
        ("opencv=4.9.0=qt6_py311h8d5d8b5_2", "opencv-python-headless==4.9.0.*"),
        ("pytorch=2.1.0=py3.11_cpu_0", "torch==2.1.0"),
        ("ruamel.yaml=0.18.6=py311h459d7ec_0", "ruamel-yaml==0.18.6"),
        ("python-tzdata=2024.1=pyhd8ed1ab_0", "tzdata==2024.1"),
        ("typing-extensions=4.10.0=hd8ed1ab_0", "typing-extensions==4.10.0"),
        ("librosa=0.10.1=pyhd8ed1ab_0", "librosa==0.10.1"),
        ("Importlib_Metadata", "importlib-metadata"),
    ],
)
def test_match_specifications_are_translated(spec, requirement):
    """Each form of a match specification means what conda takes it to mean."""
    assert str(translate(parse(spec, where="x"))) == requirement


@pytest.mark.parametrize(
    "spec",
    [
        *("nomkl", "pip=20", "_libgcc_mutex=0.1=main", "blas=*=openblas", "freetype", "icu=73.2"),
        *("jpeg=9e=h166bdaf_2", "never-heard-of=1.2=h2797004_0", "cuda-cudart=11.8.89=0"),
        *("lmdb=0.9.29=h27087fc_0", "graphviz=9.0.0=h78e8752_1", "libsomething=1=21_linux64_mkl"),
        *("xorg-libx11=1.8.9", "m2w64-gcc-libs=5.3.0=7", "pywin32=305=py311h2bbff1b_0"),
    ],
)
def test_what_only_conda_needs_is_left_out(spec):
    """Wheels bring these along."""
    assert translate(parse(spec, where="x")) is None


@pytest.mark.parametrize(
    "spec",
    ["numpy 1.2|1.3", "numpy=", "numpy=*=*cuda*", "numpy[build=3]", "numpy>=1 py_0", "", "=1.2"],
)
def test_what_has_no_translation_is_refused(spec):
    """A wrong translation would be worse than an error."""
    with pytest.raises(EnvironmentSpecError, match="file:7"):
        translate(parse(spec, where="file:7"))


def test_an_unknown_conda_name_is_not_guessed():
    """A name that happens to exist on PyPI too may be quite another package."""
    with pytest.raises(UntranslatablePackageError, match="'cudatoolkit'") as caught:
        translate(parse("cudatoolkit=10.1", where="env.yml:3"))
    assert "pip:" in caught.value.hint


@pytest.mark.parametrize("spec", ["libpng", "in-house=0.1=py311_0", "in-house=1=pyhd8ed1ab_0"])
def test_what_may_be_a_package_of_python_is_not_passed_over(spec):
    """A library's name alone proves nothing, and a build for Python is that of Python's package."""
    with pytest.raises(UntranslatablePackageError):
        translate(parse(spec, where="x"))


EXPORT = """\
name: train
channels:
  - conda-forge
dependencies:
  - libpng=1.6.43
  - asttokens=2.4.1
  - python=3.11.8
  - notebook=7.1.2
prefix: /opt/conda/envs/train
"""


def test_an_export_without_builds_is_read(tmp_path):
    """Libraries go by their names there, and what is of Python keeps its pin."""
    assert read_conda(tmp_path / "env.yml", EXPORT).requirements == (
        "asttokens==2.4.1.*",
        "notebook==7.1.2.*",
    )


def test_all_names_that_cannot_be_translated_stand_in_one_error(tmp_path):
    """Otherwise a user removes one a round."""
    text = EXPORT.replace("asttokens", "in-house").replace("notebook=7.1.2", "other=1=py_0")
    with pytest.raises(UntranslatablePackageError) as caught:
        read_conda(tmp_path / "env.yml", text)
    assert caught.value.packages == ("in-house", "other")
    assert caught.value.path == f"{tmp_path / 'env.yml'}:6, 8"
    assert "'in-house', 'other' have" in caught.value.message


@pytest.mark.parametrize(("caller", "passes"), [("pyspark", False), ("pandas", True)])
def test_a_program_is_passed_over_unless_a_package_starts_it(tmp_path, caller, passes):
    """No wheel of pyspark brings a Java along."""
    text = f"dependencies:\n- openjdk=17.0.10=h4260e57_0\n- {caller}\n"
    if passes:
        assert read_conda(tmp_path / "env.yml", text).requirements == (caller,)
        return
    with pytest.raises(EnvironmentSpecError, match="env.yml:2: openjdk is a program that pyspark"):
        read_conda(tmp_path / "env.yml", text)


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
        ("dependencies:\n  - [numpy]\n", ":2", "expected a package name"),
        ("dependencies: numpy\n", ":1", "expected a list"),
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
        found = translate(parse("numpy" + spec, where="x"))
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
