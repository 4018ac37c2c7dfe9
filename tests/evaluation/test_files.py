"""Test sets out of files, read as a model needs them."""

from __future__ import annotations

import builtins
import gzip
import json
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from modelship.errors import (
    InvalidOptionError,
    InvalidTestSetError,
    MissingExtraError,
    PredictionError,
)
from modelship.evaluation import Evaluator
from modelship.evaluation.files import DataFile
from modelship.evaluation.given import InFile
from modelship.tables.schema import Column, Outputs, Schema

CSV = "width,length,kind\n1,2.5,a\n3,4,b\n"
TABLE = pd.DataFrame(
    {"zip": ["007", "123", "007", "040"], "age": [3, 40, 5, 60], "y": ["no", "yes", "no", "yes"]}
)
ZIPPED = Schema("table", (Column("zip", "text"), Column("age", "integer")))


@pytest.fixture
def text_of(tmp_path):
    """Write a file, and return its path."""

    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture(scope="module")
def named():
    """Train a model of a table, on named columns."""
    encoder = make_column_transformer((OneHotEncoder(), ["zip"]), remainder="passthrough")
    model = make_pipeline(encoder, LogisticRegression())
    return model.fit(TABLE[["zip", "age"]], TABLE["y"])


@pytest.fixture
def without_pandas(monkeypatch):
    """Let pandas not be installed."""
    there = builtins.__import__

    def lacking(name, *args, **kwargs):
        if name.split(".")[0] == "pandas":
            raise ModuleNotFoundError(name)
        return there(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", lacking)


def test_npz_keeps_arrays_as_they_are(tmp_path):
    """Shapes and dtypes of X and y come back unchanged."""
    X, y = np.arange(12, dtype="float32").reshape(3, 2, 2), np.array([1, 2, 3])
    np.savez(tmp_path / "test.npz", X=X, y=y)
    X_read, y_read = DataFile(tmp_path / "test.npz").read()
    assert X_read.dtype == X.dtype
    assert (X_read == X).all()
    assert (y_read == y).all()


@pytest.mark.parametrize(
    ("columns", "label"),
    [
        (["zip", "age", "y"], ()),
        (["age", "y", "zip"], ()),
        (["y", "age", "zip"], ("y",)),
        (["age", "zip", "y"], ("y",)),
    ],
)
@pytest.mark.parametrize("index", [True, False])
def test_columns_are_matched_by_name(named, tmp_path, columns, label, index):
    """In any order, with or without an index, the model gets its columns, and y the rest."""
    TABLE[columns].to_csv(tmp_path / "test.csv", index=index)
    report = Evaluator.read(tmp_path / "test.csv", label=label).evaluate(named)
    assert report.accuracy == 1.0
    assert list(report.X.columns) == ["zip", "age"]
    assert report.X["zip"].tolist() == ["007", "123", "007", "040"]


WRITERS = {
    "t.csv": lambda frame, path: frame.to_csv(path, index=False),
    "t.csv.gz": lambda frame, path: frame.to_csv(path, index=False),
    "semicolon.csv": lambda frame, path: frame.to_csv(path, index=False, sep=";"),
    "tab.tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    "utf16.csv": lambda frame, path: frame.to_csv(path, index=False, encoding="utf-16"),
    "t.parquet": lambda frame, path: frame.to_parquet(path),
    "columns.json": lambda frame, path: frame.to_json(path),
    "records.json": lambda frame, path: frame.to_json(path, orient="records"),
    "packed.json.gz": lambda frame, path: frame.to_json(path, orient="records"),
    "utf16.json": lambda frame, path: path.write_text(frame.to_json(), encoding="utf-16"),
    "split.json": lambda frame, path: frame.to_json(path, orient="split"),
    "table.json": lambda frame, path: frame.to_json(path, orient="table"),
    "index.json": lambda frame, path: frame.to_json(path, orient="index"),
    "list.json": lambda frame, path: path.write_text(json.dumps(frame.to_dict("list"))),
    "lines.jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True),
    "body.json": lambda frame, path: path.write_text(
        json.dumps({"dataframe_split": json.loads(frame.to_json(orient="split"))})
    ),
    "two.json": lambda frame, path: path.write_text(
        json.dumps({"X": frame.drop(columns="y").to_dict("records"), "y": list(frame["y"])})
    ),
}


@pytest.mark.parametrize("name", WRITERS)
def test_each_form_holds_the_same_table(named, tmp_path, name):
    """Whatever pandas writes reads the same, with and without knowledge of the model."""
    WRITERS[name](TABLE, tmp_path / name)
    evaluator = Evaluator.read(tmp_path / name)
    assert evaluator.y.tolist() == TABLE["y"].tolist()
    report = evaluator.evaluate(named)
    assert report.accuracy == 1.0
    assert report.X["zip"].tolist() == TABLE["zip"].tolist()


def test_types_follow_what_the_model_was_fitted_on(text_of):
    """Texts, dates, categories and floats become what the schema says, and gaps stay gaps."""
    content = "code,day,kind,size,y\n01,2024-05-31,2,1,0\n,2024-06-01,,2,1\n"
    schema = Schema(
        "table",
        (
            Column("code", "text", "object", missing_as="none"),
            Column("day", "date", "datetime64[us]"),
            Column("kind", "category", "category", categories=("1", "2")),
            Column("size", "number", "float64"),
        ),
    )
    X, _ = DataFile(text_of("t.csv", content)).read(schema)
    assert X["code"].tolist() == ["01", None]
    assert X["kind"].tolist()[0] == "2"
    assert X["kind"].isna().tolist() == [False, True]
    kinds = {name: str(kind) for name, kind in X.dtypes.items()}
    assert kinds == {
        "code": "object", "day": "datetime64[us]", "kind": "category", "size": "float64"
    }  # fmt: skip


def test_values_that_the_model_knows_are_no_gaps(text_of):
    """NA is Namibia where the model knows it, and a missing value elsewhere."""
    schema = Schema("table", (Column("land", "text", categories=("NA", "DE")), Column("x")))
    X, y = DataFile(text_of("t.csv", "land,x,y\nNA,NA,None\nDE,1,b\n")).read(schema)
    assert X["land"].tolist() == ["NA", "DE"]
    assert X["x"].isna().tolist() == [True, False]
    assert y.tolist() == ["None", "b"]


@pytest.mark.filterwarnings("ignore:'epoch' date format")
def test_dates_of_json_are_dates(tmp_path):
    """Pandas writes a date as milliseconds, or in ISO 8601."""
    frame = pd.DataFrame({"day": pd.to_datetime(["2024-05-31", "2025-01-01"]), "y": [0, 1]})
    schema = Schema("table", (Column("day", "date"),))
    for form in ("epoch", "iso"):
        frame.to_json(tmp_path / "t.json", orient="records", date_format=form)
        X, _ = DataFile(tmp_path / "t.json").read(schema)
        assert X["day"].dt.day.tolist() == [31, 1]


@pytest.mark.filterwarnings("ignore:'epoch' date format")
def test_numbers_are_milliseconds_however_small(tmp_path):
    """Dates near 1970 are read as those of today; what cannot be milliseconds is refused."""
    frame = pd.DataFrame({"day": pd.date_range("1970-02-01", periods=200), "y": 1})
    frame.to_json(tmp_path / "t.json", orient="records", date_format="epoch")
    schema = Schema("table", (Column("day", "date"),))
    X, _ = DataFile(tmp_path / "t.json").read(schema)
    assert X["day"].tolist() == frame["day"].tolist()
    (tmp_path / "t.json").write_text(json.dumps([{"day": 1717113600000000000, "y": 1}]))
    with pytest.raises(InvalidTestSetError, match="ISO 8601"):
        DataFile(tmp_path / "t.json").read(schema)


@pytest.mark.parametrize("texts", [["NA", "None", "null", "a"], ["12", "13", "12", "0012"]])
def test_nothing_is_missing_in_texts(tmp_path, texts):
    """A model of one text a row takes each cell as it stands."""
    frame = pd.DataFrame({"t": texts, "y": [0, 1, 0, 1]})
    model = make_pipeline(CountVectorizer(token_pattern=r"\w+"), LogisticRegression())
    model.fit(frame["t"], frame["y"])
    frame.to_csv(tmp_path / "t.csv", index=False)
    report = Evaluator.read(tmp_path / "t.csv").evaluate(model)
    assert report.X.tolist() == texts


def test_labels_that_no_model_predicts_are_an_error(text_of):
    """Codes that lost their zeros are not graded as 0."""
    model = LogisticRegression().fit([[0.0], [1], [2]], ["007", "010", "1e3"])
    evaluator = Evaluator.read(text_of("t.csv", "x,agent\n0,7.0\n1,10.0\n"))
    said = r"y \('agent'\) holds 7.0, 10.0, none of which the model predicts \(007, 010, 1e3\)"
    with pytest.raises(InvalidTestSetError, match=said):
        evaluator.evaluate(model)


def test_a_row_without_a_label_is_named(text_of):
    """The error has the column, and what to do."""
    with pytest.raises(InvalidTestSetError, match=r"in y \('y'\), label 1 is nan") as caught:
        Evaluator.read(text_of("t.csv", "x,y\n0,7\n1,\n"), label="y")
    assert caught.value.hint == "Remove the rows without a label."


@pytest.mark.parametrize(
    ("content", "said", "advice"),
    [
        ('a,price\n1,"28,300"\n', "y ('price') holds text, such as '28,300'", "Write 28300 for"),
        ("a,price,Id\n1,2,3\n", "column 'Id' was taken as y", "label COLUMN names"),
    ],
)
def test_what_is_wrong_with_y_is_told_with_its_column(text_of, content, said, advice):
    """Thousands that are separated, and a last column that is not y, are named."""
    model = LinearRegression().fit(pd.DataFrame({"a": [1.0, 2]}), [1, 2])
    with pytest.raises(InvalidTestSetError) as caught:
        Evaluator.read(text_of("t.csv", content)).evaluate(model)
    assert said in caught.value.message
    assert advice in caught.value.hint


def test_the_label_that_was_chosen_is_told_where_a_model_takes_one_text_a_row(text_of):
    """A file with several labels: the one taken as y is named, and so is the option that tells."""
    model = make_pipeline(CountVectorizer(), LogisticRegression()).fit(["a goal", "a vote"], [0, 1])
    with pytest.raises(InvalidTestSetError) as caught:
        Evaluator.read(text_of("t.csv", "text,sport,law\na goal,1,0\n")).evaluate(model)
    assert "'text', 'sport', and the model takes one value a row" in caught.value.message
    assert "the column 'law' was taken as y" in caught.value.message
    assert "label COLUMN names the column with y" in caught.value.hint


def test_a_value_that_predict_refuses_is_named(named, tmp_path):
    """A number where the model knows texts, a text where it knows numbers, a date as a text."""
    TABLE.assign(zip=[7, 123, 7, 40]).to_json(tmp_path / "t.json", orient="records")
    aged = TABLE[["zip"]].assign(age=["3", "40 y", "5", "6"])
    for evaluator, said in (
        (Evaluator.read(tmp_path / "t.json"), "column 'zip': 7 is given; a text is expected"),
        (Evaluator(aged, TABLE["y"]), "column 'age' holds '40 y' in row 1"),
    ):
        with pytest.raises(PredictionError) as caught:
            evaluator.evaluate(named)
        assert said in caught.value.message
    dated = pd.DataFrame({"day": pd.to_datetime(["2024-01-01", "2024-01-02"])})
    model = make_pipeline(FunctionTransformer(ordinals), LinearRegression()).fit(dated, [1, 2])
    with pytest.raises(PredictionError, match=r"'day' holds the text '2024-01-01' in row 0"):
        Evaluator(dated.astype(str), [1, 2]).evaluate(model)


def test_categories_that_a_file_does_not_tell_are_named():
    """LightGBM refuses texts where it was fitted on categories; CSV cannot tell them."""
    raised = ValueError("train and valid dataset categorical_feature do not match.")

    class Booster:
        def predict(self, X):
            raise raised

    with pytest.raises(PredictionError, match=r"these may be: 'zip'.*") as caught:
        Evaluator(TABLE[["zip", "age"]], TABLE["y"]).evaluate(Booster())
    assert "Parquet" in caught.value.hint


def ordinals(frame):
    return frame.assign(day=frame["day"].dt.day_of_year)


def test_texts_become_dates_where_the_model_needs_them(tmp_path):
    """What a function in a pipeline takes stands nowhere; dates of a text file are tried then."""
    frame = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=8), "size": range(8)})
    model = make_pipeline(FunctionTransformer(ordinals), LinearRegression())
    frame.assign(y=frame["size"]).to_csv(tmp_path / "t.csv", index=False)
    evaluator = Evaluator.read(tmp_path / "t.csv")
    report = evaluator.evaluate(model.fit(frame, frame["size"]))
    assert report.r2 == pytest.approx(1)
    assert str(report.X["day"].dtype).startswith("datetime64")
    lengths = make_pipeline(
        FunctionTransformer(lambda f: f.assign(day=f["day"].str.len())), model[1]
    )
    texts = frame.assign(day=frame["day"].astype(str))
    assert Evaluator.read(tmp_path / "t.csv").evaluate(lengths.fit(texts, frame["size"])).r2 == (
        pytest.approx(1)
    )


@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        ("01", [0, 1]),
        (("0.5", "1"), [0.5, 1.0]),
        ("0a", ["0", "a"]),
        (("007", "010"), [7, 10]),
        (("True", "False"), [True, False]),
        (("True", "None"), ["True", "None"]),
    ],
)
def test_labels_of_csv_are_what_pandas_takes_them_for(text_of, cells, labels):
    """Integers stay integers, since a service answers integers."""
    content = "".join(["y,x\n", *(f"{cell},1\n" for cell in cells)])
    y = Evaluator.read(text_of("t.csv", content), label="y").y
    assert y.tolist() == labels
    assert type(y.tolist()[0]) is type(labels[0])


def test_labels_of_a_model_of_texts_are_texts(text_of):
    """Codes such as 007 are compared as texts where the model's classes are texts."""
    schema = Schema(outputs=Outputs(labels=(("007", "010"),)))
    _, y = DataFile(text_of("t.csv", "x,y\n1,007\n2,010\n")).read(schema)
    assert y.tolist() == ["007", "010"]


def test_gaps_reach_a_model_that_takes_them(text_of):
    """An empty cell is NaN; a model that was fitted on arrays gets an array."""
    X = np.array([[0.0, 1], [np.nan, 2], [5, 1], [6, np.nan]])
    model = HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=1).fit(X, [0, 0, 1, 1])
    report = Evaluator.read(text_of("t.csv", "a,b,y\n0,1,0\n,2,0\n5,1,1\n6,,1\n")).evaluate(model)
    assert report.accuracy == 1.0
    assert isinstance(report.X, np.ndarray)


@pytest.mark.parametrize("names", [None, ["a", "b"]])
def test_a_text_among_numbers_is_named(text_of, names):
    """The error has the column, the row and the text, whether the model knows names or not."""
    X = pd.DataFrame([[0.0, 1], [5, 2]], columns=["a", "b"])
    model = LogisticRegression().fit(X if names else X.to_numpy(), [True, False])
    evaluator = Evaluator.read(text_of("t.csv", "a,b,y\n0,1,True\n5,?,False\n"))
    with pytest.raises(InvalidTestSetError, match=r"column 'b' holds '\?' in row 1"):
        evaluator.evaluate(model)
    evaluator = Evaluator.read(text_of("t.csv", "a,b,y\n0,1,True\n5,2,False\n"))
    assert evaluator.evaluate(model).labels.tolist() == [False, True]


def test_rows_of_json_keep_each_value_as_it_is(text_of):
    """Rows that mix numbers and texts are objects, and never texts alone."""
    X, y = DataFile(text_of("t.json", '{"X": [[3, "a"], [null, "b"]], "y": [1, 2]}')).read()
    assert X.tolist()[0] == [3, "a"]
    assert np.isnan(X[1, 0])
    assert y.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "width,kind\n1\n", "line 2 of"),
        ("a.csv", "width,kind\n1\n", "has 1 cells, but the header has 2"),
        ("a.csv", "kind\n1\n", "two columns or more"),
        ("a.csv", "", "two columns or more"),
        ("a.csv", "a,a,y\n1,2,3\n", "has the column 'a' twice"),
        ("a.csv", "1.5,2\n2.5,3\n", "line 1 holds numbers, such as '1.5'"),
        ("a.csv", "0,0,7\n1,2,3\n", "has no names of columns"),
        ("a.csv", b"\xe9,y\n1,2\n", "line 1 holds the byte 0xE9, which is not UTF-8"),
        ("a.json", b'["\xe9"]', "line 1 holds the byte 0xE9, which is not UTF-8"),
        ("a.csv", "a;b;y\n1,5;2;0\n2,5;3;1\n", "decimal comma, such as '1,5'"),
        ("a.csv.gz", "a,y\n1,2\n", "is not a CSV file"),
        ("a.json", "{", "is not JSON"),
        ("a.json", "3", "holds a int"),
        ("a.json", "[1]", "contains no table"),
        ("a.json", '{"X": [1], "Y": [1]}', "lacks y"),
        ("a.json", '{"X": [[1], [1, 2]], "y": [1, 2]}', "not all of one length"),
        ("a.jsonl", '{"a": 1, "y": 2}\n{', "line 2 of"),
        ("a.npz", "PK", "cannot be read"),
        ("a.npz", "", "cannot be read"),
        ("a.parquet", "PAR1", "cannot be read"),
    ],
)
def test_a_file_without_a_test_set_is_told_why(text_of, name, content, said):
    """A wrong file is an InvalidTestSetError that says what is wrong in it."""
    with pytest.raises(InvalidTestSetError) as caught:
        Evaluator.read(text_of(name, content))
    assert said in caught.value.message


def test_decimal_commas_can_be_told(text_of):
    """What the error advises is right."""
    file = text_of("a.csv", "a;b;y\n1,5;2;0\n2,5;3;1\n")
    with pytest.raises(InvalidTestSetError, match="decimal=','"):
        Evaluator.read(file)
    assert Evaluator.read(file, decimal=",").X["a"].tolist() == [1.5, 2.5]


def test_a_pickle_in_an_npz_is_not_loaded(tmp_path):
    """Object arrays would run code when they are read."""
    np.savez(tmp_path / "test.npz", X=np.array([{}], dtype=object), y=np.array([1]))
    with pytest.raises(InvalidTestSetError, match="allow_pickle"):
        Evaluator.read(tmp_path / "test.npz")


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("zipp,age,y", "lacks the column 'zip' (did you mean 'zipp'?)"),
        ("zipp,age,y", "has the column 'zipp' that the model was not fitted on"),
        ("age,y", "lacks the column 'zip'"),
        ("zip,age,more,other,y", "has the columns 'more', 'other'"),
    ],
)
def test_columns_that_do_not_fit_are_named(named, text_of, header, said):
    """A missing and an unknown column are errors with the nearest name, and what is expected."""
    cells = ",".join("yes" if name == "y" else "7" for name in header.split(","))
    evaluator = Evaluator.read(text_of("t.csv", f"{header}\n{cells}\n"), label="y")
    with pytest.raises(InvalidTestSetError) as caught:
        evaluator.evaluate(named)
    assert said in caught.value.message
    assert "zip, age" in caught.value.hint


def test_a_file_without_labels_is_told_so(named, text_of):
    """Where all columns are features, none of them is taken for y."""
    evaluator = Evaluator.read(text_of("t.csv", "zip,age\n7,3\n"))
    with pytest.raises(InvalidTestSetError, match="none is left for y"):
        evaluator.evaluate(named)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("none.npz", {}),
        ("a.xlsx", {}),
        ("a.npz", {"labels": ("y",)}),
        ("a.json", {"separator": ";"}),
        ("a.csv", {"separator": "::"}),
        ("a.csv", {"decimal": ""}),
    ],
)
def test_what_cannot_be_meant_is_an_option_error(tmp_path, name, options):
    """Missing files, other suffixes, and options for what has no columns or no cells."""
    for each in ("a.xlsx", "a.json", "a.npz", "a.csv"):
        (tmp_path / each).write_text("{}")
    with pytest.raises(InvalidOptionError):
        DataFile(tmp_path / name, **options)


def test_numbers_are_read_without_pandas(text_of, without_pandas):
    """A CSV file of numbers and truth values takes NumPy alone; its columns go by name too."""
    model = LinearRegression().fit([[1, 2], [3, 4], [0, 1]], [1, 2, 0])
    model.feature_names_in_ = np.array(["a", "b"], dtype=object)
    evaluator = Evaluator.read(text_of("t.csv", ",b,a,y\n0,2,True,1\n1,4,3,2\n"))
    assert evaluator.evaluate(model).X.tolist() == [[1, 2], [3, 4]]
    with pytest.raises(MissingExtraError, match=r"modelship-ml\[tables\]"):
        Evaluator.read(text_of("t.csv", "a,b,y\n1,x,2\n"))


def test_packed_text_is_read(text_of):
    """A CSV file may be packed with gzip."""
    X, y = DataFile(text_of("t.csv.gz", gzip.compress(CSV.encode()))).read()
    assert X["length"].tolist() == [2.5, 4.0]
    assert y.tolist() == ["a", "b"]


def test_a_model_of_texts_gets_the_one_column_that_there_is(text_of):
    """A vectorizer takes one text a row, and no table."""
    texts = ["good day", "bad night", "good night", "bad day"]
    model = make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts, [1, 0, 1, 0])
    content = ",text,y\n0,good day,1\n1,bad night,1\n"
    report = Evaluator.read(text_of("t.csv", content)).evaluate(model)
    assert report.X.tolist() == texts[:2]
    assert "bad night" in report.to_html()
    with pytest.raises(InvalidTestSetError, match="'text', 'more', and the model takes one value"):
        Evaluator.read(text_of("t.csv", "text,more,y\na,b,1\n")).evaluate(model)


def test_texts_of_a_file_tell_which_columns_a_boosters_categories_are_of(text_of):
    """LightGBM lists categories without their columns; "NA" is a value where it is one of these."""
    file = DataFile(text_of("test.csv", "zone,flag,y\nNA,0,1\nnorth,1,0\nn/a,1,0\n"))
    schema = Schema("table", (Column("zone"), Column("flag")), groups=(("NA", "north"),))
    X = InFile(file).fitted_to(schema, wants_rows=False).X
    assert X.zone.cat.categories.tolist() == ["NA", "north"]
    assert X.zone.isna().tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("zips", "problem"),
    [
        ([7, 123, 7, 40], "Row 0, column 'zip': 7 is given; a text is expected"),
        (["007", 123, "007", "040"], "Row 1, column 'zip': 123 is given; a text is expected"),
        (["007", "9", "007", "040"], "Row 1, column 'zip': '9' is given; the model knows '007'"),
    ],
)
def test_values_of_another_kind_than_a_live_estimator_knows_are_named(named, zips, problem):
    """Rows in memory are as they are; what scikit-learn says names neither row nor column."""
    with pytest.raises(PredictionError, match=re.escape(problem)):
        Evaluator(TABLE[["zip", "age"]].assign(zip=zips), TABLE["y"]).evaluate(named)


@pytest.mark.parametrize("name", ["country", ""])
def test_texts_that_look_like_gaps_are_values_where_the_model_knows_them(text_of, name):
    """NA is Namibia by the categories of the column, by its name or by its place."""
    file = DataFile(
        text_of("test.csv", ",country,zip,y\n0,NA,007,NA\n1,n/a,010,None\n2,None,,n/a\n")
    )
    country = Column(name, "text", categories=("DE", "NA", "None"))
    form = "table" if name else "objects"
    X, y = file.read(Schema(form, (country, Column("zip" if name else "", "text"))))
    assert X["country"].isna().tolist() == [False, True, False]
    assert [*X["zip"][:2]] == ["007", "010"]
    assert y.tolist() == ["NA", "None", "n/a"]
