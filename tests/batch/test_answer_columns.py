"""What run() returned becomes columns of one value for each row."""

import datetime as dt
import json
import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelship.batch.answer_tables import answer_table, joined_answers, settled_answers
from modelship.batch.scorer.answer_columns import AnswerError, RowCountError, columns_of_answer
from modelship.server.http_contract import HttpAnswer


def _table(answer, rows):
    return answer_table(*columns_of_answer(answer, rows=rows))


_PROBABILITIES = {"predictions": ["a", "b"], "classes": ["a", 1]}
_ONE_EACH = {"prediction": [1, 2]}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ([1, 2], _ONE_EACH),
        ("[1, 2]", _ONE_EACH),
        (b'{"prediction": [1, 2]}', _ONE_EACH),
        ((1, 2), _ONE_EACH),
        (np.array([1, 2], "u1"), _ONE_EACH),
        (np.array([[1], [2]]), _ONE_EACH),
        ([[1], [2]], _ONE_EACH),
        (pd.Series([1, 2], index=[7, 8]), _ONE_EACH),
        (HttpAnswer(200, b"[1, 2]", b""), _ONE_EACH),
        (SimpleNamespace(status_code=200, get_data=lambda: b"[1, 2]"), _ONE_EACH),
        (np.array([[1, 2], [3, 4]]), {"prediction_0": [1, 3], "prediction_1": [2, 4]}),
        ([[1, 2], [3, 4]], {"prediction_0": [1, 3], "prediction_1": [2, 4]}),
        ({"y": [[1, 2], [3, 4]]}, {"y_0": [1, 3], "y_1": [2, 4]}),
        ([[1, 2], [3]], {"prediction": [[1, 2], [3]]}),
        ([{"a": 1}, {"b": "x", "a": None}], {"a": [1, None], "b": [None, "x"]}),
        ([{"a": 1}, None], {"a": [1, None], "prediction": [None, None]}),
        ([{"a": 1}, 0], {"a": [1, None], "prediction": [None, 0]}),
        ([{"a": 1}, {}], {"a": [1, None], "prediction": [None, None]}),
        (pd.DataFrame({"a": ["x", None], "b": [1, 2]}), {"a": ["x", None], "b": [1, 2]}),
        ([1, 2.5], {"prediction": [1.0, 2.5]}),
        ([1, "x"], {"prediction": ["1", "x"]}),
        ([1, 2**70], {"prediction": ["1", str(2**70)]}),
        ([True, False], {"prediction": [True, False]}),
        ([True, None], {"prediction": [True, None]}),
        ([math.nan, 1.0], {"prediction": [None, 1.0]}),
        (np.array([math.inf, 1.0]), {"prediction": [None, 1.0]}),
        (np.array(["a", "ü"]), {"prediction": ["a", "ü"]}),
        (np.array([0.5, 2], np.longdouble), {"prediction": [0.5, 2.0]}),
        ([np.int64(1), np.float32(0.5)], {"prediction": [1.0, 0.5]}),
        ([dt.date(2024, 5, 31), None], {"prediction": ["2024-05-31", None]}),
        (pd.Series([pd.NaT, pd.Timestamp(0)]), {"prediction": [None, "1970-01-01T00:00:00"]}),
    ],
)
def test_an_answer_for_two_rows_is_columns(answer, expected):
    """A list, an array, a dict, a table, JSON text and a response are read alike."""
    assert settled_answers(_table(answer, 2)).to_pydict() == expected


@pytest.mark.parametrize("of", [list, np.array])
def test_probabilities_are_named_after_their_classes(of):
    """The answer of a generated script has a column for each class."""
    answer = {**_PROBABILITIES, "probabilities": of([[0.25, 0.75], [0.5, 0.5]])}
    expected = {
        "prediction": ["a", "b"],
        "probability_a": [0.25, 0.5],
        "probability_1": [0.75, 0.5],
    }
    assert _table(answer, 2).to_pydict() == expected


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ([1, 2, 3], "3 values for 2 rows"),
        ({"y": [1]}, "1 values under 'y' for 2 rows"),
        ([{"a": 1}], "1 values for 2 rows"),
        (np.zeros((3, 2)), "3 values for 2 rows"),
    ],
)
def test_another_number_of_values_is_refused(answer, says):
    """The message has both numbers, and the name of the column."""
    with pytest.raises(RowCountError, match=says):
        columns_of_answer(answer, rows=2)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (None, "returned None; 2 values, one for each row"),
        (7, "returned 7; 2 values"),
        (np.float64(7), "returned .*7.*; 2 values"),
        ("could not score", "returned the text 'could not score'; one value"),
        ({"error": "no such column"}, "returned 'no such column' under 'error'"),
        ('{"y": {"a": 1}}', "returned {'a': 1} under 'y'"),
        (HttpAnswer(400, b'{"message": "Row 1 is odd."}', b""), "status 400: Row 1 is odd."),
        (HttpAnswer(500, b"x" * 900, b""), "status 500: b'xxx"),
        ({**_PROBABILITIES, "probabilities": [[1], [2, 3]]}, "each of the 2 'classes'"),
        (pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]), "two columns of one name"),
        ({1: [1, 2], "1": [1, 2]}, "two columns of one name"),
        ({1, 2}, "returned {1, 2}; 2 values"),
    ],
)
def test_what_is_no_column_is_refused(answer, says):
    """The message shows what there is instead, such as the script's own error."""
    with pytest.raises(AnswerError, match=says):
        columns_of_answer(answer, rows=2)


_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_INTEGERS = st.integers(-(2**63), 2**63 - 1)
_VALUES = st.none() | st.booleans() | _INTEGERS | _FLOATS | st.text(max_size=3)


@given(st.lists(_VALUES, min_size=1, max_size=6), st.integers(0, 6))
def test_values_survive_however_the_rows_are_split_among_calls(values, at):
    """Only integers may be floats; as texts, whole numbers have no point, whatever they were."""
    parts = [part for part in (values[:at], values[at:]) if part]
    joined = joined_answers(_table({"y": [*part]}, len(part)) for part in parts)
    for found, value in zip(joined["y"].to_pylist(), values, strict=True):
        alike = [value, float(value)] if type(value) is int else [value]
        whole = [int(x) if type(x) is float and x.is_integer() else x for x in alike]
        assert found in (*alike, *map(json.dumps, whole))


def test_types_of_several_calls_are_joined():
    """Integers and floats are floats; null and a missing key are null; others are texts."""
    answers = [_table(each, 1) for each in ([1], [2.5], [None])]
    assert joined_answers(answers)["prediction"].to_pylist() == [1.0, 2.5, None]
    mixed = [_table(each, 1) for each in ([{"a": 1}], [{"a": "x"}], [{"b": True}])]
    assert joined_answers(mixed).to_pydict() == {"a": ["1", "x", None], "b": [None, None, True]}


def test_numbers_travel_as_they_are_in_memory():
    """An array of numbers is not converted to JSON, nor a list of numbers."""
    for answer, dtype in (
        (np.arange(3, dtype="f4"), "<f4"),
        ([1, 2, 3], "<i8"),
        ([0.5] * 3, "<f8"),
    ):
        [header], content = columns_of_answer(answer, rows=3)
        assert (header["dtype"], len(content)) == (dtype, header["bytes"])
    assert _table(np.arange(3, dtype="f4"), 3)["prediction"].type == pa.float32()
    assert json.dumps(header)
