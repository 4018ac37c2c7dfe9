"""From Python's values to JSON's: one rule for requests, samples and answers."""

import datetime as dt
import decimal
import uuid

import numpy as np
import pandas as pd
import pytest

from modelship.tables import NoPlainForm, to_plain
from modelship.tables.plain import lists_of, to_answer

FRAME = pd.DataFrame(
    {
        "zone": ["n", None],
        "age": [1, 2],
        "rate": [0.5, np.nan],
        "since": pd.to_datetime(["2024-05-31", None]),
        "grade": pd.Categorical(["x", None]),
    }
)


def test_a_frame_becomes_records_in_the_order_of_its_columns():
    """What is missing is null, and a date is in ISO 8601."""
    first = {"zone": "n", "age": 1, "rate": 0.5, "since": "2024-05-31T00:00:00", "grade": "x"}
    second = {"zone": None, "age": 2, "rate": None, "since": None, "grade": None}
    assert to_plain(FRAME) == [first, second]
    assert list(to_plain(FRAME)[0]) == list(FRAME.columns)


def test_a_frame_without_names_becomes_rows():
    """Column labels that are numbers are no names."""
    assert to_plain(pd.DataFrame([[1, "a"]])) == [[1, "a"]]


def test_rows_of_a_frame_keep_the_kind_of_each_column():
    """A whole number beside fractions stays whole."""
    assert lists_of(FRAME[["age", "rate"]]) == [[1, 0.5], [2, None]]


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.float64("nan"), None),
        (float("nan"), None),
        (np.array([[1.5, np.nan]]), [[1.5, None]]),
        (np.array([1, 2], dtype="int8"), [1, 2]),
        (np.array(["a", 1], dtype=object), ["a", 1]),
        (np.datetime64("2024-05-31"), "2024-05-31"),
        (np.datetime64("NaT"), None),
        (pd.NaT, None),
        (pd.NA, None),
        (pd.Timestamp("2024-05-31T12:00Z"), "2024-05-31T12:00:00+00:00"),
        (dt.date(2024, 5, 31), "2024-05-31"),
        (dt.timedelta(seconds=90), "PT90S"),
        (pd.Period("2024-05", freq="M"), "2024-05"),
        (decimal.Decimal("1.5"), 1.5),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ({"a": np.int64(1), np.int64(2): (True, None)}, {"a": 1, 2: [True, None]}),
        (pd.Series([1, 2]), [1, 2]),
    ],
)
def test_a_value_has_one_form(value, plain):
    """Each kind of value is written in the way that the module says."""
    assert to_plain(value) == plain


def test_a_value_without_a_form_is_named_with_its_place():
    """The message says of which type it is, and where."""
    with pytest.raises(NoPlainForm, match=r"type set at data\[0\]\.x has no JSON form"):
        to_plain({"data": [{"x": {1}}]})


def test_two_columns_of_one_name_are_refused():
    """Records could not hold both."""
    frame = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(NoPlainForm, match="two columns of the DataFrame are named 'a'"):
        to_plain(frame)


@pytest.mark.parametrize(
    ("predictions", "answer"),
    [
        (np.array([1.5, np.inf, -np.inf, np.nan]), [1.5, None, None, None]),
        (pd.Series([np.inf, 1.0]), [None, 1.0]),
        ([np.array([[0.5, 0.5]]), np.array([[np.inf, 0.5]])], [[[0.5, 0.5]], [[None, 0.5]]]),
        ([{"low": np.float32("inf"), "label": "Infinity"}], [{"low": None, "label": "Infinity"}]),
    ],
)
def test_an_infinity_in_an_answer_is_null(predictions, answer):
    """JSON has none, and servers would differ in what they write."""
    assert to_answer(predictions) == answer
    assert to_plain(float("inf")) == float("inf")  # a request without it would be another one
