"""What is the caller's fault is refused in the caller's words, and what is right is read."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline

from modelship.tables import Column, Refused, Schema, Table, schema_of_data

TEXTS = Table(Schema("values", (Column("t", "text", "object", missing_as="none"),)))
DATES = Table(Schema("table", (Column("since", "date", "datetime64[us]"),)))
ARRAY, DICTS = Table(Schema("array", width=2)), Table(Schema("records"))
LOOSE = Table(Schema("array", width=2), validate=False)
Y = [1.0, 2.0]
NUMBERS = LinearRegression().fit([[1, 2], [3, 5]], Y)


def _answer(table, model, body):
    return table.ask(model.predict, table.read(json.dumps(body)))


@pytest.mark.parametrize(
    ("table", "body", "says"),
    [
        (
            TEXTS,
            {"data": ["a", "b\ud83d"]},
            r"'\\ud83d' at data\[1\], which is half of a character",
        ),
        (DICTS, [{"zone": "\udc00"}], r"'\\udc00' at \[0\].zone, which is half"),
        (DICTS, [{"\ud83d": 1}], r"'\\ud83d' at \[0\], which is half"),
        (TEXTS, {"data": [None]}, "Row 0, .*: the model does not take a missing value"),
        (ARRAY, {"data": [[1]]}, "Row 0 has 1 value; 2 are expected"),
        (LOOSE, [[1, 2], [1, "x"]], "Row 1, column 1: .* a text that is not a number"),
        (ARRAY, [[1, 2], [1, "x"]], "Row 1, column 1: 'x' is given; a number is expected"),
        (ARRAY, [[1, 2], [1]], "Row 1 has 1 value; 2 are expected"),
        (ARRAY, [[1, 2], 3], "Row 1: a number is given; a list of values is expected"),
        (ARRAY, [[1, [2]]], "Row 0, column 1: a list is given; a number is expected"),
        (ARRAY, [[1, 10**400]], "Row 0, column 1: 1000.*… is given; a number is expected"),
        (ARRAY, [[[1, "a"], [1, 2]]], "Row 0, column 0: 'a' is given; a number is expected"),
        (ARRAY, [[[1], [2]]], "Row 0, column 0: a list is given; a number is expected"),
        (ARRAY, [{"a": 1, "b": 2}, {"a": 1}], "Row 1 lacks the key 'b'"),
        (ARRAY, {"inputs": {"a": [1], "b": [1, 2]}}, "different lengths: 1 to 2"),
        (ARRAY, {"inputs": {"a": 1}}, "Column 'a' is a number; a list of values is expected"),
        (ARRAY, [[1, None]], "Row 0, column 1: the model does not take a missing value"),
        (ARRAY, [[1e400, 1]], "Row 0, column 0: the model does not take an infinite number"),
        (ARRAY, [], "no rows"),
        (ARRAY, [1, 2], "Row 0 is a single value"),
        (DICTS, [], "no rows"),
        (LOOSE, [[1, 10**400]], "a number that is too large for a float"),
        (DICTS, [{"z": 1}, {"z": {"k": 1}}], "Row 1, 'z': an object is given"),
        (DICTS, [{"z": 1}, {"z": ["a", 1]}], "Row 1, 'z': a list is given; a list of texts"),
        (DICTS, [{"z": 1}, {"z": None}], "Row 1, 'z': null is given; .* not take a missing"),
        (DICTS, [{"z": 1}, {"z": 10**400}], "Row 1, 'z': a number is given; .* too large for"),
    ],
)
def test_rows_that_an_estimator_refuses_are_the_callers_fault(table, body, says):
    """Whatever the estimator raises for them, the text speaks of the request."""
    model = {
        id(TEXTS): make_pipeline(CountVectorizer(), Ridge()).fit(["a word", "more"], Y),
        id(ARRAY): NUMBERS,
        id(LOOSE): NUMBERS,
        id(DICTS): make_pipeline(DictVectorizer(), Ridge()).fit([{"z": 1}, {"z": 2}], Y),
    }[id(table)]
    with pytest.raises(Refused, match=says):
        _answer(table, model, body)


def test_an_error_that_speaks_of_other_rows_stays_an_error():
    """A step that gives the next one too few columns is no fault of the caller's."""
    model = LinearRegression().fit([[1, 2], [3, 5]], Y)
    with pytest.raises(ValueError, match="is expecting 2"):
        ARRAY.ask(lambda rows: model.predict(rows[:, :1]), np.ones((1, 2)))


def test_a_list_in_a_cell_is_refused_without_validation():
    """No column of a known kind holds one."""
    table = Table(Schema("table", (Column("zone", "text", "object"),)), validate=False)
    with pytest.raises(Refused, match="Row 0, column 'zone': \\['n'\\] is given"):
        table.read('[{"zone": ["n"]}]')
    assert table.read('[{"zone": 3}]')["zone"].tolist() == [3]


def test_a_column_whose_name_is_empty_is_matched_by_name():
    """One name may be empty: the names still tell the columns."""
    table = Table(Schema("table", (Column("", "number", "float64"), Column("x", "number"))))
    read = table.read('{"columns": ["x", ""], "data": [[5, 1]]}')
    assert (read[""].tolist(), read["x"].tolist()) == ([1], [5])


@pytest.mark.parametrize("name", ["data", "instances", "inputs"])
def test_a_column_may_be_called_as_the_key_of_the_rows(name):
    """Lists and objects in the list are rows; other values are the column's."""
    table = Table(Schema("table", (Column(name, "text", "object"),)))
    for rows in ([{name: "p"}], [["p"]], ["p"]):
        assert table.read(json.dumps({name: rows}))[name].tolist() == ["p"]


def test_a_split_body_of_one_column_is_read_by_a_model_of_texts():
    """The one column is the text, whatever it is called."""
    split = {"columns": ["t"], "data": [["a word"]]}
    for body in (split, {"dataframe_split": {"index": [0], **split}}):
        assert list(TEXTS.read(json.dumps(body))) == ["a word"]


def test_a_missing_value_is_blamed_on_a_column_that_takes_none():
    """Gaps in columns that may have some are not the cause."""
    columns = (Column("letter", "number", missing=True), Column("age", "number"))
    table = Table(Schema("table", columns))

    def predict(_):
        raise ValueError("Input X contains NaN.")

    with pytest.raises(Refused, match="Row 1, column 'age': the model"):
        table.ask(predict, table.read("[[null, 1], [null, null]]"))


@pytest.mark.parametrize(
    ("dates", "says"),
    [
        (["2024-01-01"] * 3 + ["someday"], "Row 3, column 'since': 'someday' is given; a date in"),
        (["2024-01-01", "now"], "Row 1, column 'since': 'now' is given"),
        (["2024-01-01T00:00+01:00", "2024-01-01T00:00+02:00"], "Row 0, .* without a time zone"),
        (["2024-01-01", "2024-01-01T00:00+02:00"], "Row 1, .* without a time zone is expected"),
    ],
)
def test_a_bad_date_is_named_with_its_row(dates, says):
    """The text is for the one who sent it, and not pandas' advice."""
    with pytest.raises(Refused, match=says) as caught:
        DATES.read(json.dumps([[date] for date in dates]))
    assert "pandas" not in str(caught.value)
    assert "format" not in str(caught.value)
    assert DATES.read('[["2024-01-01"], [null]]')["since"].tolist()[0] == pd.Timestamp(2024, 1, 1)


def test_an_empty_body_says_which_header_to_send():
    """A form, which curl sends by itself, arrives as an empty text."""
    with pytest.raises(Refused, match="The body is empty; .* Content-Type: application/json"):
        DATES.read("")


@pytest.mark.parametrize("dtype", ["bool", "boolean", "object"])
def test_texts_of_truth_values_are_such_without_validation(dtype):
    """A text that is true for Python, since it is not empty, is no true value."""
    table = Table(Schema("table", (Column("new", "boolean", dtype),)), validate=False)
    read = table.read('[["false"], ["True"], [true]]')["new"]
    assert (str(read.dtype), read.tolist()) == (dtype, [False, True, True])
    assert table.read("[[0], [1]]")["new"].tolist() == [False, True]
    if dtype != "object":
        with pytest.raises(Refused, match="Row 1, column 'new': 'no' is given; true or false"):
            table.read('[["false"], ["no"]]')


def test_a_text_that_is_no_number_is_named_without_validation():
    """Neither pandas' words nor an error of the model say which it is."""
    table = Table(Schema("table", (Column("age", "number", "float64"),)), validate=False)
    with pytest.raises(Refused, match="Row 1, column 'age': 'x' is given; a number is expected"):
        table.read('[["1"], ["x"]]')
    columns = (Column("zone", "text", "object"), Column("new", "boolean", "object"))
    flags = Table(Schema("table", columns), validate=False)

    def predict(_):
        raise ValueError("could not convert string to float: 'no'")

    with pytest.raises(Refused, match="Row 0, column 'new': .* a text that is not a number"):
        flags.ask(predict, flags.read('[["no", "no"]]'))
    with pytest.raises(ValueError, match="could not convert"):
        flags.ask(predict, flags.read('[["no", true]]'))


def test_characters_of_two_halves_are_whole():
    """JSON writes an emoji as two escapes; a backslash before a "u" is none."""
    for text in ("\U0001f600", "\\ud83d", "C:\\Users"):
        assert list(TEXTS.read(json.dumps([text]))) == [text]


def test_a_name_that_a_caller_made_up_is_cut():
    """The answer is not as long as the body, whatever is in it."""
    body = [{"since": None, "x" * 10_000: 1}]
    with pytest.raises(Refused, match=r"unknown column 'x{198}…; the columns are since") as refused:
        DATES.read(json.dumps(body))
    assert len(str(refused.value)) < 300


def test_what_is_told_of_a_request_is_no_longer_than_a_page():
    """An error of pandas, in a refusal, holds all of a value."""
    assert len(str(Refused("could not convert " + "x" * 10_000))) == 2_000


def test_an_object_among_lists_is_refused_as_what_it_is():
    """The message says what the first row is."""
    with pytest.raises(Refused, match="Row 1 is an object; a list is expected, as row 0 is"):
        DATES.read('[["2024-05-31"], {"since": "2024-05-31"}]')


def test_a_text_of_too_many_digits_is_no_number():
    """Reading it would take pandas seconds."""
    table = Table(Schema("table", (Column("age", "number", "Int64"),)), validate=False)
    assert table.read('[["12"]]')["age"].tolist() == [12]
    with pytest.raises(Refused, match="Row 0, column 'age': '111"):
        table.read(json.dumps([["1" * 1_000_000]]))


@pytest.mark.parametrize("by", [str, ["note", "other", "unused"].index])
def test_a_gap_is_named_only_in_columns_that_the_model_takes(by):
    """A ColumnTransformer leaves out what no step takes."""
    X = pd.DataFrame({"note": ["a b", "c d"], "other": ["x", "y"], "unused": [1.0, 2.0]})
    words = CountVectorizer(token_pattern=r"\w")
    pick = make_column_transformer((words, by("note")), ("drop", [by("other")]))
    model = make_pipeline(pick, Ridge()).fit(X, Y)
    row = dict.fromkeys(X.columns)
    with pytest.raises(Refused, match=r"^Row 0, column 'note': the model does not take"):
        _answer(Table(schema_of_data(X)), model, [row])
