"""The columns of answers do not depend on which rows were called together."""

import json
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelship.batch.answer_lists import widths_of, with_lists
from modelship.batch.answer_tables import answer_table, joined_answers, settled_answers
from modelship.batch.answer_values import settled
from modelship.batch.scorer.answer_columns import columns_of_answer

_BEYOND = st.sampled_from([2**53 + 1, -(2**53) - 1, 2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**80])
_NUMBERS = st.integers(-9, 9) | _BEYOND | st.sampled_from([0.5, 2.0, -0.0, float("nan")])
_ITEMS = _NUMBERS | st.none() | st.booleans() | st.text("ab", max_size=2)
_NESTED = st.recursive(
    _ITEMS,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.sampled_from("ab"), each),
    max_leaves=4,
)
_ANSWERS = _NUMBERS | _NESTED
_KEYS = st.sampled_from(["y", "y_0", "z"])
_DICTS = st.dictionaries(_KEYS, _ANSWERS)
_LISTS = st.lists(_NUMBERS | st.none(), min_size=1, max_size=2)
_ONE_KIND = st.sampled_from([_NUMBERS, _LISTS, _ANSWERS, _DICTS, _DICTS | _ANSWERS])


def _split(answers, stops):
    """Return answers as they come from some calls, each with the rows up to one of the stops."""
    stops = sorted({*stops, 0, len(answers)} & {*range(len(answers) + 1)})
    parts = [answers[at:to] for at, to in pairwise(stops)]
    return [answer_table(*columns_of_answer(each, rows=len(each))) for each in parts]


def _texts(table):
    """Return what is written if the answers of other pieces have other types."""
    lists = with_lists(table, widths_of(table.schema))
    return {name: settled(lists.column(name), None).to_pylist() for name in lists.column_names}


@given(
    _ONE_KIND.flatmap(lambda kind: st.lists(kind, min_size=1, max_size=8)),
    st.sets(st.integers(1, 7)),
)
@example([[1, 2], [3], [4, 5]], {1, 2})
@example([[1, None], [], None], {1, 2})
@example([{"y": [1, 2]}, {"y": [1, 2], "y_0": 3}], {1})
@example([["1", 2], [1, 2], [3]], {1})
@example([[1], [0.5], [1, 2], "a"], {1, 2, 3})
@example([{"z": {}}, {"z": {"a": None}}, {"z": "b"}], {1, 2})
@example([2**53 + 1, 0.5, "a"], {2})
@example([-1, 2**63, 0.5], {1, 2})
def test_calls_together_have_the_columns_of_one_call(answers, stops):
    """With the same types and values, in the same order; also if other pieces make them texts."""
    [whole] = _split(answers, {})
    together = joined_answers(_split(answers, stops))
    assert _texts(together) == _texts(whole)
    whole, joined = settled_answers(whole), settled_answers(together)
    assert joined.to_pylist() == whole.to_pylist()
    assert joined.schema == whole.schema
    assert widths_of(joined.schema) == widths_of(whole.schema)


@pytest.mark.parametrize(
    ("answers", "kind", "expected"),
    [
        ([1, 2**64 - 1], pa.uint64(), [1, 2**64 - 1]),
        ([-1, 2**63], pa.string(), ["-1", str(2**63)]),
        ([1, 2**64], pa.string(), ["1", str(2**64)]),
        ([1, 10**80], pa.string(), ["1", str(10**80)]),
        ([-1, 2**63, 0.5], pa.float64(), [-1.0, 2.0**63, 0.5]),
        ([2**53 + 1, 0.5, "a"], pa.string(), [str(2**53 + 1), "0.5", "a"]),
        ([["1", 2], [1.0, 2], {}, {"a": None}, "b"], pa.string(), ...),
        ([[1, 2], [2**63]], pa.string(), ["[1, 2]", f"[{2**63}]"]),
        ([[1, 0.5], [2]], pa.list_(pa.float64()), [[1.0, 0.5], [2.0]]),
    ],
)
def test_no_value_is_changed(answers, kind, expected):
    """Whole numbers beyond 64 bits are texts, and lists in texts are spelled as run() did."""
    if expected is ...:
        expected = [each if isinstance(each, str) else json.dumps(each) for each in answers]
    made = answer_table(*columns_of_answer({"y": answers}, rows=len(answers)))
    column = settled_answers(made).column("y")
    assert (column.type, column.to_pylist()) == (kind, expected)
