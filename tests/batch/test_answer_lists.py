"""The columns of lists do not depend on which rows were called together."""

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from modelship.batch.answer_lists import widths_of
from modelship.batch.answer_tables import answer_table, joined_answers
from modelship.batch.scorer.answer_columns import columns_of_answer

_ITEMS = st.integers(-9, 9) | st.none() | st.text("ab", max_size=2)
_ANSWERS = st.none() | st.integers(0, 9) | st.lists(_ITEMS, max_size=3)
_KEYS = st.sampled_from(["y", "y_0", "z"])
_DICTS = st.dictionaries(_KEYS, _ANSWERS)
_ONE_KIND = st.sampled_from([_ANSWERS, _DICTS, _DICTS | _ANSWERS])


def _split(answers, stops):
    """Return answers as they come from some calls, each with the rows up to one of the stops."""
    stops = sorted({*stops, 0, len(answers)} & {*range(len(answers) + 1)})
    parts = [answers[at:to] for at, to in pairwise(stops)]
    return [answer_table(*columns_of_answer(each, rows=len(each))) for each in parts]


@given(
    _ONE_KIND.flatmap(lambda kind: st.lists(kind, min_size=1, max_size=8)),
    st.sets(st.integers(1, 7)),
)
@example([[1, 2], [3], [4, 5]], {1, 2})
@example([[1, None], [], None], {1, 2})
@example([{"y": [1, 2]}, {"y": [1, 2], "y_0": 3}], {1})
def test_calls_together_have_the_columns_of_one_call(answers, stops):
    """With the same types and values, in the same order."""
    [whole] = _split(answers, {})
    joined = joined_answers(_split(answers, stops))
    assert joined.to_pylist() == whole.to_pylist()
    assert joined.schema == whole.schema
    assert widths_of(joined.schema) == widths_of(whole.schema)
