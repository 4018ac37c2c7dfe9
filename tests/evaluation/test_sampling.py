"""Sample requests out of tables in files, as the command line takes them."""

from __future__ import annotations

import pandas as pd
import pytest

from modelship.cli.config import Config
from modelship.cli.opening import parts_of
from modelship.errors import InvalidOptionError, SampleInputError
from modelship.evaluation.files.sampling import sample_of
from modelship.tables import Column, Schema, schema_of_data

TABLE = pd.DataFrame(
    {
        "zone": pd.Categorical(["NA", "south"], ["south", "NA"], ordered=True),
        "size": pd.Categorical([5, 1], [1, 5]),
        "day": pd.to_datetime(["2024-05-31", "2024-06-01"]),
    }
)


def test_a_sample_in_parquet_tells_the_dtypes(tmp_path):
    """Dates, and categories of texts or of numbers; JSON tells none of them."""
    TABLE.assign(y=[0, 1]).to_parquet(tmp_path / "X.parquet")
    known = Schema("table", tuple(map(Column, TABLE.columns)))
    made = sample_of(str(tmp_path / "X.parquet"), known, is_whole=False)
    assert schema_of_data(made).columns[2].kind == "date"
    assert [str(made[name].dtype) for name in ("zone", "size")] == ["category"] * 2
    assert (made.zone.cat.ordered, [*made["size"].cat.categories]) == (True, [1, 5])
    whole = sample_of(str(tmp_path / "X.parquet"), known, is_whole=True)
    assert [*whole.columns] == ["zone", "size", "day", "y"]


def test_numbers_are_no_categories_unless_all_of_these_are_known(tmp_path):
    """Parquet keeps the numbers alone; the codes of some of the categories would be wrong."""
    path = tmp_path / "X.parquet"
    pd.DataFrame({"size": pd.Categorical([2, 2], [1, 2])}).to_parquet(path)
    for groups, dtype in (((), "int64"), (((1, 2),), "category")):
        known = Schema("table", (Column("size"),), groups=groups)
        assert str(sample_of(str(path), known, is_whole=False)["size"].dtype) == dtype


def test_a_sample_in_csv_is_read_as_the_model_was_fitted(tmp_path):
    """What the file of the model tells is kept: "NA" of a category, "007", dates."""
    (tmp_path / "X.csv").write_text(
        ",zone,code,day,y\n0,NA,007,2024-05-31,1\n1,,010,2024-06-01,0\n"
    )
    zone, code = Column("zone", categories=("NA", "south")), Column("code", "text")
    known = Schema("table", (zone, code, Column("day", "date", "datetime64[us]")))
    made = sample_of(str(tmp_path / "X.csv"), known, is_whole=False)
    assert [*made.columns] == ["zone", "code", "day"]
    assert (made.zone[0], made.zone.isna()[1], [*made.code]) == ("NA", True, ["007", "010"])
    assert made.day.dtype.kind == "M"


def test_a_sample_for_an_array_is_rows(tmp_path):
    """A model that was fitted on an array gets lists, and as many columns as it takes."""
    (tmp_path / "X.csv").write_text("a,b\n" + "1,2\n" * 200)
    made = sample_of(str(tmp_path / "X.csv"), Schema("array", width=2), is_whole=False)
    assert made["data"].tolist() == [[1, 2]] * 100
    with pytest.raises(SampleInputError, match="has 2 columns, and the model takes 3"):
        sample_of(str(tmp_path / "X.csv"), Schema("array", width=3), is_whole=False)


def test_the_command_line_takes_a_table_as_a_sample(tmp_path):
    """By the end of its name; the error for a missing file says what is expected."""
    TABLE.to_parquet(tmp_path / "X.parquet")
    made = parts_of(Config(sample_input=str(tmp_path / "X.parquet")), [])["sample_input"]
    assert made.equals(TABLE)
    with pytest.raises(InvalidOptionError, match="an existing JSON, CSV or Parquet file"):
        parts_of(Config(sample_input="none.csv"), [])
