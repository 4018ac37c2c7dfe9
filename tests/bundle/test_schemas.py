"""The schema of a bundle: what is given, or what the model and the sample tell."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from modelship import Model, ModelSource, Schema, ScoringBundle
from modelship.bundle import Environment
from modelship.bundle.lock import Lock
from modelship.errors import (
    EntryScriptError,
    EnvironmentSpecError,
    InvalidOptionError,
    SampleInputError,
)
from modelship.tables import Column, Table

TABLE = pd.DataFrame({"b": [1.0, 2.0, 3.0, 4.0], "a": [0.5, 0.0, 1.0, 0.0]})


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Fit a classifier on the columns b and a."""
    source = ModelSource.open(LogisticRegression().fit(TABLE, [0, 0, 1, 1]))
    return source.fetch(tmp_path_factory.mktemp("model"))


def bundle(model, **options):
    """Return a bundle for which nothing is resolved."""
    made = ScoringBundle(model, environment=Environment("3.11", ("pandas",)), **options)
    return made.with_lock(Lock("3.11", ""))


def test_a_sample_completes_the_columns_of_the_model(model):
    """The order is the model's, and the dtypes are the sample's."""
    schema = bundle(model, sample_input=TABLE[["a", "b"]].head(2)).schema
    assert [(each.name, each.dtype) for each in schema.columns] == [
        ("b", "float64"),
        ("a", "float64"),
    ]
    assert schema.outputs.labels == ((0, 1),)


def test_a_sample_without_a_column_of_the_model_is_refused(model):
    """A written script could not answer it."""
    with pytest.raises(SampleInputError, match="lacks the columns 'a'") as caught:
        bundle(model, sample_input={"data": [{"b": 1.0}]})
    assert "fitted on" in caught.value.hint


def test_a_script_of_the_user_may_take_other_columns(model, tmp_path):
    """It makes the model's columns of what it is sent."""
    script = tmp_path / "score.py"
    script.write_text("def init(): ...\ndef run(raw_data): ...\n")
    made = bundle(model, entry_script=script, sample_input={"data": [{"c": 1.0}]})
    assert made.schema == model.schema


def test_a_given_category_has_the_dtype_of_one():
    """Its categories are all that a DataFrame of it needs."""
    table = Table(Schema("table", (Column("zone", "category", categories=("n", "s")),)))
    read = table.read('[["s"]]')["zone"]
    assert (read.dtype, [*read]) == (pd.CategoricalDtype(["n", "s"]), ["s"])


def test_a_given_category_that_nobody_knows_is_refused(model):
    """Such a column would be read as if its kind were not known; a sample may tell its values."""
    given = Schema("table", (Column("b", "category"), Column("a")))
    with pytest.raises(InvalidOptionError, match="with categories for the column 'b'"):
        bundle(model, schema=given)
    sample = TABLE.astype({"b": "category"})
    assert bundle(model, schema=given, sample_input=sample).schema.columns[0].dtype == "category"


def test_a_given_schema_has_the_say(model, tmp_path):
    """What the user states of a column stays; a file is read."""
    given = Schema("table", (Column("b", "integer"), Column("a", missing=False)))
    (tmp_path / "schema.json").write_text(given.to_json())
    columns = bundle(model, schema=tmp_path / "schema.json").schema.columns
    assert [(each.kind, each.missing) for each in columns] == [("integer", None), ("number", False)]


def test_a_file_that_is_no_schema_is_refused(model, tmp_path):
    """The message names the file."""
    (tmp_path / "schema.json").write_text("{}")
    with pytest.raises(InvalidOptionError, match=r"schema\.json: it is not a schema"):
        bundle(model, schema=tmp_path / "schema.json")


def test_a_schema_is_saved_with_the_bundle(model, tmp_path):
    """It counts in the digest, and a changed one is refused."""
    made = bundle(model, sample_input=TABLE.head(2))
    loaded = ScoringBundle.load(made.save(tmp_path / "b"))
    assert loaded.schema == made.schema
    assert loaded.digest == made.digest


def test_the_order_of_keys_in_a_sample_is_kept(model):
    """Columns go as the user wrote them."""
    made = bundle(model, sample_input={"data": [{"b": 1, "a": np.float64("nan")}]})
    assert made.sample_json == '{"data": [{"b": 1, "a": null}]}'
    assert (made.input_key, made.input_form) == ("data", "records")


def test_nothing_is_found_in_a_written_script(model):
    """What it can use where it is there, such as pyarrow, is not asked of the environment."""
    made = bundle(model, sample_input=TABLE.head(2))
    lock = Lock(
        "3.11",
        "".join(
            f"{name}==1.0 \\\n    --hash=sha256:{'0' * 64}\n"
            for name in (
                "joblib",
                "numpy",
                "pandas",
                "scikit-learn",
                "azureml-inference-server-http",
            )
        ),
    )
    assert [
        each
        for each in made.with_lock(lock).check(trial=False)
        if each.path and each.path.endswith(".py")
    ] == []


def test_a_schema_of_other_columns_than_the_model_is_refused(model, tmp_path):
    """The message sets the file against the model, and not against a sample."""
    given = Schema("table", (Column("b"), Column("c")))
    (tmp_path / "other.json").write_text(given.to_json())
    with pytest.raises(InvalidOptionError, match="takes 'a', which the schema lacks") as caught:
        bundle(model, schema=tmp_path / "other.json")
    assert "other.json" in str(caught.value)
    assert "has 'c', which the model does not take" in str(caught.value)
    with pytest.raises(InvalidOptionError, match="takes 2 columns, and the schema has 3"):
        bundle(model, schema=Schema("array", (Column(""),) * 3))


@pytest.mark.parametrize(
    ("sample", "problem"),
    [
        (TABLE.head(0), "it has no rows"),
        ({"data": []}, "it has no rows"),
        ("house.csv", "the text 'house.csv', and not rows"),
        (TABLE.assign(a=pd.cut(TABLE["a"], 2)), "Interval.* has no JSON form"),
        (pd.Series(pd.cut(TABLE["a"], 2)), "Interval.* has no JSON form"),
    ],
    ids=["no rows", "empty list", "path", "intervals", "series"],
)
def test_a_sample_that_is_no_rows_is_refused(model, sample, problem):
    """The message says what was given."""
    with pytest.raises(SampleInputError, match=problem):
        bundle(model, sample_input=sample)


def test_an_output_that_is_none_is_refused(model):
    """The message names both that there are."""
    with pytest.raises(InvalidOptionError, match="'probability'; expected 'labels' or 'proba'"):
        bundle(model, output="probability")


def test_a_source_folder_that_is_not_there_is_named(model, tmp_path):
    """Nothing is said of links in it."""
    with pytest.raises(EntryScriptError, match="nodir: there is no such folder"):
        bundle(model, source_directory=tmp_path / "nodir")


def test_an_unknown_package_may_be_a_module_of_ones_own(tmp_path):
    """The advice names the option that takes its folder."""
    path = tmp_path / "m.pkl"
    path.write_bytes(b"cmine_of_mine\nThing\n.")
    with pytest.raises(EnvironmentSpecError, match="mine_of_mine") as caught:
        Environment.for_model(Model.read(path))
    assert "--source-directory FOLDER" in caught.value.hint
