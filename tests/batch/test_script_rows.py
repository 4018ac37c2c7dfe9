"""A script gets the columns that its bundle knows, and files without them are refused."""

import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression

import modelship as ms
from modelship.batch.piece_rows import _spread
from modelship.batch.script_rows import ScriptRows

TABLE = pa.schema([("b", pa.int64()), ("a", pa.float64()), ("id", pa.string())])
LISTS = pa.schema([("id", pa.string()), ("pixels", pa.list_(pa.uint8(), 4))])


def columns(rows, schema=TABLE, given=None):
    """Return the columns that a script with these rows gets."""
    return rows.columns(schema, schema.names, given=given, path="rows.csv")


def test_columns_are_those_of_the_schema_in_its_order():
    """Other columns are not given to run()."""
    assert columns(ScriptRows(("a", "b"), 2)) == ("a", "b")
    assert columns(ScriptRows(), given=["id"]) == ("id",)
    assert columns(ScriptRows()) == ("b", "a", "id")


def test_a_list_of_the_right_size_is_a_row():
    """It stands for the columns of the model, with or without names."""
    assert columns(ScriptRows((), 4, are_numbers=True), LISTS) == ("pixels",)
    assert columns(ScriptRows(tuple("abcd"), 4), LISTS) == ("pixels",)


def test_lists_are_spread_over_the_names():
    """Each name has the values of its position, also where a list is missing, or sliced."""
    lists = pa.chunked_array([pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int64(), 2))[1:]] * 2)
    assert _spread(lists, ["x", "y"]).to_pydict() == {
        "x": [None, 3, None, 3],
        "y": [None, 4, None, 4],
    }


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (ScriptRows(("a", "iD"), 2), r"lacks the column 'iD' \(did you mean 'id'"),
        (ScriptRows((), 2), "run.. takes 2 values, and there are 3 columns"),
    ],
)
def test_other_files_are_refused(rows, problem):
    """A missing column, or too many, is an error that names the file."""
    with pytest.raises(ms.ModelshipError, match=problem):
        columns(rows)


def test_a_column_that_was_chosen_is_named_again():
    """There is nothing to rename in the input then."""
    with pytest.raises(ms.ModelshipError, match="Name columns that all files"):
        columns(ScriptRows(), given=["ib"])


def test_a_column_that_not_all_files_have_is_to_be_left_out():
    """The bundle names none then, so there is nothing to rename."""
    with pytest.raises(ms.ModelshipError, match="(?s)lacks the column 'zz'.*--feature-column"):
        ScriptRows().columns(TABLE, (*TABLE.names, "zz"), given=None, path="rows.csv")


def test_lists_of_another_size_are_refused():
    """The error names the size, since there is only one column."""
    with pytest.raises(ms.ModelshipError, match="takes 3 values, and .* with lists of 4 values"):
        columns(ScriptRows((), 3), LISTS.remove(0))


def test_texts_are_refused_where_numbers_are_taken():
    """The column is named."""
    with pytest.raises(ms.ModelshipError, match="the column 'id' has the type string"):
        ScriptRows((), None, are_numbers=True).require_numbers(TABLE, TABLE.names, path="rows.csv")


def test_columns_of_an_array_of_floats_are_floats(numbers, tmp_path):
    """All rows need not be read for that; texts in the first rows are refused nevertheless."""
    model = LogisticRegression().fit(numbers.to_numpy(), numbers.a > 1.5)
    fetched = ms.ModelSource.open(model).fetch(tmp_path / "model")
    bundle = ms.ScoringBundle(fetched, sample_input=numbers.to_numpy()[:2])
    rows = tmp_path / "rows.csv"
    job = ms.BatchJob(bundle, rows, tmp_path / "out")
    rows.write_text("x,y\n1,2\n3,4\n")
    assert [*job.plan().columns.schema.types] == [pa.float64()] * 2
    rows.write_text("x,y\n1,z\n3,4\n")
    with pytest.raises(ms.ModelshipError, match="takes numbers, and the column 'y'"):
        job.plan()
