"""Packages that a user names besides those of an environment."""

import importlib.metadata
import pickle
from dataclasses import replace

import pytest

from modelship.bundle import Environment, ScoringBundle
from modelship.errors import EnvironmentSpecError
from modelship.sources import Model
from modelship.tables import Column, Schema

joblib = pytest.importorskip("joblib")
SKLEARN = importlib.metadata.version("scikit-learn")
PANDAS = importlib.metadata.version("pandas")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A fitted classifier."""
    from sklearn.linear_model import LogisticRegression

    path = tmp_path_factory.mktemp("model") / "model.pkl"
    joblib.dump(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), path)
    return Model.read(path)


def asked_for(environment, *names):
    """Return the requirements of some packages."""
    return [each for each in environment.requirements if each.startswith(names)]


def test_packages_are_added_to_what_a_model_needs(model):
    """A new package is added, and a bare name leaves the model's pin unchanged."""
    more = Environment.for_model(model).with_packages("pandas", "pyarrow>=15", "scikit-learn")
    assert asked_for(more, "p", "scikit") == [
        *("pandas", "pyarrow>=15", f"scikit-learn=={SKLEARN}"),
    ]
    assert "with pandas, pyarrow>=15" in more.origin


def test_a_list_as_environment_is_added_to_the_inferred_one(model):
    """A version that is named there goes before that of the model's file."""
    bundle = ScoringBundle(model, environment=["Pandas", "scikit-learn==1.2.2"])
    asked = asked_for(bundle.environment, "joblib", "pandas", "scikit")
    assert asked == ["joblib", "pandas", "scikit-learn==1.2.2"]


def test_a_list_as_environment_needs_no_model(tmp_path):
    """A script without a model has what the list names, and the server."""
    script = tmp_path / "score.py"
    script.write_text("def init(): ...\ndef run(raw_data): ...\n")
    bundle = ScoringBundle([], entry_script=script, environment=("pandas",))
    assert asked_for(bundle.environment, "") == ["azureml-inference-server-http>=1.5", "pandas"]


@pytest.mark.parametrize(
    ("packages", "problem"),
    [
        (("pandas", "Pandas>=2"), "pandas is given twice: pandas and pandas>=2"),
        (("myenv.yml",), "'myenv.yml' names a file"),
        (("python==3.11",), "'python==3.11' is not a package name"),
        (("pandas=2",), "'pandas=2' is not a requirement"),
        ((7,), "7 is not a string"),
    ],
)
def test_packages_that_cannot_be_meant_are_refused(model, packages, problem):
    """The message names the package."""
    with pytest.raises(EnvironmentSpecError, match=problem):
        ScoringBundle(model, environment=list(packages))


def test_packages_have_to_go_with_those_of_a_file(tmp_path):
    """Both bounds hold; a version that the file rules out is an error with its line."""
    path = tmp_path / "myenv.yml"
    path.write_text("dependencies:\n- python=3.11\n- pip:\n  - azureml-core\n  - pandas>=2,<3\n")
    read = Environment.read(path)
    assert asked_for(read.with_packages("pandas==2.2.1"), "pandas") == ["pandas<3,==2.2.1,>=2"]
    assert asked_for(read.with_packages("azureml-core==1.59"), "azureml-c") == [
        "azureml-core==1.59"
    ]
    with pytest.raises(EnvironmentSpecError, match=r"pandas<3,>=2, and pandas==1.5.0") as caught:
        read.with_packages("pandas==1.5.0")
    assert caught.value.path == f"{path}:5"


def test_an_environment_for_a_table_has_the_pandas_of_this_process(model):
    """The release that made the table is what reads requests into one."""
    table = Schema(form="table", columns=(Column(name="a", kind="number"),))
    known = replace(model)
    known.__dict__["schema"] = table
    assert f"pandas=={PANDAS}" in Environment.for_model(known).requirements
    assert not asked_for(Environment.for_model(model), "pandas")
    assert f"pandas=={PANDAS}" in ScoringBundle(model, schema=table).environment.requirements


def test_what_a_model_names_is_pinned_unless_it_was_written_elsewhere(tmp_path, model):
    """A release that goes with other releases may not go with that of the model."""
    import pyarrow as pa

    content = pickle.dumps([joblib.load(model.path), pa.int64()])
    elsewhere = content.replace(SKLEARN.encode(), b"0" + SKLEARN.encode()[1:])
    found = []
    for each in (content, elsewhere):
        (tmp_path / "model.pkl").write_bytes(each)
        found += asked_for(Environment.for_model(Model.read(tmp_path / "model.pkl")), "pyarrow")
    assert found == [f"pyarrow=={pa.__version__}", "pyarrow"]
